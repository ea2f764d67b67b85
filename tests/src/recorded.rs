//! Files that a test compares with what the code does today, and writes when a variable says `write`.

#[expect(clippy::disallowed_methods, reason = "how a person has the files written")]
pub(crate) fn is_to_write(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|wish| wish == "write")
}
