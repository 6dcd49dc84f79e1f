//! Tests of [`expand`], each in a directory of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A directory for one test, gone with its end.
pub(in super::super) struct Dir(pub(in super::super) PathBuf);

impl Dir {
    /// With these files; the content of a file is its name.
    pub(in super::super) fn with(files: &[&str]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("flow-text-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = Dir(std::env::temp_dir().join(name));
        fs::create_dir_all(&dir.0).unwrap();
        for file in files {
            dir.write(file, file.as_bytes());
        }
        dir
    }

    pub(in super::super) fn write(&self, file: &str, content: &[u8]) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// What `path` stands for, less the name of this directory.
    fn expand(&self, path: &str) -> Vec<String> {
        let inputs = expand([self.0.join(path)]).unwrap();
        let name = |input| match input {
            Input::File(path, _) => {
                path.strip_prefix(&self.0).unwrap().to_str().unwrap().replace('\\', "/")
            }
            Input::Stdin => STDIN.to_owned(),
        };
        inputs.into_iter().map(name).collect()
    }

    fn error(&self, path: &str) -> String {
        expand([self.0.join(path)]).unwrap_err().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_directory_stands_for_all_its_visible_files_in_order() {
    let dir = Dir::with(&["b.txt", "a/z/1", "a/y", "a.txt", ".git/x", "a/.hidden", "c/.d/e"]);
    assert_eq!(dir.expand(""), ["a/y", "a/z/1", "a.txt", "b.txt"]);
    assert_eq!(dir.expand("a"), ["a/y", "a/z/1"]);
    // What is given by name is not hidden.
    assert_eq!(dir.expand(".git"), [".git/x"]);
    assert_eq!(dir.expand("a/.hidden"), ["a/.hidden"]);
    assert_eq!(dir.expand("c"), [""; 0]);
}

#[test]
fn a_pattern_stands_for_the_files_it_matches() {
    let dir =
        Dir::with(&["b.txt", "a.txt", "a.csv", ".c.txt", "d/e.txt", "d/f/g.txt", "d/.h/i.txt"]);
    assert_eq!(dir.expand("*.txt"), ["a.txt", "b.txt"]);
    assert_eq!(dir.expand("[ab].t?t"), ["a.txt", "b.txt"]);
    assert_eq!(dir.expand("**/*.txt"), ["a.txt", "b.txt", "d/e.txt", "d/f/g.txt"]);
    assert_eq!(dir.expand("d/**"), ["d/e.txt", "d/f/g.txt"]);
    assert_eq!(dir.expand("?/e.*"), ["d/e.txt"]);
    // A directory that matches stands for what is visible below it.
    assert_eq!(dir.expand("d*"), ["d/e.txt", "d/f/g.txt"]);
    assert_eq!(dir.expand("d/.*"), ["d/.h/i.txt"]);
    assert_eq!(dir.expand("**/f"), ["d/f/g.txt"]);
    assert_eq!(dir.expand(".*"), [".c.txt"]);
    assert_eq!(dir.expand("**/.h/*"), ["d/.h/i.txt"]);
    assert_eq!(dir.expand("d/../[a]*"), ["d/../a.csv", "d/../a.txt"]);
}

#[test]
fn a_path_that_exists_is_no_pattern() {
    let dir = Dir::with(&["a1", "a[1]"]);
    assert_eq!(dir.expand("a[1]"), ["a[1]"]);
    assert_eq!(dir.expand("?[1]"), ["a1"]);
}

#[test]
fn what_is_missing_is_named() {
    let dir = Dir::with(&["a.txt"]);
    assert!(dir.error("gone.txt").contains("gone.txt: "));
    assert!(dir.error("a.txt/b").starts_with("cannot find "));
    for pattern in ["*.csv", "gone/*", "a.txt/*", "*/*"] {
        let message = dir.error(pattern);
        assert!(message.starts_with("no file matches "), "{message}");
        assert!(message.ends_with(pattern), "{message}");
    }
    for pattern in ["[a", "a**", "*/***"] {
        assert!(dir.error(pattern).contains("is neither a path nor a pattern: "));
    }
}

#[test]
fn lengths_add_up_where_they_are_known() {
    let dir = Dir::with(&["four", "a/seven"]);
    let inputs = expand([&dir.0]).unwrap();
    assert_eq!(total_len(&inputs), Some(4 + 7));
    let inputs = expand([&*dir.0, Path::new(STDIN), &dir.0.join("four")]).unwrap();
    assert_eq!((inputs.len(), &inputs[2], total_len(&inputs)), (4, &Input::Stdin, None));
    assert_eq!(total_len(&[]), Some(0));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;

    let dir = Dir::with(&["a/b/file", "other/file"]);
    symlink(&dir.0, dir.0.join("a/b/up")).unwrap();
    symlink(".", dir.0.join("a/same")).unwrap();
    symlink(dir.0.join("other"), dir.0.join("a/other")).unwrap();
    assert_eq!(dir.expand("a"), ["a/b/file", "a/other/file"]);
    assert_eq!(dir.expand("a/**/file"), dir.expand("a"));

    // A file with two names is read once.
    symlink("file", dir.0.join("other/again")).unwrap();
    assert_eq!(dir.expand("other"), ["other/again"]);
    fs::remove_file(dir.0.join("other/again")).unwrap();

    // A link to nothing is missing data, unless it is left out anyway.
    symlink("nothing", dir.0.join("other/.lock")).unwrap();
    assert_eq!(dir.expand("other"), ["other/file"]);
    symlink("nothing", dir.0.join("other/broken")).unwrap();
    assert!(dir.error("other").contains("broken: "));
    assert_eq!(dir.expand("other/f*"), ["other/file"]);
}
