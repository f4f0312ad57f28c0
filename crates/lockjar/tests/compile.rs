//! What must not compile.

#[test]
fn a_router_that_was_never_mounted_does_not_compile() {
    let cases = trybuild::TestCases::new();
    // The control: what fails below fails for want of `mount` and of nothing else.
    cases.pass("tests/compile/mounted.rs");
    cases.compile_fail("tests/compile/never_mounted.rs");
    cases.compile_fail("tests/compile/never_mounted_optional.rs");
    cases.compile_fail("tests/compile/state_without_auth.rs");
}
