//! What a deployment may say of WeChat, and what it is told; whole requests are tested in `tests/`.
