//! The open calls of a key: a set on the row of the account that pays for them. The transactions of their holds write that
//! row in any case, and whatever closes a hold ends its call. Without an open call the attribute is gone.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::Hold;

use crate::image::Image;
use crate::rows::{Row, number};

/// Of the id of a hold, which is random at its end.
const MARK_CHARS: usize = 12;

/// An open call, as the account has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCall {
    /// The attribute, which has the name of the key.
    attribute: String,
    mark: String,
    calls_max: u16,
}

impl OpenCall {
    /// `None` if the hold does not count.
    pub(crate) fn of(hold: &Hold) -> Option<Self> {
        let (calls_max, key) = (hold.calls_max?, hold.key.as_ref()?.short_id());
        let plain = key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
        let id = hold.id.as_str();
        let mark = id.get(id.len().saturating_sub(MARK_CHARS)..).unwrap_or(id).to_owned();
        Some(Self { attribute: format!("calls_of_{}", plain.collect::<String>()), mark, calls_max })
    }

    /// Under the condition that one more may be open.
    pub(crate) fn begin(&self, row: &mut Row) {
        let (attribute, calls_max) = (&self.attribute, row.value(number(&self.calls_max)));
        row.conditions.push(format!("(attribute_not_exists({attribute}) OR size({attribute}) < {calls_max})"));
        row.add_to_set(attribute, self.marks());
    }

    pub(crate) fn end(&self, row: &mut Row) {
        row.delete_from_set(&self.attribute, self.marks());
    }

    /// Whether the account has as many as may be open.
    pub(crate) fn is_one_too_many(&self, account: &Image) -> bool {
        let open = account.get(&self.attribute).and_then(|open| open.as_ss().ok());
        open.is_some_and(|open| open.len() >= usize::from(self.calls_max))
    }

    fn marks(&self) -> AttributeValue {
        AttributeValue::Ss(vec![self.mark.clone()])
    }
}
