//! Programs that the types refuse, and what the compiler says about them. The texts are those of one
//! compiler; `TRYBUILD=overwrite` writes them anew.

#[test]
fn the_compiler_says_why() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// What is missing is said in the words of this library, with what to do instead.
#[test]
fn the_reasons_are_ours() {
    macro_rules! says {
        ($($program:ident: $reason:literal),+ $(,)?) => {$(
            let text = include_str!(concat!("compile_fail/", stringify!($program), ".stderr"));
            assert!(text.contains($reason), "`{}` is not in\n{text}", $reason);
        )+};
    }
    says! {
        unused_flow: "a flow does nothing until a terminal",
        unused_flow: "a reduction needs `emit_items`",
        ordered_behind_partitions: "this flow has no order",
        ordered_of_several_sources: "this flow has no order",
        ordered_behind_merge: "this flow has no order",
        take_behind_keys: "`take_any` takes any events",
        scan_behind_partitions: "along an order needs",
        first_of_several_sources: "`find_any` finds any",
        reduce_without_partitions: "call `partition()`, `partition_by(..)`",
        into_partitions_without_partitions: "this flow is not partitioned",
        partition_of_floats: "has no hash to find its partition by",
        map_behind_a_bare_reduce: "a reduction is state, not a flow of events",
        collect_behind_a_bare_reduce: "`emit_state()` emits every accumulator",
        two_reductions: "first say what is emitted of it",
        items_of_a_number: "has no items to emit",
        session_over_partitions: "depend on how many partitions there are",
        session_in_a_partition: "depend on how many partitions there are",
        window_of_time_without_times: "call `timestamps(..)` before `key_by` or `partition`",
        window_without_partitions: "this flow is not partitioned",
        window_trigger_that_gives_a_number: "`on_trigger` gives `Some(event)` for one",
        accumulating_what_is_no_clone: "`Sum: Clone` is not satisfied",
        trigger_that_gives_a_number: "`on_trigger` gives `Some(event)` for one",
        key_that_is_a_float: "of a float take `to_bits()`",
        key_without_hash: "`City` cannot be a key",
        lent_key_without_clone: "cannot be lent as a key",
        maximum_of_floats: "as in `max_by(f64::total_cmp)`",
        map_behind_a_key: "a keyed flow is not a flow",
        collect_behind_a_key: "first say what is kept for each key",
        aggregate_of_a_value: "is not an aggregator of `u64`",
        aggregate_of_too_many: "a tuple of up to eight",
        iter_of_a_flow: "a flow is not an iterator until it runs",
        next_of_a_flow: "`with_iter(|items| ..)`, which gives items",
        run_of_flows: "end each flow with `.to(sink)`",
        sink_that_is_none: "is not a sink for events of type `u64`",
        part_that_is_none: "is not a part of a sink",
        producer_that_is_none: "`from_iter` and `from_iters` take iterators",
        range_of_floats: "`from_range` takes integers",
        text_of_a_path: "`from_files` takes paths",
    }
}
