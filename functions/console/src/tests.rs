//! Rendering from values, without a store; passwords and codes by known answers; which requests are obeyed.

mod codes;
mod overview;
mod pages;
mod requests;
