//! `docs/coming-from.md` is made here. Both cells of a row are code that is compiled, run and compared,
//! and their texts are taken from that code. `BLESS=1 cargo test --test coming_from` writes the page
//! anew.

mod elixir;
mod futures;
mod iterator;
mod itertools;
mod page;
mod rayon;

use page::{Page, same_text};
use std::{env, fs};

const HEAD: &str = "\
# Coming from elsewhere

What you know from `Iterator`, itertools, rayon, futures and Elixir's Flow, and how it is said here. In
every row with a counterpart both sides are compiled, run and compared by `tests/coming_from/`, which also
writes this page.

Everywhere the same:

- A flow is lazy, and its terminal returns a `Result` with the first cause of a failure: hence the `?`.
- Closures are `Fn`, not `FnMut`: instances of a stage share them. State belongs in `scan`, `map_init`,
  `reduce` or a sink.
- `collect` keeps the source's order. `for_each`, sinks and iterators see events as they come, unless
  `ordered()` is before them. Behind `partition`, `key_by`, `merge`, a branch or several sources there is none,
  and what needs one does not compile there.
- `with_iter(|events| ..)` gives a real iterator over the results: what has no verb here is found there.
";

#[test]
fn the_page_says_what_was_run() {
    let mut page = Page::new(HEAD);
    iterator::rows(&mut page);
    itertools::rows(&mut page);
    rayon::rows(&mut page);
    futures::rows(&mut page);
    elixir::rows(&mut page);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/coming-from.md");
    if env::var_os("BLESS").is_some() {
        fs::write(path, page.text()).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        same_text(&written, page.text()),
        "{path} is not what the rows say: `BLESS=1 cargo test --test coming_from` writes it anew"
    );
}
