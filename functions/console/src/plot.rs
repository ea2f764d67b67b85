//! A small graph of bars, drawn on the server: without a script and without styles of its own. What it shows also stands
//! in words: for a screen reader beside the picture, and for all in the table of the page.

use std::fmt::Write as _;

use ledger::Timestamp;
use maud::{Markup, html};

/// The picture's own measures; the page makes it as wide as its column.
const WIDTH: u64 = 360;
const HEIGHT: u64 = 72;

/// Bars of one colour, one for each part of the time.
#[derive(Clone)]
pub(crate) struct Layer {
    /// `good`, `bad` or `key`.
    pub(crate) class: &'static str,
    pub(crate) values: Vec<u64>,
}

pub(crate) struct Plot<'p> {
    /// Unique on its page.
    pub(crate) id: &'static str,
    pub(crate) title: &'p str,
    /// What the whole of it adds up to, as a reader writes it.
    pub(crate) total: String,
    /// The sentence for those who do not see the bars.
    pub(crate) text: String,
    /// One above the other, the first one below.
    pub(crate) layers: Vec<Layer>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// The day, and not the time of the day, at both ends.
    pub(crate) is_of_days: bool,
}

impl Plot<'_> {
    pub(crate) fn markup(&self) -> Markup {
        let (title_id, text_id) = (format!("{}-t", self.id), format!("{}-d", self.id));
        let label = |at: Timestamp| {
            let text = at.to_string();
            text.get(if self.is_of_days { 5..10 } else { 11..16 }).unwrap_or_default().to_owned()
        };
        html! {
            figure.plot {
                figcaption { span { (self.title) } " " strong { (self.total) } }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                    aria-labelledby={ (title_id) " " (text_id) } {
                    title id=(title_id) { (self.title) ": " (self.total) }
                    desc id=(text_id) { (self.text) }
                    @for (layer, path) in self.layers.iter().zip(self.paths()) {
                        @if !path.is_empty() { path class=(layer.class) d=(path) {} }
                    }
                }
                div.axis aria-hidden="true" { span { (label(self.from)) } span { (label(self.until)) } }
            }
        }
    }

    /// Of each layer its bars as one path: a page of many graphs stays small.
    fn paths(&self) -> Vec<String> {
        let parts = self.layers.iter().map(|layer| layer.values.len()).max().unwrap_or_default();
        let value = |layer: &Layer, part: usize| layer.values.get(part).copied().unwrap_or_default();
        let sum_of = |part: usize| self.layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(value(layer, part)));
        let highest = (0..parts).map(sum_of).max().unwrap_or_default();
        let (mut paths, mut below) = (Vec::new(), vec![0_u64; parts]);
        for layer in &self.layers {
            let mut path = String::new();
            for (part, below) in below.iter_mut().enumerate() {
                let value = value(layer, part);
                let (from, to) = (scaled(*below, highest), scaled(below.saturating_add(value), highest));
                *below = below.saturating_add(value);
                // The smallest value is still seen.
                let (to, height) =
                    if value > 0 && to <= from { (from.saturating_add(1), 1) } else { (to, to.saturating_sub(from)) };
                let (left, right) = (place(part, parts), place(part.saturating_add(1), parts));
                if height > 0 {
                    let (top, width) =
                        (HEIGHT.saturating_sub(to.min(HEIGHT)), right.saturating_sub(left).saturating_sub(1).max(1));
                    // A string takes everything.
                    let _ = write!(path, "M{left} {top}h{width}v{height}h-{width}z");
                }
            }
            paths.push(path);
        }
        paths
    }
}

fn scaled(value: u64, highest: u64) -> u64 {
    let scaled = u128::from(value).saturating_mul(HEIGHT.into()).checked_div(highest.into()).unwrap_or_default();
    u64::try_from(scaled).unwrap_or(HEIGHT)
}

fn place(part: usize, parts: usize) -> u64 {
    let part = u64::try_from(part).unwrap_or(u64::MAX).saturating_mul(WIDTH);
    part.checked_div(u64::try_from(parts).unwrap_or(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(layers: Vec<Layer>) -> Plot<'static> {
        let at = |text| Timestamp::parse_rfc3339(text).expect("a time");
        Plot {
            id: "p",
            title: "Events",
            total: "7".to_owned(),
            text: "At most 4.".to_owned(),
            layers,
            from: at("2026-01-01T10:00:00Z"),
            until: at("2026-01-01T12:30:00Z"),
            is_of_days: false,
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_the_highest_fills_the_picture() {
        let layers =
            vec![Layer { class: "good", values: vec![2, 0, 3] }, Layer { class: "bad", values: vec![0, 0, 1] }];
        assert_eq!(plot(layers).paths(), ["M0 36h119v36h-119zM240 18h119v54h-119z", "M240 0h119v18h-119z"]);
    }

    #[test]
    fn smallest_value_is_seen_and_the_largest_does_not_overflow() {
        let layers = vec![Layer { class: "good", values: vec![1, u64::MAX] }];
        assert_eq!(plot(layers).paths(), ["M0 71h179v1h-179zM180 0h179v72h-179z"]);
        assert_eq!(plot(vec![Layer { class: "good", values: vec![0; 3] }]).paths(), [""]);
        assert_eq!(plot(Vec::new()).paths(), Vec::<String>::new());
    }

    /// A browser ignores a style attribute under the policy of the console.
    #[test]
    fn picture_has_its_words_and_no_style() {
        let page = plot(vec![Layer { class: "good", values: vec![1; 120] }]).markup().into_string();
        assert!(page.contains(r#"role="img" aria-labelledby="p-t p-d""#), "{page}");
        assert!(page.contains(r#"<title id="p-t">Events: 7</title><desc id="p-d">At most 4.</desc>"#), "{page}");
        assert!(page.contains("<span>10:00</span><span>12:30</span>") && !page.contains("style"), "{page}");
        assert!(page.len() < 4_000, "{}", page.len());
    }
}
