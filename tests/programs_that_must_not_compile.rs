//! Programs that the types refuse, and what the compiler says about them. The texts are those of one
//! compiler; `TRYBUILD=overwrite` writes them anew.

#[test]
fn the_compiler_says_why() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// What is missing is said in the words of this library.
#[test]
fn the_reasons_are_ours() {
    let texts = [
        (include_str!("compile_fail/ordered_behind_partitions.stderr"), "this flow has no order"),
        (include_str!("compile_fail/ordered_of_several_sources.stderr"), "this flow has no order"),
        (include_str!("compile_fail/take_behind_keys.stderr"), "`take_any` takes any events"),
        (include_str!("compile_fail/scan_behind_partitions.stderr"), "along an order needs"),
        (include_str!("compile_fail/first_of_several_sources.stderr"), "`find_any` finds any"),
        (include_str!("compile_fail/reduce_without_partitions.stderr"), "is not partitioned"),
        (
            include_str!("compile_fail/into_partitions_without_partitions.stderr"),
            "is not partitioned",
        ),
        (include_str!("compile_fail/unused_flow.stderr"), "a flow does nothing until a terminal"),
        (include_str!("compile_fail/unused_flow.stderr"), "a reduction needs `emit_items`"),
    ];
    for (text, reason) in texts {
        assert!(text.contains(reason), "{reason} is not in\n{text}");
    }
}
