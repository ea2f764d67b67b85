//! Tests of the JSON reader: the value of each kind of field, and the path and problem of each error.

use ledger::Currency;

use super::*;

/// What `read` returns for this body: the value, or the error's text.
fn outcome<T: fmt::Debug>(body: &str, read: impl Fn(&JsonObject<'_>) -> Result<T, ParseError>) -> String {
    match JsonObject::of_body(body.as_bytes()).and_then(|body| read(&body)) {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn body_that_is_no_object_is_refused() {
    for body in ["", "null", "[]", "[1]", "\"a\"", "1", "{", "{\"a\":}", "{} {}", "{1:2}"] {
        assert_eq!(outcome(body, |_| Ok(())), "body must be a JSON object", "{body}");
    }
    assert_eq!(outcome(" {} ", |_| Ok(())), "()");
}

#[test]
fn field_is_read_by_its_type() {
    type Read = fn(&JsonField<'_>) -> Result<String, ParseError>;
    let text: Read = |field| field.text();
    let currency: Read = |field| field.parsed(Currency::parse).map(|currency| currency.to_string());
    let flag: Read = |field| Ok(field.flag()?.to_string());
    let whole: Read = |field| Ok(field.whole_number()?.to_string());
    let array: Read = |field| Ok(field.array()?.len().to_string());
    let second: Read = |field| field.array()?[1].text();
    let object: Read = |field| Ok(field.object()?.has("b").to_string());
    let signed: Read = |field| Ok(field.read::<i64>("must be whole seconds")?.to_string());
    let rows = [
        (r#""b""#, text, "b"),
        (r#""""#, text, ""),
        (r#""\u00e9""#, text, "é"),
        ("1", text, "a must be a text"),
        (r#""USD""#, currency, "USD"),
        (r#""$""#, currency, "a must be a currency of three letters"),
        ("1", currency, "a must be a text"),
        ("true", flag, "true"),
        ("1", flag, "a must be true or false"),
        ("0", whole, "0"),
        ("18446744073709551615", whole, "18446744073709551615"),
        ("18446744073709551616", whole, "a must be a whole number that is not negative"),
        ("-1", whole, "a must be a whole number that is not negative"),
        ("1.0", whole, "a must be a whole number that is not negative"),
        ("1e3", whole, "a must be a whole number that is not negative"),
        (r#""1""#, whole, "a must be a whole number that is not negative"),
        ("-1", signed, "-1"),
        ("0.5", signed, "a must be whole seconds"),
        ("[]", array, "0"),
        ("[1,null]", array, "2"),
        ("{}", array, "a must be a JSON array"),
        (r#"["b","c"]"#, second, "c"),
        (r#"["b",1]"#, second, "a[1] must be a text"),
        (r#"{"b":null}"#, object, "true"),
        ("[]", object, "a must be a JSON object"),
    ];
    for (value, read, expected) in rows {
        let body = format!(r#"{{"a":{value},"unread":1e999,"unread":2}}"#);
        let read = outcome(&body, |body| read(&body.required("a")?));
        assert_eq!(read.trim_matches('"'), expected, "{value}");
    }
}

#[test]
fn null_counts_as_absent_and_duplicate_is_refused() {
    let rows = [
        (r#"{"a":"b"}"#, r#"Some("b")"#, r#""b""#),
        ("{}", "None", "a is missing"),
        (r#"{"a":null}"#, "None", "a is missing"),
        (r#"{"a":"b","a":"b"}"#, "a stands twice", "a stands twice"),
        (r#"{"a":null,"a":"b"}"#, "a stands twice", "a stands twice"),
        (r#"{"a":"b","a":null}"#, "a stands twice", "a stands twice"),
        (r#"{"a":"b","\u0061":"c"}"#, "a stands twice", "a stands twice"),
    ];
    for (body, optional, required) in rows {
        assert_eq!(outcome(body, |body| body.text("a")), optional, "{body}");
        assert_eq!(outcome(body, |body| body.required("a")?.text()), required, "{body}");
    }
}

fn object<'b>(body: &JsonObject<'b>) -> Result<JsonObject<'b>, ParseError> {
    body.object("data")?.expect("data").required("object")?.object()
}

fn lines<'b>(body: &JsonObject<'b>) -> Result<Vec<JsonField<'b>>, ParseError> {
    object(body)?.required("lines")?.array()
}

#[test]
fn error_names_the_path_of_a_nested_field() {
    type Read<'r> = &'r dyn Fn(&JsonObject<'_>) -> Result<(), ParseError>;
    let body = r#"{"data":{"object":{"amount":"1","lines":[{"price":1},2]}}}"#;
    let rows: [(Read<'_>, &str); 6] = [
        (
            &|body| object(body)?.required("amount")?.whole_number().map(drop),
            "data.object.amount must be a whole number",
        ),
        (&|body| object(body)?.required("currency").map(drop), "data.object.currency is missing"),
        (&|body| Err(object(body)?.problem("status", "is unknown")), "data.object.status is unknown"),
        (
            &|body| lines(body)?[0].object()?.required("price")?.text().map(drop),
            "data.object.lines[0].price must be a text",
        ),
        (&|body| lines(body)?[1].object().map(drop), "data.object.lines[1] must be a JSON object"),
        (&|body| Err(lines(body)?[1].problem("is odd")), "data.object.lines[1] is odd"),
    ];
    for (read, expected) in rows {
        let error = outcome(body, read);
        assert!(error.starts_with(expected), "{error}");
    }
}
