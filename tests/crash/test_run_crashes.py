"""``digpy run`` with a kill -9 of each of its processes at each named place, and by hand.

Whatever dies, the run ends as it would have: same tree, same values, and nothing that had finished
runs twice.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import ROOT, CommandProject, projects

Make = Callable[[Mapping[str, str]], CommandProject]

WORKFLOW = {
    "w.dig": """\
timezone: UTC
+kept:
  py>: tasks.keep
+needed:
  require>: other
+again:
  _retry: 1
  +each:
    for_each>: {v: [1, 2]}
    _do:
      sh>: . ./effect.sh each ${v}
  +flaky:
    sh>: . ./flaky.sh
+read:
  sh>: . ./effect.sh read ${kept}
""",
    "other.dig": """\
timezone: UTC
+work:
  sh>: . ./effect.sh other
""",
    "flaky.sh": """\
set -- flaky
. ./effect.sh
number=${DIGPY_RUN#*.}
touch "tried.${number%.*}"
test "$(ls tried.* | wc -l)" -ge 2
""",
    "tasks.py": """\
import os
import digdag

def keep(task_name):
    with open("effects", "a") as file:
        file.write(f"{os.environ['DIGPY_RUN']} {task_name} keep\\n")
    digdag.env.store({"kept": 7})
""",
}
"""Stores a value and reads it later, requires another workflow, repeats a group over a loop."""

PLACES = {
    "agent.after_claim": (1, 3),
    "agent.after_keeper": (1, 5),
    "agent.running": (1, 4),
    "agent.before_finish": (1, 3, 5),
    "agent.after_finish": (1, 4),
    "executor.before_commit": (2, 9),
    "executor.mid_commit": (1, 5, 7, 8),
    "executor.after_commit": (1, 6, 10),
    "executor.before_end": (1, 2),
    "starter.after_required": (1,),
    "keeper.before_child": (1, 3),
    "keeper.running": (1,),
    "keeper.before_exit_file": (2,),
    "worker.before_hello": (1,),
    "worker.after_hello": (1,),
    "supervisor.after_intent": (1,),
}
"""Every named place that an undisturbed run passes, and at which passes it is killed there."""

IN_RECOVERY = ("supervisor.after_intent:2", "supervisor.after_loss")
"""Places that only the recovery from another death passes."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CommandProject:
    """The same workflow with nobody dying."""
    for make in projects(tmp_path_factory.mktemp("undisturbed")):
        project = make(WORKFLOW)
        assert project.run().code == 0
        project.assert_clean()
    return project


def effects_by_task(project: CommandProject) -> Counter[tuple[str, str, int]]:
    return Counter((effect.task, effect.text, effect.number) for effect in project.effects)


def assert_as_undisturbed(project: CommandProject, undisturbed: CommandProject) -> None:
    """Same tree and values; each task ran once, but for at most one that was in flight."""
    assert project.outcome == undisturbed.outcome
    expected, found = effects_by_task(undisturbed), effects_by_task(project)
    assert set(found) == set(expected)
    assert sum(found.values()) <= sum(expected.values()) + 1
    project.assert_clean()


@pytest.mark.parametrize(
    "place", [f"{name}:{count}" for name, counts in PLACES.items() for count in counts]
)
def test_a_run_ends_as_if_nobody_had_died(
    project: Make, undisturbed: CommandProject, place: str, tmp_path: Path
) -> None:
    run = project(WORKFLOW)
    once = tmp_path / "once"
    environment = {"DIGPY_FAILPOINT": place, "DIGPY_FAILPOINT_ONCE": str(once)}
    ended = run.run(**environment)
    if ended.code == -9:  # it was the command that died: a person gives the same command again
        ended = run.run(**environment)
    assert ended.code == 0, ended.err
    assert once.exists(), "the place was not passed"
    assert_as_undisturbed(run, undisturbed)


def test_every_place_in_the_code_is_tried() -> None:
    named = set()
    for path in (ROOT / "digpy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "reach":
                named |= {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
    assert named == {*PLACES, *(place.partition(":")[0] for place in IN_RECOVERY)}
