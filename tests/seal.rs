//! Forgeries that must not compile: no consent, no row, no send is a type error.
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

#[test]
fn no_forgery_compiles() {
    trybuild::TestCases::new().compile_fail("tests/seal/*.rs");
}
