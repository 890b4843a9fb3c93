"""The engine under random events: the invariants are the specification.

A world plays one attempt of a random workflow. Reports may be late, repeated or for a run that is
gone; the attempt may be cancelled at any moment; a second attempt may take over what the first one
did. After every event everything that must always hold is checked.
"""

from __future__ import annotations

from collections import Counter
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
from digpy.dsl.model import Subtasks
from digpy.engine.advance import advance, begin
from digpy.engine.changes import Changes, End, Stop
from digpy.engine.events import (
    CancelRequested,
    Claimed,
    Due,
    Event,
    Failed,
    Lost,
    Outcome,
    Postponed,
    Succeeded,
)
from digpy.engine.retry import RetryRule
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.transitions import TABLE, round_rule
from digpy.engine.tree import EVERYTHING, Selection, Task, TaskRow, TaskTree
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
        self._feed(Claimed(number, self.now))
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
                self._feed(Claimed(ready[0], self.now))
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

    @rule(chance=st.integers(0, 14))
    def cancel(self, chance: int) -> None:
        if chance:
            return  # most attempts are left alone
        if self.tree.cancel or self.tree.root.state in DONE:
            self._feed_nothing(CancelRequested(self.now, "user"))
            return
        running = {(n, self.tree[n].fence) for n in self._in(TaskState.RUNNING)}
        changes = self._feed(CancelRequested(self.now, "user"))
        stops = [effect for effect in changes.effects if isinstance(effect, Stop)]
        assert {(stop.number, stop.fence) for stop in stops} == running
        assert len(stops) == len(running)
        assert not self._in(TaskState.READY, *WAITING)

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
                if task.state is TaskState.CANCELED and not task.children:
                    continue  # canceled while it waited for its next round
                live = [self.tree[number].definition for number in task.children]
                assert live[: len(wanted)] == wanted
                assert all(
                    extra.name in ("^error", "^failure-alert") for extra in live[len(wanted) :]
                )

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
                assert any(self.tree[number].state in FAILED for number in task.children)
            if task.state is TaskState.ERROR:
                output = self.tree.newest_output(task)
                assert output is not None
                assert output.error is not None

    @invariant()
    def after_a_cancel_nothing_is_left_to_start(self) -> None:
        if self.tree.cancel:
            assert not self._in(TaskState.READY, *WAITING)

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
        self.tree, changes = begin(self.workflow, self.now, LIMIT, selection)
        self._apply(changes)

    def _finish(self, task: Task, fate: Any) -> None:
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
        if self.tree.cancel:
            assert not changes.inserted
            assert not any(move.target is TaskState.SUCCESS for move in changes.moves)
        rounds = {n: t.round for n, t in self.tree.tasks.items()}
        self._apply(changes)
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

    def _may_run(self, task: Task) -> bool:
        if task.parent is not None:
            parent = self.tree[task.parent]
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
