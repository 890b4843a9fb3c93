"""The engine under random events: the invariants are the specification.

A world plays one attempt of a random workflow. Reports may be late, repeated or for a run that is
gone; the attempt may be cancelled at any moment; a second attempt may take over what the first one
did. After every event everything that must always hold is checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import ALERT, CLEANUPS, HANDLER_NAMES, SLA_FAIL, SLA_NAMES, Subtasks
from digpy.dsl.options import timeout
from digpy.dsl.retry import RetryRule
from digpy.engine.advance import advance, begin
from digpy.engine.changes import Changes, End, Stop
from digpy.engine.events import (
    CancelRequested,
    Claimed,
    Due,
    Event,
    Failed,
    Killed,
    Limited,
    Lost,
    Outcome,
    Postponed,
    SlaMissed,
    Succeeded,
    TimedOut,
)
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.transitions import TABLE, round_rule
from digpy.engine.tree import EVERYTHING, Selection, Task, TaskRow, TaskTree, fails_by_sla
from digpy.values import SECOND, Params
from tests.support.engine import assert_same, compile_dict, image, reload, successes
from tests.support.workflows import task_mappings, workflows

LIMIT = 120
ROWS = {(row.state, row.cause, row.target) for row in TABLE}
RETRIES = st.sampled_from([None, None, None, RetryRule(1), RetryRule(3, 1, True)])
FATES = st.one_of(
    st.tuples(st.just("succeed"), st.none()),
    st.tuples(st.just("succeed"), st.none() | task_mappings()),
    st.tuples(st.just("fail"), RETRIES),
    st.tuples(st.just("fail"), RETRIES),
    st.tuples(st.just("poll"), st.none() | st.just(7)),
    st.tuples(st.just("lose"), RETRIES),
)
"""How a run ends."""


class World(RuleBasedStateMachine):
    """One attempt, and perhaps the one after it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.tree = TaskTree(compile_dict({}).definitions)
        self.finished: dict[int, TaskRow] = {}
        self.reports: list[Event] = []
        self.ended = 0
        self.killed = False
        self.left_out = False
        self.missed = False
        self.limited = False

    # What happens

    @initialize(workflow=workflows())
    def start(self, workflow: dict[str, Any]) -> None:
        self.mapping = workflow
        self.workflow = compile_dict(workflow)
        self._begin(EVERYTHING)

    @rule(data=st.data())
    @precondition(lambda self: self._in(TaskState.READY))
    def claim(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self._in(TaskState.READY)))
        fence = self.tree[number].fence
        self._claim(number)
        assert self.tree[number].fence == fence + 1
        assert self._may_run(self.tree[number])

    @rule(data=st.data(), fate=FATES)
    @precondition(lambda self: self._in(TaskState.RUNNING))
    def finish(self, data: st.DataObject, fate: Any) -> None:
        self._finish(self._draw(data, TaskState.RUNNING), fate)

    @rule(data=st.data())
    @precondition(lambda self: self._in(*WAITING))
    def wake(self, data: st.DataObject) -> None:
        self._wake(self._draw(data, *WAITING))

    @rule(fates=st.lists(FATES, min_size=1, max_size=6))
    def go_on(self, fates: list[Any]) -> None:
        """The ordinary course: claim the first that is ready and end its run, or wake one."""
        for fate in fates:
            ready, waiting = self._in(TaskState.READY), self._in(*WAITING)
            if ready:
                self._claim(ready[0])
                self._finish(self.tree[ready[0]], fate)
            elif waiting:
                self._wake(self.tree[waiting[0]])

    @rule(data=st.data(), kind=st.sampled_from(["repeat", "late", "early", "due"]))
    def noise(self, data: st.DataObject, kind: str) -> None:
        """Reports that come twice, too late or for a run that is not, and needless wakes."""
        number = data.draw(st.sampled_from(list(self.tree.tasks)))
        task = self.tree[number]
        if kind == "repeat":
            for report in self.reports[-5:]:
                self._feed_nothing(report)
        elif kind == "due":
            if task.state not in WAITING:
                self._feed_nothing(Due(number, self.now))
        else:
            fence = task.fence + (-1 if kind == "late" else 1)
            self._feed_nothing(Succeeded(number, fence, self.now, Outcome(store={"s": 0})))

    @rule(chance=st.integers(0, 14), limit=st.none() | st.just(SECOND))
    def cancel(self, chance: int, limit: int | None) -> None:
        if chance:
            return  # most attempts are left alone
        if self.tree.cancel or self.tree.root.state in DONE:
            self._feed_nothing(CancelRequested(self.now, "user", limit))
            return
        self.limited = limit is not None
        running = {
            (n, self.tree[n].fence)
            for n in self._in(TaskState.RUNNING)
            if not (self._cleans(n) or self._was_stopped(self.tree[n]))
        }
        changes = self._feed(CancelRequested(self.now, "user", limit))
        stops = [effect for effect in changes.effects if isinstance(effect, Stop)]
        assert {(stop.number, stop.fence) for stop in stops} == running
        assert len(stops) == len(running)

    @rule(data=st.data(), retry=RETRIES)
    @precondition(lambda self: self._limited())
    def time_out(self, data: st.DataObject, retry: RetryRule | None) -> None:
        number = data.draw(st.sampled_from(self._limited()))
        task = self.tree[number]
        assert task.deadline_at is not None
        self._feed_nothing(TimedOut(number, task.deadline_at - 1, retry))
        self.now = max(self.now, task.deadline_at)
        self._feed(TimedOut(number, self.now, retry))
        self._feed_nothing(TimedOut(number, self.now, retry))

    @rule(chance=st.integers(0, 4))
    @precondition(lambda self: not self.missed)
    def miss_sla(self, chance: int) -> None:
        """It happens once in an attempt."""
        if chance:
            return
        root = self.tree.root
        ends = self.tree.cancel or root.state in DONE
        work = {n for n in self._in(TaskState.RUNNING) if not self._belongs_to_the_end(n)}
        going_on = {(n, self.tree[n].fence) for n in work if not self._was_stopped(self.tree[n])}
        self.missed = True
        changes = self._feed(SlaMissed(self.now))
        added = [task for task in changes.inserted if task.parent == root.number]
        wanted = [task.name for task in self.tree.definitions.sla_roots() if not ends]
        if root.verdict in FAILED and SLA_FAIL in wanted:
            wanted.remove(SLA_FAIL)
        assert [t.definition.name for t in added if t.definition.name in SLA_NAMES] == wanted
        assert all(task.state is not TaskState.BLOCKED for task in added)
        stops = {(e.number, e.fence) for e in changes.effects if isinstance(e, Stop)}
        assert stops == (going_on if SLA_FAIL in wanted else set())

    @rule(chance=st.integers(0, 29))
    def kill(self, chance: int) -> None:
        if chance:
            return
        self.killed = self.killed or self.tree.root.state not in DONE
        self._feed(Killed(self.now))
        assert not self._in(*MOVING)
        self._feed_nothing(Killed(self.now))

    @rule()
    def restart(self) -> None:
        """The executor crashed: go on with the tree that was saved."""
        self.tree = reload(self.tree)

    @rule(data=st.data())
    @precondition(lambda self: self.tree.root.state in DONE)
    def resume(self, data: st.DataObject) -> None:
        """A second attempt takes over what this one did."""
        done = successes(self.tree)
        if done:
            dropped = data.draw(st.sets(st.sampled_from(sorted(done)), max_size=2))
            done = {name: output for name, output in done.items() if name not in dropped}
        run = None
        if data.draw(st.integers(0, 3)) == 0:
            written = [t.full_name for t in self.tree.tasks.values() if "^" not in t.full_name]
            run = frozenset(data.draw(st.lists(st.sampled_from(written))))
        self._begin(Selection(done, run))
        if run is None:
            for task in self.tree.tasks.values():
                assert task.how in (None, "resumed") or (task.is_group and task.how == "ran")

    # What always holds

    @invariant()
    def names_are_unique_among_siblings(self) -> None:
        names = Counter((t.parent, t.born, t.full_name) for t in self.tree.tasks.values())
        assert max(names.values(), default=1) == 1

    @invariant()
    def numbers_are_dense_and_parents_come_first(self) -> None:
        assert list(self.tree.tasks) == list(range(1, len(self.tree) + 1))
        for task in self.tree.tasks.values():
            assert task.parent is None or task.parent < task.number

    @invariant()
    def an_open_group_has_its_static_children_once(self) -> None:
        for task in self.tree.tasks.values():
            if task.is_group and task.state is not TaskState.GROUP_RETRY_WAITING:
                wanted = [task.definitions[index] for index in task.definition.children]
                live = [self.tree[number].definition for number in task.children]
                live = [child for child in live if child.name not in SLA_NAMES]
                if task.parent is None and fails_by_sla(self.tree) and not live[: len(wanted)]:
                    continue  # it waited for its next round when it was to fail
                if task.cancel and all(child.name in HANDLER_NAMES for child in live):
                    continue  # canceled while it waited for its next round
                assert live[: len(wanted)] == wanted
                assert all(extra.name in HANDLER_NAMES for extra in live[len(wanted) :])

    @invariant()
    def every_round_is_complete(self) -> None:
        for task in self.tree.tasks.values():
            born = [t.born for t in self.tree.tasks.values() if t.parent == task.number]
            assert all(number <= task.round for number in born)
            assert len(task.children) == born.count(task.round)
            assert len(task.past) == len(born) - born.count(task.round)

    @invariant()
    def nothing_moves_unless_it_may(self) -> None:
        for task in self.tree.tasks.values():
            if task.state in MOVING:
                assert self._may_run(task)

    @invariant()
    def a_finished_task_never_changes(self) -> None:
        for number, row in self.finished.items():
            assert self.tree[number].row() == row

    @invariant()
    def success_means_that_all_live_children_succeeded(self) -> None:
        for task in self.tree.tasks.values():
            states = {self.tree[number].state for number in task.children}
            if task.state is TaskState.SUCCESS:
                assert states <= {TaskState.SUCCESS}
                assert task.how is not None
            else:
                assert task.how is None
            if task.state in DONE:
                assert not states & MOVING
                assert task.ended_at is not None

    @invariant()
    def a_failure_has_a_reason(self) -> None:
        for task in self.tree.tasks.values():
            if task.state is TaskState.GROUP_ERROR:
                failed = any(self.tree[number].state in FAILED for number in task.children)
                assert failed or self._error_of(task) is not None
            if task.state is TaskState.ERROR:
                assert self._error_of(task) is not None

    @invariant()
    def what_was_to_stop_does_not_start(self) -> None:
        for number in self._in(TaskState.READY, *WAITING):
            assert self._cleans(number) or not self._is_to_stop(number)

    @invariant()
    def what_misses_its_sla_and_is_to_fail_fails(self) -> None:
        if fails_by_sla(self.tree):
            state = self.tree.root.state
            assert state not in WAITING | {TaskState.READY, TaskState.SUCCESS}
            assert state is not TaskState.CANCELED or self.tree.cancel

    @invariant()
    def what_takes_too_long_fails_and_its_handler_is_told(self) -> None:
        root = self.tree.root
        if not self.limited or root.state not in DONE or self.killed:
            return
        assert root.state in FAILED
        assert self._error_of(root) or root.failed
        if "^error" in root.definition.handlers and not self.left_out:
            names = [self.tree[number].definition.name for number in root.children]
            assert names.count("^error") == 1

    @invariant()
    def each_finally_runs_once_for_each_task_that_had_started(self) -> None:
        for task in self.tree.tasks.values():
            below = [self.tree[number] for number in (*task.past, *task.children)]
            finals = [child for child in below if child.definition.name == "^finally"]
            assert len(finals) <= 1
            if finals:
                assert task.verdict is not None
                assert finals[0].number in task.children
            ran = task.state in DONE and (task.is_group or task.fence > 0)
            at_rest = task.how in ("resumed", "skipped") or self.killed or self.left_out
            if ran and not at_rest and "^finally" in task.definition.handlers:
                (final,) = finals
                assert final.state in DONE

    @invariant()
    def handlers_run_only_when_the_end_is_decided(self) -> None:
        for task in self.tree.tasks.values():
            names = [self.tree[number].definition.name for number in task.children]
            assert task.verdict is not None or HANDLER_NAMES.isdisjoint(names)
            if "^canceled" in names:
                assert task.cancel

    @invariant()
    def only_a_try_has_a_deadline(self) -> None:
        for task in self.tree.tasks.values():
            if task.timeout is None:
                assert task.deadline_at is None
            else:
                assert task.state in MOVING - {TaskState.GROUP_RETRY_WAITING}
                assert task.verdict is None or task.fails_by_limit
                assert task.cancel == (self.limited and task.parent is None)

    @invariant()
    def an_unfinished_attempt_can_move(self) -> None:
        if self.tree.root.state not in DONE:
            assert self._in(TaskState.READY, TaskState.RUNNING, *WAITING)
        else:
            assert not self._in(*MOVING)

    @invariant()
    def it_ends_once(self) -> None:
        assert self.ended == (self.tree.root.state in DONE)

    @invariant()
    def only_waiting_tasks_have_an_instant(self) -> None:
        for task in self.tree.tasks.values():
            assert (task.retry_at is not None) == (task.state in WAITING)
            assert task.awaits is None or task.state is TaskState.RETRY_WAITING

    @invariant()
    def losses_retries_and_rounds_are_bounded(self) -> None:
        for task in self.tree.tasks.values():
            assert 0 <= task.losses < 3
            assert task.round <= task.retries <= 3
            assert task.reported_fence <= task.fence
            if task.is_group:
                assert task.retries == task.round
            if task.round:
                rule = round_rule(task)
                assert rule is not None
                assert task.round <= rule.limit

    @invariant()
    def saving_and_loading_gives_the_same_tree(self) -> None:
        assert_same(self.tree, reload(self.tree))

    # How

    def _begin(self, selection: Selection) -> None:
        self.finished, self.reports, self.ended = {}, [], 0
        self.killed = self.left_out = self.missed = self.limited = False
        self.tree, changes = begin(self.workflow, self.now, LIMIT, selection)
        self._apply(changes)

    def _claim(self, number: int) -> None:
        self._feed(Claimed(number, self.now))
        task = self.tree[number]
        length = timeout(task.definition.timeout)
        if length and task.timeout is None:
            self._feed(Limited(number, self.now, length))

    def _finish(self, task: Task, fate: Any) -> None:
        if task.definition.name == SLA_FAIL:
            fate = ("fail", None)  # it never does anything else
        kind, detail = fate
        number, fence, now = task.number, task.fence, self.now
        event: Event
        if kind == "succeed":
            subtasks = None if detail is None else Subtasks(detail)
            definitions = compile_generated(task.definition, task.full_name, subtasks)
            if definitions is not None and len(self.tree) + len(definitions) > LIMIT:
                subtasks = definitions = None
            event = Succeeded(number, fence, now, Outcome(definitions, subtasks, store={"s": 1}))
        elif kind == "fail":
            event = Failed(number, fence, now, {"message": "no"}, detail, {"tries": 1})
        elif kind == "poll":
            event = Postponed(number, fence, now, now + 3, {"polls": 1}, detail)
        else:
            event = Lost(number, fence, now, detail)
        self.reports.append(event)
        self._feed(event)
        task = self.tree[number]
        assert task.reported_fence == fence
        assert task.losses == 0 or kind == "lose" or task.state in DONE | {TaskState.PLANNED}
        if kind in ("fail", "lose") and task.state is TaskState.RETRY_WAITING:
            assert task.retries <= detail.limit

    def _wake(self, task: Task) -> None:
        assert task.retry_at is not None
        self.now = max(self.now, task.retry_at)
        self._feed(Due(task.number, self.now))

    def _feed(self, event: Event) -> Changes:
        before = image(self.tree)
        changes = advance(self.tree, event)
        again = advance(self.tree, event)
        assert image(self.tree) == before, "a draft touched the tree"
        assert _content(changes) == _content(again), "equal inputs, unequal changes"
        stopping = {number for number in self.tree.tasks if self._is_to_stop(number)}
        rounds = {n: t.round for n, t in self.tree.tasks.items()}
        self._apply(changes)
        for task in changes.inserted:
            assert task.parent not in stopping or self._cleans(task.number)
        for move in changes.moves:
            if move.number in stopping and not self._cleans(move.number):
                assert move.target is not TaskState.SUCCESS
        for number, round_ in rounds.items():
            assert round_ <= self.tree[number].round <= round_ + 1
        return changes

    def _feed_nothing(self, event: Event) -> None:
        changes = self._feed(event)
        assert not changes
        assert not changes.moves
        assert not changes.counted

    def _apply(self, changes: Changes) -> None:
        state = {number: task.state for number, task in self.tree.tasks.items()}
        for move in changes.moves:
            assert (move.source, move.cause, move.target) in ROWS
            assert state.get(move.number, TaskState.BLOCKED) is move.source
            state[move.number] = move.target
        for update in changes.updated:
            assert self.tree[update.task.number].state is update.was
        for task in changes.inserted:
            assert task.number not in self.tree.tasks
        # From here on a handler may not have found room.
        self.left_out = self.left_out or len(self.tree) + len(changes.inserted) > LIMIT - 20
        self.ended += sum(isinstance(effect, End) for effect in changes.effects)
        self.tree.apply(changes)
        for number, task in self.tree.tasks.items():
            assert task.state is state.get(number, task.state)
            if task.state in DONE and number not in self.finished:
                self.finished[number] = task.row()

    def _in(self, *states: TaskState) -> list[int]:
        return [number for number, task in self.tree.tasks.items() if task.state in states]

    def _draw(self, data: st.DataObject, *states: TaskState) -> Task:
        return self.tree[data.draw(st.sampled_from(self._in(*states)))]

    def _limited(self) -> list[int]:
        return [n for n, task in self.tree.tasks.items() if task.deadline_at is not None]

    def _path(self, number: int | None) -> Iterator[Task]:
        while number is not None:
            yield self.tree[number]
            number = self.tree[number].parent

    def _cleans(self, number: int) -> bool:
        """It is, or is below, what runs when something was to stop, or is told of a limit."""
        told = ("^error", ALERT) if self.limited else ()
        return any(
            task.definition.name in CLEANUPS or (task.parent == 1 and task.definition.name in told)
            for task in self._path(number)
        )

    def _belongs_to_the_end(self, number: int) -> bool:
        """It is, or is below, a handler of the root, or what was added for its ``sla:``."""
        top = [task.definition.name for task in self._path(number) if task.parent == 1]
        return bool(top) and top[0] in HANDLER_NAMES.union(SLA_NAMES)

    def _was_stopped(self, task: Task) -> bool:
        by_sla = task.parent is None and fails_by_sla(self.tree)
        return task.cancel or task.timed_out or by_sla

    def _is_to_stop(self, number: int) -> bool:
        """The attempt was canceled or is to fail, or something above it has timed out."""
        above = list(self._path(self.tree[number].parent))
        if above and fails_by_sla(self.tree) and not self._belongs_to_the_end(number):
            return True
        return self.tree.cancel or any(task.timed_out or task.cancel for task in above)

    def _error_of(self, task: Task) -> Params | None:
        output = self.tree.newest_output(task)
        return None if output is None else output.error

    def _may_run(self, task: Task) -> bool:
        if task.parent is not None:
            parent = self.tree[task.parent]
            if task.definition.name in SLA_NAMES:
                return parent.state not in DONE
            if parent.state is not TaskState.PLANNED or parent.round != task.born:
                return False
        return all(self.tree[n].state is TaskState.SUCCESS for n in task.upstreams)


def _content(changes: Changes) -> tuple[Any, ...]:
    return (
        [task.row() for task in changes.inserted],
        [(update.task.row(), update.was) for update in changes.updated],
        [task.row() for task in changes.counted],
        *changes[3:],
    )


pytestmark = pytest.mark.timeout(300)

TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
