"""Every way in which ``_retry`` meets what generates tasks: which task ran how often, and saw what.

Each case is a workflow and what its tasks print, on the real executor and store. A word is printed
by each run of a task, so a word too many is a run too many. `tests.property.test_rounds` says the
same of any tree; the cases here are for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import CommandProject, projects
from tests.support.played import FLAKY, Play, play

__all__ = ["play"]


class Case(NamedTuple):
    """`prints`: in order, or sorted where tasks run at once."""

    shows: str
    files: str | dict[str, str]
    prints: str
    root: str = "success"
    is_ordered: bool = True


CASES = [
    Case(
        "for_range, in a retried group",
        """\
+g:
  _retry: 1
  +r: {for_range>: {from: 0, to: 4, step: 2}, _do: {echo>: "r${range.from}"}}
  +b: {sh>: ./flaky.sh b 1}
""",
        "r0 r2 b r0 r2 b",
    ),
    Case(
        "loop, in a retried group, in a retried group",
        """\
+o:
  _retry: 1
  +i:
    _retry: 2
    +l: {loop>: 2, _do: {echo>: "l${i}"}}
    +z: {fail>: x}
""",
        " ".join(["l0 l1"] * 6),
        "group_error",
    ),
    Case(
        "if, in a retried group in a called file in a retried group",
        {
            "w.dig": "+o: {_retry: 1, +c: {call>: s}}\n",
            "s.dig": "+i:\n  _retry: 1\n  +a: {if>: true, _do: {echo>: a}}\n  +z: {fail>: x}\n",
        },
        "a a a a",
        "group_error",
    ),
    Case(
        "three levels, each behind another generator",
        {
            "w.dig": "+o:\n  _retry: 1\n  +l: {loop>: 1, _do: {_retry: 1, +c: {call>: s}}}\n",
            "s.dig": """\
_retry: 1
+e: {for_each>: {x: [7]}, _do: {echo>: "${i}${x}"}}
+z: {fail>: x}
""",
        },
        " ".join(["07"] * 8),
        "group_error",
    ),
    Case(
        "two parallel for_each in a retried group",
        """\
+g:
  _retry: 1
  _parallel: true
  +e: {for_each>: {x: [1, 2]}, _parallel: true, _do: {echo>: "e${x}"}}
  +f: {for_each>: {x: [1, 2]}, _parallel: {limit: 1}, _do: {echo>: "f${x}"}}
  +s: {sh>: ./flaky.sh s 1}
""",
        "e1 e1 e2 e2 f1 f1 f2 f2 s s",
        is_ordered=False,
    ),
    Case(
        "chunks of a retried group that fails in its second chunk",
        """\
+g:
  _retry: 1
  _parallel: {limit: 2}
  +a: {echo>: a}
  +b: {echo>: b}
  +c: {sh>: ./flaky.sh c 1}
  +d: {echo>: d}
  +e: {echo>: e}
""",
        "a a b b c c d d e",
        is_ordered=False,
    ),
    Case(
        "a retried group in a handler",
        """\
+a:
  fail>: x
  _error:
    _retry: 1
    +l: {loop>: 2, _do: {echo>: "l${i}"}}
    +b: {sh>: ./flaky.sh b 1}
""",
        "l0 l1 b l0 l1 b",
        "group_error",
    ),
    Case(
        "a retried group in a check",
        """\
+a:
  echo>: a
  _check:
    _retry: 1
    +l: {loop>: 2, _do: {echo>: "l${i}"}}
    +b: {sh>: ./flaky.sh b 1}
+z: {echo>: z}
""",
        "a l0 l1 b l0 l1 b z",
    ),
    Case(
        "a check behind generated tasks, both again with their task",
        """\
+a:
  loop>: 2
  _retry: 1
  _do: {echo>: "l${i}"}
  _check: {sh>: ./flaky.sh c 1}
""",
        "l0 l1 c l0 l1 c",
    ),
    Case(
        "an iteration that tries again leaves the others alone",
        """\
+l:
  for_each>: {x: [1, 2]}
  _parallel: true
  _do:
    _retry: 1
    +a: {echo>: "a${x}"}
    +b: {sh>: "./flaky.sh b${x} ${x - 1}"}
""",
        "a1 a2 a2 b1 b2 b2",
        is_ordered=False,
    ),
    Case(
        "a task's own retries are new in every round",
        """\
+g:
  _retry: 1
  +a: {echo>: a}
  +b: {sh>: ./flaky.sh b 3, _retry: 1}
""",
        "a b b a b b",
    ),
    Case(
        "handlers inside run in every round, the group's once",
        """\
+g:
  _retry: 1
  _error: {echo>: G}
  +l: {loop>: 2, _do: {echo>: "l${i}", _check: {fail>: x}, _error: {echo>: "E${i}"}}}
