//! What Elixir's Flow has. What was to come out there is written down here.

use crate::page::{Page, any_order, in_order, rows, same, same_items};
use flow::{
    BoxError, Collect, Demand, EitherOrBoth, Emitter, Flow, Produced, Producer, ProducerConsumer,
    Timestamp, Trigger, Window,
};
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Three numbers, made by demand.
#[derive(Clone)]
struct MyProducer(u64);

impl Producer for MyProducer {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        while demand.events() > 0 && self.0 < 3 {
            self.0 += 1;
            demand.emit(self.0);
        }
        Ok(if self.0 < 3 { Produced::More } else { Produced::Done })
    }
}

/// A stage in the middle, which doubles.
struct MyStage;

impl ProducerConsumer for MyStage {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, x: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        out.emit(2 * x);
        Ok(())
    }
}

pub(crate) fn rows(page: &mut Page) {
    page.table(
        "Elixir's Flow",
        "`flow` has the numbers 1 to 6, `pairs` has `(\"a\", 1)`, `(\"b\", 2)`, `(\"a\", 3)`, `timed` \
         has events of the keys a, a and b at 0, 500 and 2500 ms; what came out \
         is compared with what Flow gives. Processes are tasks here: instances of a stage are made when \
         there is work, and a crash is an error that the terminal returns. More in \
         `docs/elixir-flow.md`.",
        "Flow",
    );
    rows! {page, (
        flow = Flow::from_range(1..7u64),
        other = Flow::from_range(5..9u64),
        pairs = Flow::from_vec(vec![("a", 1u64), ("b", 2), ("a", 3)]),
        my_producers = [MyProducer(0)],
        timed = Flow::from_vec(vec![(0, "a"), (500, "a"), (2_500, "b")]).timestamps(|(at, _)| Timestamp(*at), |w| w.ascending()),
    );
    in_order "Flow.from_enumerable(1..3)" => Flow::from_iter(1..=3u64), [1, 2, 3], "read by a thread of its own where it may wait; `from_range`, `from_vec`, `from_slice` are claimed in parallel";
    any_order "Flow.from_enumerables([1..3, 4..6])" => Flow::from_iters([1..=3u64, 4..=6]), 1..7, "each is read for itself";
    any_order "Flow.from_stages(stages), Flow.from_specs(specs)" => Flow::from_stages(my_producers), [1, 2, 3], "a `Producer` is asked for what consumers can take; `Produced::Done` is the end";
    in_order "Flow.map(flow, &(&1 + 1))" => flow.map(|x| x + 1), 2..8, "";
    in_order "Flow.filter(flow, &even?/1)" => flow.filter(|x| x % 2 == 0), [2, 4, 6], "";
    in_order "Flow.reject(flow, &even?/1)" => flow.filter(|x| x % 2 != 0), [1, 3, 5], "";
    in_order "Flow.flat_map(flow, &[&1, &1])" => flow.flat_map(|x| [x, x]).take(4), [1, 1, 2, 2], "suspended where a consumer has no demand";
    in_order "Flow.map_batch(flow, f)" => flow.map_batch(|batch| batch.into_iter().map(|x| 10 * x)), [10, 20, 30, 40, 50, 60], "anywhere, not only first in a layer; any iterator";
    in_order "Flow.map_values(pairs, &(&1 * 10))" => pairs.map(|(key, x)| (key, x * 10)), [("a", 10), ("b", 20), ("a", 30)], "";
    in_order "Flow.each(flow, f)" => flow.inspect(|x| assert!(*x > 0)), 1..7, "";
    any_order "Flow.partition(flow)" => flow.partition(), 1..7, "by a hash of the event";
    same "Flow.partition(flow, key: &rem(&1, 2), stages: 2)" => flow.partition_by(|x| x % 2).stages(2).into_partitions()?.concat().len(), 6, "also `{:key, k}` and `{:elem, i}`: a closure";
    same "Flow.partition(flow, hash: &{&1, rem(&1, 2)}, stages: 2)" => flow.stages(1).partition_with(|x, _| *x as usize % 2).stages(2).into_partitions()?, [[2, 4, 6], [1, 3, 5]], "`None` drops and is counted; a partition that there is not fails the run";
    any_order "Flow.shuffle(flow)" => flow.rebalance(), 1..7, "";
    any_order "Flow.merge([flow, other], GenStage.DemandDispatcher)" => flow.merge(other), [1, 2, 3, 4, 5, 6, 5, 6, 7, 8], "";
    same "Flow.merge(flow, GenStage.BroadcastDispatcher)" => { let [a, b] = flow.ordered().broadcast(); flow::run((a.to(Collect::<Vec<_>>::new()), b.to(Collect::<Vec<_>>::new())))? }, (vec![1, 2, 3, 4, 5, 6], vec![1, 2, 3, 4, 5, 6]), "two flows that run together; Flow mixes their results: `a.merge(b)`";
    in_order "Flow.through_stages(flow, stages), through_specs" => flow.through(|_instance| MyStage), [2, 4, 6, 8, 10, 12], "a `ProducerConsumer` per instance, which is told the end of its input";
    same "Flow.into_stages(flow, stages), into_specs" => flow.to(Collect::<Vec<_>>::new()).run()?, vec![1, 2, 3, 4, 5, 6], "a `Sink`, with a part per instance; a closure is one";
    same "Flow.reduce(flow, fn -> 0 end, &+/2) |> Flow.emit(:state)" => flow.partition().reduce(|| 0, |sum, x| *sum += x).emit_state().sum::<u64>()?, 21, "per partition, also those without events; a reduction is no flow until it says what it emits";
    any_order "Flow.reduce(pairs, fn -> %{} end, count)" => pairs.partition_by(|p| p.0).reduce(BTreeMap::new, |counts, (key, _)| *counts.entry(key).or_insert(0) += 1).emit_items(), [("a", 2), ("b", 1)], "Flow's `:events`; `key_by(..).count()` is faster";
    same "Flow.emit(flow, :nothing)" => flow.partition().reduce(|| (), |(), _| ()).emit_none().count()?, 0, "`run()` keeps nothing, with or without it";
    any_order "Flow.on_trigger(flow, f)" => flow.partition().stages(1).reduce(|| 0, |sum, x| *sum += x).on_trigger(|sum, pane| Some((pane.partition(), pane.partitions(), *sum))), [(0, 1, 21)], "at the end of the input; with `window(..).trigger(..)` before the `reduce` at every firing";
    in_order "Flow.emit_and_reduce(flow, fn -> 0 end, f)" => flow.stages(1).partition().stages(1).reduce_and_emit(|| 0, |sum, x, out| { *sum += x; out.emit(10 * x) }).emit_state(), [10, 20, 30, 40, 50, 60, 21], "";
    any_order "Flow.group_by(pairs, &elem(&1, 0))" => pairs.stages(1).group_by(|p| p.0), [("a", vec![("a", 1), ("a", 3)]), ("b", vec![("b", 2)])], "not reversed";
    any_order "Flow.group_by_key(pairs)" => pairs.stages(1).key_by(|p| p.0).aggregate(|a| a.collect_vec(|p| p.1)), [("a", vec![1, 3]), ("b", vec![2])], "";
    any_order "Flow.uniq(flow)" => flow.map(|x| x % 3).unique(), [0, 1, 2], "passed on at once; partitioned by itself";
    any_order "Flow.uniq_by(pairs, &elem(&1, 0))" => pairs.stages(1).unique_by(|p| p.0), [("a", 1), ("b", 2)], "partitioned by the key";
    in_order "Flow.take_sort(flow, 3)" => flow.k_smallest(3), [1, 2, 3], "events, not one list; also `k_largest`, `_by`, `_by_key`";
    in_order "Flow.departition(flow, fn -> 0 end, merge, done)" => flow.partition().reduce(|| 0, |sum, x| *sum += x).merge_partitions(|| 0, |all, sum| *all += sum).map(|all| all + 1), [22], "`done` is a `map`";
    any_order "Flow.bounded_join(:inner, flow, other, k, k, f)" => flow.key_by(|x| *x).join_map(other.key_by(|x| *x), |_, a, b| a + b), [10, 12], "one side is held, the other streams past it";
    any_order "Flow.bounded_join(:left_outer, ..)" => flow.key_by(|x| *x).left_join(other.key_by(|x| *x)).map(|(_, a, b)| (a, b)), [(1, None), (2, None), (3, None), (4, None), (5, Some(5)), (6, Some(6))], "`Option` in place of `nil`";
    any_order "Flow.bounded_join(:right_outer, ..)" => flow.key_by(|x| *x).right_join(other.key_by(|x| *x)).map(|(_, a, b)| (a, b)), [(Some(5), 5), (Some(6), 6), (None, 7), (None, 8)], "";
    any_order "Flow.bounded_join(:full_outer, ..)" => flow.key_by(|x| *x).full_join(other.key_by(|x| *x)).filter(|(_, found)| matches!(found, EitherOrBoth::Both(..))), [(5, EitherOrBoth::Both(5, 5)), (6, EitherOrBoth::Both(6, 6))], "`EitherOrBoth`; also `semi_join`, `anti_join`";
    same "Flow.run(flow)" => flow.run()?, (), "an error instead of an exit, with its cause";
    same "Flow.start_link(flow)" => flow.start()?.join()?, (), "a handle that drains, stops or cancels; dropping it cancels";
    same "Flow.stream(flow), Enum.to_list(flow)" => flow.collect::<Vec<_>>()?, vec![1, 2, 3, 4, 5, 6], "in the source's order; `into_iter` and `with_iter` stream";
    same "Enum.sum(flow)" => flow.sum::<u64>()?, 21, "in parallel; so are `count`, `min`, `max`, `any`, `find_any`";
    in_order "Enum.take(flow, 2)" => flow.take(2), [1, 2], "reads little ahead";
    same "stages: 3, max_demand: 100, min_demand: 50" => flow.stages(3).max_demand(100).min_demand(50).count()?, 6, "methods of the stage that they are called on; what cannot be is refused before anything runs";
    in_order "on_init: f" => flow.map_init(|| 10, |ten, x| x + *ten), 11..17, "what is made per instance is at hand; `through` is told the instance's number";
    same_items "Flow.Window.fixed(1, :second, &elem(&1, 0))" => timed.key_by(|e| e.1).window(Window::fixed(SECOND)).count().map(|pane| (pane.key, pane.window.start().0, pane.value)).collect::<Vec<_>>()?, [("a", 0, 2), ("b", 2_000, 1)], "per key, `\\|_\\| ()` for one of all; a window without events is none; also `sliding` and `session`";
    same_items "Flow.Window.count(2)" => flow.stages(1).partition_by(|_| ()).stages(1).window(Window::count(2)).reduce(|| 0, |sum, x| *sum += x).emit_state().map(|pane| pane.value).collect::<Vec<_>>()?, [3, 7, 11], "per partition; `key_by(..).window(..)` is per key; no empty one at the end";
    same_items "Flow.Window.trigger_every(Flow.Window.global(), 4)" => flow.stages(1).partition_by(|_| ()).stages(1).window(Window::global()).trigger(Trigger::every(4)).reduce(|| 0, |sum, x| *sum += x).on_trigger(|sum, pane| Some((pane.trigger(), *sum))).collect::<Vec<_>>()?, [("every", 10), ("close", 21)], "the closure keeps the state, or resets it";
    same "send(stage, {:trigger, :name})" => { let handle = flow.partition().window(Window::global()).trigger(Trigger::on_signal("name")).reduce(|| 0, |sum, x| *sum += x).on_trigger(|sum, _| Some(*sum)).start()?; handle.fire("name")?; handle.join()? }, (), "what has something new fires; a name that nothing waits for is an error";
    same "Flow.Window.periodic(1, :second)" => flow.key_by(|_| ()).window(Window::by_clock(Window::fixed(SECOND))).count().map(|pane| pane.value).collect::<Vec<_>>()?.iter().sum::<u64>(), 6, "by the clock of the run, virtual in a simulation";
    same "Flow.Window.allowed_lateness(window, 5, :second)" => timed.key_by(|e| e.1).window(Window::fixed(SECOND)).allowed_lateness(5 * SECOND).accumulating().count().count()?, 2, "in event time; `late_to(f)` gets what is later still";
    none "Flow.window_join(..)", "windows of two flows come later";
    none "buffer_size: n, buffer_keep: :first", "nothing is buffered beyond demand, so nothing is dropped";
    none "shutdown: n, demand: :accumulate, subscribe_timeout: n", "stages are not started before each other: a run starts as one and ends as one";
    }
}
