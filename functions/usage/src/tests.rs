//! Tests of what is this source's alone; whole requests are tested in `tests/`.