""",
        "l0 E0 l0 E0 G",
        "group_error",
    ),
    Case(
        "py, in a retried group",
        "+g: {_retry: 1, +p: {py>: tasks.generate}}\n",
        "p1 b p1 b",
    ),
    Case(
        "py that tries again",
        "+p: {py>: tasks.generate, _retry: 1}\n",
        "p1 b p1 b",
    ),
    Case(
        "a new run that generates nothing forgets what failed before",
        "+p: {py>: tasks.generate_once, _retry: 1, _check: {echo>: checked}}\n+z: {echo>: z}\n",
        "checked z",
    ),
    Case(
        "a static name that looks generated",
        "+g:\n  _retry: 1\n  +a^sub: {echo>: a}\n  +b: {sh>: ./flaky.sh b 1}\n",
        "a b a b",
    ),
    Case(
        "stores of a round are not seen by the next, but after the group",
        """\
+g:
  _retry: 2
  +a: {echo>: "${typeof v}"}
  +l: {loop>: 2, _do: {param_store>: {v: "${i}"}}}
  +b: {echo>: "v=${v}"}
  +c: {sh>: ./flaky.sh c 2}
+z: {echo>: "v=${v}"}
""",
        "undefined v=1 c undefined v=1 c undefined v=1 c v=1",
    ),
    Case(
        "what an earlier round alone has stored stays",
        """\
+g:
  _retry: 1
  +a: {sh>: ./flaky.sh a 0, _error: {echo>: never}}
  +c: {sh>: ./flaky.sh c 1, _error: {param_store>: {failed: once}}}
+z: {echo>: "${failed}"}
""",
        "a c a c once",
    ),
    Case(
        "a reset in a round does not reach the next",
        """\
_export: {v: 1}
+g:
  _retry: 1
  +a: {echo>: "v=${v}"}
  +r: {param_reset>: v}
  +b: {echo>: "${typeof v}"}
  +c: {sh>: ./flaky.sh c 1}
+z: {echo>: "${typeof v}"}
""",
        "v=1 undefined c v=1 undefined c undefined",
    ),
    Case(
        "a handler sees the stores of all rounds, the newest first",
        """\
+g:
  _retry: 1
  _error: {echo>: "${a} ${n}"}
  +a: {param_store>: {a: kept}}
  +n: {for_each>: {x: [1, 2]}, _do: {param_store>: {n: "${x}"}}}
  +z: {fail>: x}
""",
        "kept 2",
        "group_error",
    ),
    Case(
        "a background task and what comes after it, again",
        """\
+g:
  _retry: 1
  +a: {echo>: a}
  +k: {_background: true, loop>: 2, _do: {echo>: "k${i}"}}
  +b: {sh>: ./flaky.sh b 1}
""",
        "a a b b k0 k0 k1 k1",
        is_ordered=False,
    ),
    Case(
        "a retried call of a file that retries",
        {
            "w.dig": "+c: {call>: s, _retry: 1}\n+z: {echo>: z}\n",
            "s.dig": "_retry: 1\n+a: {echo>: a}\n+b: {sh>: ./flaky.sh b 3}\n",
        },
        "a b a b a b a b z",
    ),
]  # fmt: skip

TASKS = """\
import pathlib

import digdag


def generate():
    digdag.env.store({"stored": 1})
    digdag.env.add_subtask({"+a": {"echo>": "p${stored}"}, "+b": {"sh>": "./flaky.sh b 1"}})


def generate_once():
    marker = pathlib.Path("generated")
    if not marker.exists():
        marker.touch()
        digdag.env.add_subtask({"fail>": "x"})
"""

Make = Callable[[Mapping[str, str]], CommandProject]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    """A project for the real command."""
    yield from projects(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=[case.shows for case in CASES])
def test_rounds(case: Case, play: Play) -> None:
    files = {"w.dig": case.files} if isinstance(case.files, str) else case.files
    played = play({"tasks.py": TASKS, **files})
    played.run()
    prints = " ".join(played.prints).split()
    assert (prints if case.is_ordered else sorted(prints)) == case.prints.split(), played.log
    assert played.states()["+w"] == case.root


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.is_ordered and ("three" in case.shows or "py" in case.shows)],
    ids=lambda case: case.shows,
)
def test_rounds_of_the_real_command(case: Case, project: Make) -> None:
    files = {"w.dig": case.files} if isinstance(case.files, str) else case.files
    made = project({"tasks.py": TASKS, "flaky.sh": FLAKY, **files})
    (made.directory / "flaky.sh").chmod(0o755)
    ended = made.run()
    assert ended.out.split() == case.prints.split(), ended.err
    assert ended.code == (0 if case.root == "success" else 1)
