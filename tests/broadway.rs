//! Parity with Broadway: `docs/broadway.md` names a test for what every capability does.

mod parity;

#[test]
fn every_row_of_the_page_names_tests_that_exist() {
    assert!(parity::rows_with_their_tests("broadway") >= 20);
}
