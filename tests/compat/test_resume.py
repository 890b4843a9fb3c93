"""What repeated runs of a session do, by the real command: what runs again, and what it sees.

Each case is a sequence of commands; between them the file may be edited. Compared is what tasks
print. `tests.property.test_resume` says the same of any tree, for the plain resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import CommandProject, projects
from tests.support.played import FLAKY

DAY = ("--session", "2016-01-01")
Make = Callable[[Mapping[str, str]], CommandProject]


class Run(NamedTuple):
    """A command, what its tasks print in order, and whether it succeeds.

    `edit` replaces a text in the file first.
    """

    arguments: tuple[str, ...]
    prints: str
    ok: bool = True
    edit: tuple[str, str] | None = None


AGAIN = ()
ABC = "+a: {echo>: a}\n+b: {sh>: ./flaky.sh b 1}\n+c: {echo>: c}\n"
STORED = """\
_export: {gone: 1}
+s: {param_store>: {v: stored}}
+r: {param_reset>: gone}
+g:
  +l: {for_each>: {x: [1, 2]}, _do: {param_store>: {n: "${x}"}}}
+f: {sh>: ./flaky.sh f 1}
+z: {echo>: "${v},${n},${typeof gone}"}
"""

CASES: dict[str, tuple[str, list[Run]]] = {
    "a second run goes on where the first failed": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(AGAIN, "b c"), Run(AGAIN, "")],
    ),
    "rerun runs everything": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(("--rerun",), "a b c"), Run(("--rerun",), "a b c")],
    ),
    "start runs a task and what follows, though it is done": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(AGAIN, "b c"), Run(("--start", "+b"), "b c")],
    ),
    "goal runs a task though it is done, and leaves out what follows": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(("--goal", "+b"), "b"), Run(AGAIN, "c")],
    ),
    "end runs what is before a task, and the rest is not done by it": (
        ABC,
        [Run(("--end", "+b"), "a"), Run(AGAIN, "b", ok=False), Run(AGAIN, "b c")],
    ),
    "start and end together": (
        "+a: {echo>: a}\n+b: {echo>: b}\n+c: {echo>: c}\n",
        [Run(AGAIN, "a b c"), Run(("--start", "+b", "--end", "+c"), "b")],
    ),
    "a task alone is not the whole": (
        "+a: {echo>: a}\n+b: {echo>: b}\n",
        [Run(("+b",), "b"), Run(AGAIN, "a b"), Run(AGAIN, "")],
    ),
    "of a group that tried again, what its last round finished is left out": (
        "+g:\n  _retry: 1\n  +a: {echo>: a}\n  +b: {sh>: ./flaky.sh b 2}\n  +c: {echo>: c}\n",
        [Run(AGAIN, "a b a b", ok=False), Run(AGAIN, "b c")],
    ),
    "a group that tries again in the second run begins at its beginning": (
        "+g:\n  _retry: 1\n  +a: {echo>: a}\n  +b: {sh>: ./flaky.sh b 3}\n",
        [Run(AGAIN, "a b a b", ok=False), Run(AGAIN, "b a b")],
    ),
    "of generated tasks those that are done are left out": (
        """\
+l:
  for_each>: {x: [1, 2, 3]}
  _do: {sh>: "./flaky.sh x${x} ${x == 2 ? 1 : 0}"}
+z: {echo>: z}
""",
        [Run(AGAIN, "x1 x2", ok=False), Run(AGAIN, "x2 x3 z")],
    ),
    "a check belongs to the run of its task": (
        """\
+a:
  echo>: a
  _check:
    +x: {echo>: x}
    +y: {sh>: ./flaky.sh y 1}
""",
        [Run(AGAIN, "a x y", ok=False), Run(AGAIN, "a x y"), Run(AGAIN, "")],
    ),
    "handlers run whenever something fails": (
        "_error: {echo>: E}\n+a: {sh>: ./flaky.sh a 2, _error: {echo>: e}}\n+z: {echo>: z}\n",
        [Run(AGAIN, "a e E", ok=False), Run(AGAIN, "a e E", ok=False), Run(AGAIN, "a z")],
    ),
    "what was stored and reset stays so": (
        STORED,
        [
            Run(AGAIN, "f", ok=False),
            Run(AGAIN, "f stored,2,undefined"),
            Run(("--start", "+z"), "stored,2,undefined"),
        ],
    ),
    "and so from run to run": (
        STORED.replace("f 1", "f 3"),
        [
            Run(AGAIN, "f", ok=False),
            Run(AGAIN, "f", ok=False),
            Run(AGAIN, "f", ok=False),
            Run(AGAIN, "f stored,2,undefined"),
        ],
    ),
    "nothing behind a new task counts": (
        ABC,
        [
            Run(AGAIN, "a b", ok=False),
            Run(AGAIN, "new a b c", edit=("+a:", "+new: {echo>: new}\n+a:")),
        ],
    ),
    "what is before a new task counts": (
        ABC,
        [
            Run(AGAIN, "a b", ok=False),
            Run(AGAIN, "new b c", edit=("+b:", "+new: {echo>: new}\n+b:")),
        ],
    ),
    "a task by another name is another task": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(AGAIN, "a b c", edit=("+a:", "+renamed:"))],
    ),
    "a task that is gone is missed by nobody": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(AGAIN, "b c", edit=("+a: {echo>: a}\n", ""))],
    ),
    "a task that was done stays as it was, whatever it does now": (
        ABC,
        [Run(AGAIN, "a b", ok=False), Run(AGAIN, "b c", edit=("echo>: a", "echo>: other"))],
    ),
    "a finished session runs what was added to it": (
        "+a: {echo>: a}\n",
        [Run(AGAIN, "a"), Run(AGAIN, "b", edit=("echo>: a}\n", "echo>: a}\n+b: {echo>: b}\n"))],
    ),
    "a dry run is no run": (
        ABC,
        [
            Run(("--dry-run",), ""),
            Run(AGAIN, "a b", ok=False),
            Run(("--dry-run",), ""),
            Run(AGAIN, "b c"),
        ],
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    """A project for the real command."""
    yield from projects(tmp_path)


@pytest.mark.parametrize("shows", CASES)
def test_resume(shows: str, project: Make) -> None:
    text, runs = CASES[shows]
    made = project({"w.dig": text, "flaky.sh": FLAKY})
    (made.directory / "flaky.sh").chmod(0o755)
    for run in runs:
        if run.edit is not None:
            assert run.edit[0] in text
            text = text.replace(*run.edit)
            made.write({"w.dig": text})
        ended = made.run(*DAY, *run.arguments)
        assert ended.out.split() == run.prints.split(), ended.err
        assert ended.code == (0 if run.ok else 1)
