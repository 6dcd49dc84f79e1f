//! Stages are found by their names, which are unique and free again when a stage is over.
#![allow(clippy::unit_arg, reason = "stages in one line")]

mod support;

use flow::stage::{Reason, Restart, Stages, consume_with, transform_with};
use flow::{ErrorKind, Executor};
use support::{executors, in_time};

#[test]
fn stages_are_found_by_what_they_emit_and_take() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let text = transform_with(|n: u64, out| Ok(out.emit(n.to_string())));
            let text = stages.producer_consumer(text).registered("text").start();
            assert_eq!(text.name().as_deref(), Some("text"));
            let numbers = stages.iter(0..10u64).start();
            stages.find_inlet::<u64>("text").unwrap().subscribe(&numbers).unwrap();
            let found = stages.find::<String>("text").unwrap();
            let all: Vec<String> = found.iter().map(Result::unwrap).collect();
            assert_eq!(all.concat(), "0123456789");
            stages.join().unwrap();
        });
    }
}

#[test]
fn what_is_not_there_is_an_error_that_says_so() {
    let stages = Stages::on(Executor::simulation(1)).unwrap();
    let _text = stages
        .producer_consumer(transform_with(|n: u64, out| Ok(out.emit(n.to_string()))))
        .registered("text")
        .start();
    let _named_only = stages.consumer(consume_with(|_: u64| Ok(()))).named("named").start();
    let errors = [
        (stages.find::<u64>("text").unwrap_err(), "find", "emits no events of type `u64`"),
        (stages.find::<String>("none").unwrap_err(), "find", "no stage `none` is registered"),
        (stages.find_inlet::<u64>("named").unwrap_err(), "find_inlet", "no stage `named`"),
        (stages.find_inlet::<String>("text").unwrap_err(), "find_inlet", "takes no events of"),
    ];
    for (error, operator, says) in errors {
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.location().unwrap().file(), file!());
    }
}

#[test]
fn a_name_is_unique_and_free_again_when_its_stage_is_over() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let start = || stages.iter(0..3u64).registered("three").unlinked().start();
            let first = start();
            let Reason::Failed(error) = start().join() else { panic!("refused") };
            assert_eq!((error.kind(), error.stage()), (ErrorKind::Option, Some("three")));
            assert!(error.to_string().contains("`three` is already registered"), "{error}");
            // The one that was refused does not take the name of the other with it.
            assert_eq!(stages.find::<u64>("three").unwrap().iter().count(), 3);
            drop(first.join());
            assert!(stages.find::<u64>("three").is_err());
            let again = start();
            assert_eq!(stages.find::<u64>("three").unwrap().iter().count(), 3);
            drop(again.join());
            stages.join().unwrap();
        });
    }
}

#[test]
fn a_supervised_stage_keeps_its_name_over_restarts() {
    for executor in executors() {
        in_time(move || {
            let stages = Stages::on(executor).unwrap();
            let mut supervisor = stages.supervisor().unlinked();
            let child = supervisor.child_with(Restart::Permanent, |scope| {
                scope.consumer(consume_with(|_: u64| Ok(()))).registered("sink")
            });
            let supervisor = supervisor.start();
            supervisor.call(|_, _| ()).wait().unwrap();
            for restart in 1..=3 {
                let stage = child.stage().unwrap();
                stage.stop();
                drop(stage.join());
                while child.restarts() < restart {
                    supervisor.call(|_, _| ()).wait().unwrap();
                }
                assert!(stages.find_inlet::<u64>("sink").is_ok());
            }
            supervisor.stop();
            stages.join().unwrap();
        });
    }
}
