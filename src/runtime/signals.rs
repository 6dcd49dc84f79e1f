//! Signals: what is said to a run from outside, by name, for operators that listen.
//!
//! Every instance that listens has a post of its own. It looks there between two batches, which costs
//! one load; a signal wakes its task, so that it looks although nothing comes.

use super::task::TaskRef;
use crate::error::{ErrorKind, FlowError};
use crate::sync::unpoisoned;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// All listeners of a run.
#[derive(Debug, Default)]
pub(crate) struct Signals(Mutex<Vec<Arc<Listeners>>>);

impl Signals {
    /// A stage whose instances will listen for signals of these names; none where there are no names.
    pub(crate) fn listen(&self, names: Vec<&'static str>) -> Option<Arc<Listeners>> {
        if names.is_empty() {
            return None;
        }
        let listeners = Arc::new(Listeners { names, posts: Mutex::new(Vec::new()) });
        unpoisoned(self.0.lock()).push(Arc::clone(&listeners));
        Some(listeners)
    }

    /// Tells all who listen for this name.
    ///
    /// # Errors
    /// Nobody does.
    pub(crate) fn raise(&self, name: &str) -> Result<(), FlowError> {
        let all = unpoisoned(self.0.lock()).clone();
        let mut known = Vec::new();
        let mut heard = false;
        for listeners in &all {
            known.extend(listeners.names.iter().map(|name| format!("{name:?}")));
            if let Some(name) = listeners.names.iter().find(|known| **known == name) {
                heard = true;
                listeners.tell(name);
            }
        }
        if heard {
            return Ok(());
        }
        known.sort_unstable();
        known.dedup();
        let known = if known.is_empty() {
            "no window of this run waits for one".to_owned()
        } else {
            format!("windows wait for {}", known.join(", "))
        };
        let why = format!("nothing is fired by a signal {name:?}: {known}");
        Err(FlowError::new(ErrorKind::Option, why))
    }
}

/// The instances of one stage, as far as they have started, and what they listen for.
#[derive(Debug)]
pub(crate) struct Listeners {
    names: Vec<&'static str>,
    posts: Mutex<Vec<(TaskRef, Arc<Post>)>>,
}

impl Listeners {
    /// One instance begins to listen. What was said before does not concern it: it has seen nothing.
    pub(crate) fn join(&self, task: &TaskRef) -> Arc<Post> {
        let post = Arc::new(Post::default());
        unpoisoned(self.posts.lock()).push((task.clone(), Arc::clone(&post)));
        post
    }

    fn tell(&self, name: &'static str) {
        for (task, post) in unpoisoned(self.posts.lock()).iter() {
            post.put(name);
            task.notify();
        }
    }
}

/// What one instance has been told and has not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Post {
    full: AtomicBool,
    /// Each name once, so there are never more than names.
    names: Mutex<Vec<&'static str>>,
}

impl Post {
    fn put(&self, name: &'static str) {
        let mut names = unpoisoned(self.names.lock());
        if !names.contains(&name) {
            names.push(name);
        }
        self.full.store(true, Ordering::Release);
    }

    /// Whether there is something to take.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Takes what was told first.
    pub(crate) fn take(&self) -> Option<&'static str> {
        if !self.is_full() {
            return None;
        }
        let mut names = unpoisoned(self.names.lock());
        let first = (!names.is_empty()).then(|| names.remove(0));
        self.full.store(!names.is_empty(), Ordering::Release);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_again_before_it_is_seen_is_one() {
        let post = Post::default();
        assert_eq!(post.take(), None);
        ["a", "b", "a"].into_iter().for_each(|name| post.put(name));
        assert!(post.is_full());
        assert_eq!([post.take(), post.take(), post.take()], [Some("a"), Some("b"), None]);
        assert!(!post.is_full());
        post.put("a");
        assert_eq!(post.take(), Some("a"));
    }

    #[test]
    fn a_name_that_nobody_listens_for_is_an_error_that_lists_those_there_are() {
        let signals = Signals::default();
        assert!(signals.listen(Vec::new()).is_none());
        let error = signals.raise("a").unwrap_err().to_string();
        assert!(error.contains("no window of this run"), "{error}");
        let _listeners = signals.listen(vec!["b", "a"]);
        let _others = signals.listen(vec!["b", "c"]);
        let error = signals.raise("d").unwrap_err().to_string();
        assert!(error.ends_with(r#"windows wait for "a", "b", "c""#), "{error}");
        assert!(signals.raise("c").is_ok());
    }
}
