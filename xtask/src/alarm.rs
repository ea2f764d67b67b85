//! The model of a CloudWatch alarm: its metric, its condition, its meaning and the operator's action.

/// The namespace of the functions' metrics, in the template's notation.
pub const OURS: &str = "hookledger-${Stage}";
pub const MINUTE: u32 = 60;
pub const HOUR: u32 = 3_600;
pub const DAY: u32 = 86_400;

/// One alarm: a resource of `infra/watch.yaml`, and a row of the table in `docs/operate.md`.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The name without the stage: `not-fulfilled`.
    pub name: String,
    /// The reason for its condition, as a comment in the template. Empty if the condition explains itself.
    pub comment: &'static str,
    pub when: Condition,
    /// The meaning. It is also the alarm's description, and so the text of its e-mail.
    pub means: Text,
    pub to_do: Text,
}

/// A text in both languages of the documentation. Links are relative to `docs/`.
#[derive(Debug, Clone)]
pub struct Text {
    pub en: String,
    pub zh: String,
}

/// The condition of an alarm.
#[derive(Debug, Clone)]
pub struct Condition {
    pub value: Value,
    pub comparison: Comparison,
    pub threshold: Threshold,
    /// The number of evaluated periods, and of those in which the value must be beyond the threshold.
    pub periods: u32,
    pub breaching_periods: u32,
    pub missing: Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    AtLeast,
    Above,
    Below,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    Number(u32),
    /// The template's parameter of this name.
    Parameter(&'static str),
}

/// The treatment of a period without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Without sales there are no metrics.
    Fine,
    /// A scheduled run has metrics even without work.
    Breaching,
}

#[derive(Debug, Clone)]
pub enum Value {
    Metric(Metric),
    Expression {
        formula: String,
        label: &'static str,
        /// The metrics, each under its id in the formula.
        of: Vec<(String, Metric)>,
    },
}

/// A metric of CloudWatch. `${Stage}` in a namespace or a dimension is the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub namespace: &'static str,
    pub name: &'static str,
    pub dimensions: Vec<(&'static str, String)>,
    pub statistic: Statistic,
    pub period_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Sum,
    Maximum,
    P99,
}

impl Alarm {
    /// The name of its resource: `NotFulfilledAlarm`.
    pub fn logical_id(&self) -> String {
        let capitalised = |word: &str| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
        };
        self.name.split('-').map(capitalised).chain(["Alarm".to_owned()]).collect()
    }
}

impl Value {
    pub fn metrics(&self) -> Vec<&Metric> {
        match self {
            Self::Metric(metric) => vec![metric],
            Self::Expression { of, .. } => of.iter().map(|(_, metric)| metric).collect(),
        }
    }
}

impl From<Metric> for Value {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
}

impl Condition {
    /// Breaching in each of so many consecutive periods.
    pub(crate) fn for_periods(self, periods: u32) -> Self {
        Self { periods, breaching_periods: periods, ..self }
    }

    /// Breaching in any of so many periods.
    pub(crate) fn in_any_of(self, periods: u32) -> Self {
        Self { periods, breaching_periods: 1, ..self }
    }

    pub(crate) fn or_without_data(self) -> Self {
        Self { missing: Missing::Breaching, ..self }
    }
}

fn condition(comparison: Comparison, threshold: Threshold, value: Value) -> Condition {
    Condition { value, comparison, threshold, periods: 1, breaching_periods: 1, missing: Missing::Fine }
}

pub(crate) fn at_least(number: u32, value: impl Into<Value>) -> Condition {
    condition(Comparison::AtLeast, Threshold::Number(number), value.into())
}

pub(crate) fn at_least_parameter(name: &'static str, value: impl Into<Value>) -> Condition {
    condition(Comparison::AtLeast, Threshold::Parameter(name), value.into())
}

pub(crate) fn above(number: u32, value: impl Into<Value>) -> Condition {
    condition(Comparison::Above, Threshold::Number(number), value.into())
}

pub(crate) fn below(number: u32, value: impl Into<Value>) -> Condition {
    condition(Comparison::Below, Threshold::Number(number), value.into())
}

pub(crate) fn expression(
    label: &'static str,
    formula: impl Into<String>,
    of: impl IntoIterator<Item = (impl Into<String>, Metric)>,
) -> Value {
    let of = of.into_iter().map(|(id, metric)| (id.into(), metric)).collect();
    Value::Expression { formula: formula.into(), label, of }
}

/// The sum of metrics that have data while their functions run: a metric without data adds nothing.
pub(crate) fn sum(label: &'static str, of: impl IntoIterator<Item = (impl Into<String>, Metric)>) -> Value {
    expression(label, "SUM(METRICS())", of)
}

impl Metric {
    pub(crate) fn of(namespace: &'static str, name: &'static str) -> Self {
        Self { namespace, name, dimensions: Vec::new(), statistic: Statistic::Sum, period_s: 5 * MINUTE }
    }

    pub(crate) fn by(mut self, dimension: &'static str, value: impl Into<String>) -> Self {
        self.dimensions.push((dimension, value.into()));
        self
    }

    pub(crate) fn over(self, period_s: u32) -> Self {
        Self { period_s, ..self }
    }

    pub(crate) fn maximum(self) -> Self {
        Self { statistic: Statistic::Maximum, ..self }
    }

    pub(crate) fn p99(self) -> Self {
        Self { statistic: Statistic::P99, ..self }
    }
}

/// The number of log lines that raise this alarm.
pub(crate) fn raised(source: &str, alarm: &str) -> Metric {
    Metric::of(OURS, "alarms").by("source", source).by("alarm", alarm)
}

/// The number of a source's events with this outcome.
pub(crate) fn outcomes(source: &str, outcome: &str) -> Metric {
    Metric::of(OURS, "events").by("source", source).by("outcome", outcome)
}

/// `waiting` or `oldest_s` of a sweep's backlog.
pub(crate) fn backlog(name: &'static str, backlog: &str) -> Metric {
    Metric::of(OURS, name).by("backlog", backlog).maximum()
}

pub(crate) fn text(en: impl Into<String>, zh: impl Into<String>) -> Text {
    Text { en: en.into(), zh: zh.into() }
}
