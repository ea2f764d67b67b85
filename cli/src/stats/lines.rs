//! The numbers as text: a table for each question, and nothing for what there is not.

use serde_json::Value;

use super::facts::{DelayFacts, StatsFacts, WaitingFacts, milliseconds};
use crate::print::{self, Facts};

impl Facts for StatsFacts {
    fn print(&self) {
        print_all(self);
    }
}

fn print_all(stats: &StatsFacts) {
    print::line(format_args!("since {}", stats.since));
    sources(stats);
    counts(stats);
    let payments = &stats.payments;
    if payments.orders > 0 || payments.paid > 0 {
        let percent = payments
            .success_percent
            .as_ref()
            .map(|percent| format!("; of those made, {percent} % are paid by now"))
            .unwrap_or_default();
        print::line(format_args!("orders: {} made, {} paid{percent}", payments.orders, payments.paid));
    }
    delay("delivery of {} orders after their payment", stats.delivery.as_ref());
    delay("booking of {} payments after their provider's time", stats.sync.as_ref());
    if !stats.top_ups.is_empty() {
        let by_state = stats.top_ups.iter().map(|found| format!("{} {}", found.orders, found.state));
        let more = if stats.top_ups_more { ", of the newest orders" } else { "" };
        print::line(format_args!("top-ups: {}{more}", by_state.collect::<Vec<_>>().join(", ")));
    }
    table("waiting", stats.waiting.iter().map(waiting).collect());
    table(
        "backlogs, as the sweeps last found them",
        stats
            .backlogs
            .iter()
            .map(|backlog| {
                let oldest = if backlog.waiting > 0 {
                    format!("the oldest for {}", duration(backlog.oldest_seconds.saturating_mul(1_000_000)))
                } else {
                    String::new()
                };
                [backlog.name.clone(), backlog.waiting.to_string(), oldest]
            })
            .collect(),
    );
    let more = if stats.anomalies_more { " (there are more)" } else { "" };
    table(
        &format!("orders that need a person{more}"),
        stats
            .anomalies
            .iter()
            .map(|found| [found.day.clone(), found.orders.to_string(), found.reason.to_owned()])
            .collect(),
    );
    table(
        "alarms",
        stats.alarms.iter().map(|found| [found.source.clone(), found.count.to_string(), found.alarm.clone()]).collect(),
    );
}

/// A sentence with a place for their number.
fn delay(of: &str, delay: Option<&DelayFacts>) {
    let Some(DelayFacts { orders, of: delay, .. }) = delay else { return };
    let of = of.replace("{}", &orders.to_string());
    let [average, min, max] = [delay.average, delay.min, delay.max].map(duration);
    let share = |name: &str, us: Option<u64>| us.map(|us| format!(", {name} {}", duration(us))).unwrap_or_default();
    let shares = [share("p50", delay.p50), share("p99", delay.p99)].concat();
    print::line(format_args!("{of}: {average} on average, {min} to {max}{shares}"));
}

/// `2.345 ms`, `12.3 s`, `5 min 3 s`, `3 h 5 min`, `12 d 4 h`.
fn duration(us: u64) -> String {
    let seconds = us.div_euclid(1_000_000);
    let two = |all: u64, unit: &str, small: u64, small_unit: &str| {
        let rest = if small > 0 { format!(" {small} {small_unit}") } else { String::new() };
        format!("{all} {unit}{rest}")
    };
    let [minutes, hours, days] = [60, 3_600, 86_400].map(|unit| seconds.div_euclid(unit));
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{} ms", milliseconds(us)),
        (0, 0, 0, _) => format!("{seconds}.{} s", us.div_euclid(100_000).rem_euclid(10)),
        (0, 0, ..) => two(minutes, "min", seconds.rem_euclid(60), "s"),
        (0, ..) => two(hours, "h", minutes.rem_euclid(60), "min"),
        _ => two(days, "d", hours.rem_euclid(24), "h"),
    }
}

fn table<const N: usize>(title: &str, rows: Vec<[String; N]>) {
    if rows.is_empty() {
        return;
    }
    print::line(format_args!("{title}:"));
    let rows = rows.into_iter().map(|mut row| {
        if let Some(first) = row.first_mut() {
            first.insert_str(0, "  ");
        }
        row
    });
    print::columns(&rows.collect::<Vec<_>>());
}

fn sources(stats: &StatsFacts) {
    if stats.sources.is_empty() {
        print::line("no events");
        return;
    }
    let head = ["source", "events", "a minute", "success", "repeats", "p50 ms", "p99 ms", "latest"].map(str::to_owned);
    let rows = stats.sources.iter().map(|source| {
        let percent = source.success_percent.as_ref().map(|percent| format!("{percent} %")).unwrap_or_default();
        let [p50, p99, latest] =
            [&source.p50_ms, &source.p99_ms, &source.latest].map(|text| text.clone().unwrap_or_default());
        let (events, repeats) = (source.events.to_string(), source.repeats.to_string());
        [source.source.clone(), events, source.per_minute.clone(), percent, repeats, p50, p99, latest]
    });
    print::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
}

fn counts(stats: &StatsFacts) {
    let rows = stats.counts.iter().map(|count| {
        let words = count.by.values().map(|word| word.as_str().unwrap_or("-").to_owned());
        [words.collect::<Vec<String>>().join(" "), count.events.to_string()]
    });
    let by =
        stats.counts.first().map(|count| count.by.iter().map(|(name, _): (&String, &Value)| name.as_str()).collect());
    let by: Vec<&str> = by.unwrap_or_default();
    table(&format!("events by {}", by.join(" ")), rows.collect());
}

fn waiting(waiting: &WaitingFacts) -> [String; 3] {
    let more = if waiting.more { " or more" } else { "" };
    let since = waiting.since.as_ref().map(|since| format!("since {since}")).unwrap_or_default();
    [waiting.text.clone(), format!("{}{more}", waiting.count), since]
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn duration_has_the_units_that_a_person_reads() {
        for (us, expected) in [
            (0, "0.000 ms"),
            (2_345, "2.345 ms"),
            (999_999, "999.999 ms"),
            (1_000_000, "1.0 s"),
            (59_990_000, "59.9 s"),
            (60_000_000, "1 min"),
            (303_000_000, "5 min 3 s"),
            (3_600_000_000, "1 h"),
            (11_100_000_000, "3 h 5 min"),
            (86_400_000_000, "1 d"),
            (28_774_806_679_500, "333 d 1 h"),
            (u64::MAX, "213503982 d 8 h"),
        ] {
            assert_eq!(duration(us), expected, "{us}");
        }
    }
}
