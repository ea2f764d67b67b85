//! How many calls a key may make in a minute: an attribute of the rows of all keys.

use ledger::CallRate;

use crate::image::{Image, Read, Unreadable, number as read_number};
use crate::names;
use crate::rows::{Row, number};

pub(crate) fn set_over(row: &mut Row, from: Option<CallRate>, to: Option<CallRate>) {
    let [from, to] = [from, to].map(|rate| rate.as_ref().map(number));
    row.set_over(names::CALLS_A_MINUTE, from, to);
}

pub(crate) fn read(row: &Image) -> Read<Option<CallRate>> {
    if !row.contains_key(names::CALLS_A_MINUTE) {
        return Ok(None);
    }
    let calls = read_number(row, names::CALLS_A_MINUTE)?;
    CallRate::a_minute(calls).map(Some).map_err(|_| Unreadable(names::CALLS_A_MINUTE))
}
