//! The dashboard in `infra/watch.yaml`: each graph shows a metric that the code emits.

use super::*;

/// Every graph has emitted metrics, no two graphs overlap, and every function, table, index and queue with an alarm has
/// a graph.
#[test]
fn dashboard_graphs_every_alarmed_resource() {
    let watch = watch();
    let (_, dashboard) = of_type(&watch, "AWS::CloudWatch::Dashboard")[0];
    let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().or(dashboard["DashboardBody"].as_str()).expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let (mut cells, mut searches, mut shown) = (BTreeSet::new(), 0, BTreeSet::new());
    for widget in body["widgets"].as_array().expect("widgets") {
        let number = |name: &str| widget[name].as_u64().expect("a number");
        for x in number("x")..number("x") + number("width") {
            for y in number("y")..number("y") + number("height") {
                assert!(x < 24 && cells.insert((x, y)), "{widget}");
            }
        }
        let (properties, title) = (&widget["properties"], &widget["properties"]["title"]);
        let mut above: Vec<String> = Vec::new();
        for metric in properties["metrics"].as_array().into_iter().flatten() {
            let parts: Vec<&Value> = metric.as_array().expect("a metric").iter().collect();
            if let Some(expression) = parts[0]["expression"].as_str() {
                searches += usize::from(expression.starts_with("SEARCH("));
                assert_is_found(expression, &title.to_string());
                continue;
            }
            let written: Vec<String> = parts.iter().filter_map(|part| part.as_str().map(str::to_owned)).collect();
            if written != ["..."] {
                let same = |(at, part): (usize, String)| if part == "." { above[at].clone() } else { part };
                above = written.into_iter().enumerate().map(same).collect();
            }
            let dimensions = above[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            let watched = Watched { namespace: above[0].clone(), metric: above[1].clone(), dimensions };
            assert_is_measured(&watched, &title.to_string());
            shown.insert(watched);
        }
    }
    assert!(searches >= 5, "the graphs of the business were read");
    let on_alarms = alarms().into_iter().filter(|(name, _)| {
        name.starts_with("throttled")
            || ["errors", "errors-apis", "errors-workers", "dead-letters"].contains(&name.as_str())
    });
    for watched in on_alarms.flat_map(|(_, metrics)| metrics) {
        assert!(shown.contains(&watched), "no graph of {watched:?}");
    }
}

/// `SEARCH('{"namespace",dimension,…} … MetricName="metric"', …)`, or arithmetic on the lines above.
fn assert_is_found(expression: &str, by: &str) {
    let Some(search) = expression.strip_prefix("SEARCH('{\"hookledger-local\"") else {
        assert!(!expression.contains("SEARCH"), "{by}: {expression}");
        return;
    };
    let (dimensions, rest) = search.split_once('}').expect("a set");
    let dimensions = dimensions.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let metric = rest.split_once("MetricName=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a name").0;
    assert!(emitted().contains(&(metric.to_owned(), dimensions)), "{by}: no function emits {expression}");
}
