//! Forgeries that must not compile: no consent, no row, no send is a type error.

#[test]
fn no_forgery_compiles() {
    trybuild::TestCases::new().compile_fail("tests/seal/*.rs");
}
