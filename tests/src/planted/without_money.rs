//! Rows of the tables that have no money.

use serde_json::json;

use super::{Defence, Planted, text, write_row};

pub(super) fn rows() -> [Planted; 2] {
    [
        Planted {
            table: "calls",
            name: "a minute in which a key has made all its calls",
            key: "calls#key#api#0#29453760",
            plant: |world, _| {
                write_row("calls", world, "calls#key#api#0#29453760", &json!({ "calls": { "N": "60000" } }));
            },
            stopped_by: Defence::Nothing,
        },
        Planted {
            table: "operators",
            name: "an operator of the console",
            key: "operator#eve",
            plant: |world, _| {
                let fields = json!({ "role": text("operator"), "sign_ins": { "N": "0" }, "version": { "N": "1" } });
                write_row("operators", world, "operator#eve", &fields);
            },
            stopped_by: Defence::Roles(&["console"]),
        },
    ]
}
