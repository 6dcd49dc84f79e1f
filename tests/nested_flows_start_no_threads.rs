//! A flow within another flow's closure runs on the worker that it is on. A file of its own, since it
//! counts the threads of the process.

mod support;

use flow::{Executor, Flow};
use support::{flow_threads, in_time, no_thread_is_left, spin};

#[test]
fn nested_flows_start_no_threads() {
    in_time(|| {
        Flow::from_range(0..10u64)
            .on(Executor::threads(1))
            .for_each(|_| {
                let source = Flow::from_iter((0..200u64).filter(|_| true));
                let dear = source.inspect(|_| spin(20)).partition().stages(3);
                dear.for_each(|_| assert_eq!(flow_threads(), 0)).unwrap();
                let endless = Flow::from_iter(0u64..).partition().stages(2);
                let read = endless.with_iter(|events| {
                    assert!(events.take(2000).all(|_| flow_threads() == 0));
                });
                read.unwrap();
            })
            .unwrap();
    });
    no_thread_is_left();
}
