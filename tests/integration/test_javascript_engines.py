"""Both JavaScript engines in the real command: limits cost a task, and data stays data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.javascript import ENGINES

ROOT = Path(__file__).parents[2]

BOMBS = """\
_parallel: true
+loop:
  echo>: ${(function() { for (;;); })()}
+memory:
  echo>: ${(function() { for (var s = ['x'];;) s.push(s.join()) })()}
+pattern:
  echo>: ${/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')}
+depth:
  echo>: ${(function f() { return f() })()}
+fine:
  +first:
    echo>: still ${1 + 1}
  +second:
    echo>: ${moment('2016-01-31').add(1, 'month').format('MMM D')}
"""

CHANNELS = """\
_export:
  given: ${typeof t} ${t}
+make:
  py>: tasks.make
+store:
  echo>: ${stored} ${stored.length}
+inside:
  echo>: ${nested.list[0].text} ${[nested.list[0].text].join()}
+again:
  +copy:
    param_store>: {copied: "${stored}"}
  +show:
    echo>: ${copied}
+loop:
  for_each>: {item: "${[stored, content]}"}
  _do:
    echo>: ${item + ''}
+subtasks:
  py>: tasks.generate
+param:
  echo>: ${given}
+error:
  fail>: ${stored}
  _error:
    echo>: ${error.message}
"""

TASKS = """\
import json
import digdag

CODE = "${1+1}$${'a'}"

def make():
    digdag.env.store({"stored": CODE, "content": json.loads(json.dumps("<p>" + CODE))})
    digdag.env.store({"nested": {"list": [{"text": CODE}]}})

def generate():
    digdag.env.export({"exported": CODE})
    digdag.env.add_subtask({"echo>": "${exported} ${exported.length}"})
"""

CODE = "${1+1}$${'a'}"


def digpy(project: Path, engine: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "digpy", "run", "w.dig", "-X", f"eval.js-engine-type={engine}"]
    return subprocess.run(
        [*command, *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bomb_costs_its_task_and_nothing_else(tmp_path: Path, engine: str) -> None:
    (tmp_path / "w.dig").write_text(BOMBS)

    ended = digpy(tmp_path, engine)

    assert ended.returncode == 1
    assert sorted(ended.stdout.splitlines()) == ["Feb 29", "still 2"]
    assert ended.stderr.count("stopped after 1 s of CPU time") >= 2
    assert "needs more than 64 MiB of memory" in ended.stderr
    assert "Maximum call stack size exceeded" in ended.stderr
    assert "let a script compute it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_task_produced_is_never_evaluated_and_what_was_given_is(
    tmp_path: Path, engine: str
) -> None:
    (tmp_path / "w.dig").write_text(CHANNELS)
    (tmp_path / "tasks.py").write_text(TASKS)

    ended = digpy(tmp_path, engine, "-p", "t=${1+2}")

    assert ended.stdout.splitlines() == [
        f"{CODE} {len(CODE)}",
        f"{CODE} {CODE}",
        CODE,
        CODE,
        f"<p>{CODE}",
        f"{CODE} {len(CODE)}",
        "string 3",
        CODE,
    ]


def test_the_engine_that_was_chosen_also_checks(tmp_path: Path) -> None:
    (tmp_path / "w.dig").write_text("+a:\n  echo>: ${[1].map(x => x)}\n")
    command = [sys.executable, "-m", "digpy", "check", "-X", "eval.js-engine-type=js2py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    known = sys.version_info < (3, 12)
    said = "is not a JavaScript expression" if known else "does not work with this Python"
    assert ended.returncode != 0
    assert said in ended.stderr
