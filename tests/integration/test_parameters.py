"""What a task sees, and where it comes from: one test for each line of the order of merging.

Each asks ``--show-params +t`` about the parameter ``v`` (or a mapping, or a built-in variable) of
a task ``+t``, so the value and its origin are proved at once.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from digpy.values import Json
from tests.support.command_line import Digpy, Ended

ROOT = Path(__file__).parents[2]

_LINE = re.compile(r"  (?P<name>[^:]+): (?P<value>.*?)  # (?P<origin>.*)")


class Seen(NamedTuple):
    """A parameter as a task sees it."""

    value: Json
    origin: str


class Task:
    """Runs workflows and asks what ``+t`` sees."""

    def __init__(self, digpy: Digpy) -> None:
        self._digpy = digpy

    def sees(self, text: str, *options: str, name: str = "v", task: str = "+t") -> Seen | None:
        """The parameter `name` of `task` in a workflow; None if there is none of that name."""
        Path("w.dig").write_text(text)
        words = ("--no-save", "--session", "2026-01-15", "--show-params", task, *options)
        shown = self._digpy("run", "w.dig", *words).err
        assert "parameters, and where they come from:" in shown, shown
        for line in map(_LINE.fullmatch, shown.splitlines()):
            if line is not None and line["name"] == name:
                return Seen(json.loads(line["value"]), line["origin"])
        return None


@pytest.fixture
def digpy() -> Digpy:
    """The real command: one that forks cannot be called in a process where others left threads."""

    def run(*arguments: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "digpy", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def t(digpy: Digpy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.chdir(tmp_path)
    return Task(digpy)


PLAIN = "+t: {echo>: x}\n"


def test_the_configuration_is_the_weakest(t: Task) -> None:
    assert t.sees(PLAIN, "-X", "params.v=c") == ("c", "-X params.v")


def test_the_configuration_is_told_with_its_file_and_line(t: Task) -> None:
    Path("config").write_text("# comment\nparams.v = c\n")

    assert t.sees(PLAIN, "-c", "config") == ("c", "config:2")


def test_a_params_file_wins_over_the_configuration(t: Task) -> None:
    Path("p.yml").write_text("v: f\n")

    assert t.sees(PLAIN, "-X", "params.v=c", "-P", "p.yml") == ("f", "-P p.yml")


def test_p_wins_over_a_params_file(t: Task) -> None:
    Path("p.yml").write_text("v: f\n")

    assert t.sees(PLAIN, "-P", "p.yml", "-p", "v=p") == ("p", "-p")


def test_an_export_of_the_workflow_wins_over_p(t: Task) -> None:
    seen = t.sees("_export: {v: e}\n" + PLAIN, "-p", "v=p")

    assert seen == ("e", "_export of +w (w.dig:1)")


def test_an_inner_export_wins_over_an_outer_one(t: Task) -> None:
    seen = t.sees("_export: {v: outer}\n+g:\n  _export: {v: inner}\n  +t: {echo>: x}\n")

    assert seen == ("inner", "_export of +w+g (w.dig:3)")


def test_a_store_wins_over_an_export_that_was_there_before_it(t: Task) -> None:
    seen = t.sees("_export: {v: e}\n+a: {param_store>: {v: s}}\n" + PLAIN)

    assert seen == ("s", "stored by +w+a")


def test_an_export_of_a_group_wins_over_a_store_before_the_group(t: Task) -> None:
    seen = t.sees("+a: {param_store>: {v: s}}\n+g:\n  _export: {v: e}\n  +t: {echo>: x}\n")

    assert seen == ("e", "_export of +w+g (w.dig:3)")


def test_a_store_inside_a_group_wins_over_the_export_of_the_group(t: Task) -> None:
    seen = t.sees("+g:\n  _export: {v: e}\n  +a: {param_store>: {v: s}}\n  +t: {echo>: x}\n")

    assert seen == ("s", "stored by +w+g+a")


def test_an_export_of_a_group_is_not_seen_behind_it(t: Task) -> None:
    assert t.sees("+g:\n  _export: {v: e}\n  +a: {echo>: x}\n" + PLAIN) is None


def test_a_store_inside_a_group_is_seen_behind_it(t: Task) -> None:
    seen = t.sees("+g:\n  _export: {v: e}\n  +a: {param_store>: {v: s}}\n" + PLAIN)

    assert seen == ("s", "stored by +w+g+a")


def test_a_later_store_wins_over_an_earlier_one(t: Task) -> None:
    seen = t.sees("+a: {param_store>: {v: a}}\n+b: {param_store>: {v: b}}\n" + PLAIN)

    assert seen == ("b", "stored by +w+b")


def test_behind_a_parallel_group_the_task_that_is_written_last_wins(t: Task) -> None:
    seen = t.sees(
        "+g:\n  _parallel: true\n  +a: {param_store>: {v: a}, _after: []}\n"
        "  +b: {param_store>: {v: b}}\n" + PLAIN
    )

    assert seen == ("b", "stored by +w+g+b")


def test_a_sibling_that_runs_at_the_same_time_is_not_seen(t: Task) -> None:
    seen = t.sees(
        "_parallel: true\n+a: {param_store>: {v: a}}\n+b: {wait>: 1s}\n"
        "+t: {echo>: x, _after: [+b]}\n"
    )

    assert seen is None


def test_a_sibling_that_is_waited_for_is_seen(t: Task) -> None:
    seen = t.sees("_parallel: true\n+a: {param_store>: {v: a}}\n+t: {echo>: x, _after: [+a]}\n")

    assert seen == ("a", "stored by +w+a")


def test_the_chunk_before_is_seen(t: Task) -> None:
    seen = t.sees("_parallel: {limit: 1}\n+a: {param_store>: {v: a}}\n" + PLAIN)

    assert seen == ("a", "stored by +w+a")


def test_a_background_task_does_not_see_what_is_written_before_it(t: Task) -> None:
    seen = t.sees("+a: {param_store>: {v: a}}\n+t: {echo>: x, _background: true}\n")

    assert seen is None


def test_behind_a_background_task_its_stores_are_seen(t: Task) -> None:
    seen = t.sees("+a: {param_store>: {v: a}, _background: true}\n" + PLAIN)

    assert seen == ("a", "stored by +w+a")


def test_the_own_export_wins_over_every_store(t: Task) -> None:
    seen = t.sees("+a: {param_store>: {v: s}}\n+t: {echo>: x, _export: {v: own}}\n")

    assert seen == ("own", "_export of +w+t (w.dig:2)")


def test_a_built_in_variable_wins_over_the_own_export(t: Task) -> None:
    seen = t.sees("+t: {echo>: x, _export: {session_date: never}}\n", name="session_date")

    assert seen == ("2026-01-15", "built-in")


def test_a_built_in_variable_wins_over_p(t: Task) -> None:
    seen = t.sees(PLAIN, "-p", "session_date=never", name="session_date")

    assert seen == ("2026-01-15", "built-in")


def test_a_key_of_the_task_wins_over_a_built_in_variable(t: Task) -> None:
    text = "+t:\n  require>: other\n  session_date: mine\n"
    Path("other.dig").write_text(PLAIN)

    assert t.sees(text, name="session_date") == ("mine", "written on the task (w.dig:3)")


def test_a_key_of_the_task_wins_over_its_own_export(t: Task) -> None:
    seen = t.sees("+t: {sh>: ':', _export: {v: export}, v: own}\n")

    assert seen == ("own", "written on the task (w.dig:1)")


def test_keys_of_a_group_are_seen_by_nobody(t: Task) -> None:
    text = "+c: {call>: sub/g.dig, v: 1}\n"
    Path("sub").mkdir()
    Path("sub/g.dig").write_text(PLAIN)

    assert t.sees(text, task="+c^sub+t") is None


def test_what_an_operator_exports_wins_over_the_written_export_of_its_task(t: Task) -> None:
    Path("tasks.py").write_text(
        "import digdag\n\n\ndef go():\n    digdag.env.export(v='result')\n"
        "    digdag.env.add_subtask({'_type': 'echo', '_command': 'x'})\n"
    )
    seen = t.sees("+a: {py>: tasks.go, _export: {v: written}}\n", task="+a^sub+subtask0")

    assert seen == ("result", "exported by +w+a")


def test_what_an_operator_stores_is_seen_by_its_own_subtasks(t: Task) -> None:
    Path("tasks.py").write_text(
        "import digdag\n\n\ndef go():\n    digdag.env.store(v='stored')\n"
        "    digdag.env.add_subtask({'_type': 'echo', '_command': 'x'})\n"
    )
    seen = t.sees("+a: {py>: tasks.go}\n", task="+a^sub+subtask0")

    assert seen == ("stored", "stored by +w+a")


def test_a_loop_variable_wins_over_an_export_of_the_body(t: Task) -> None:
    text = "+a:\n  loop>: 1\n  _do: {echo>: x, _export: {i: body}}\n"

    assert t.sees(text, name="i", task="+a^sub+loop-0") == (0, "_export of +w+a^sub+loop-0")


def test_a_check_sees_what_the_subtasks_stored(t: Task) -> None:
    text = "+a:\n  loop>: 1\n  _do: {param_store>: {v: s}}\n  _check: {echo>: x}\n"

    assert t.sees(text, task="+a^check") == ("s", "stored by +w+a^sub+loop-0")


def test_a_handler_of_a_group_sees_what_its_tasks_stored(t: Task) -> None:
    text = "+g:\n  +a: {param_store>: {v: s}}\n  +b: {fail>: no}\n  _error: {echo>: x}\n"

    assert t.sees(text, task="+g^error") == ("s", "stored before +w+g^error")


def test_a_reset_takes_away_what_was_exported_and_given(t: Task) -> None:
    assert t.sees("_export: {v: e}\n+a: {param_reset>: v}\n" + PLAIN, "-p", "v=p") is None


def test_an_export_behind_a_reset_gives_the_parameter_again(t: Task) -> None:
    seen = t.sees("+a: {param_reset>: v}\n+t: {echo>: x, _export: {v: again}}\n", "-p", "v=p")

    assert seen == ("again", "_export of +w+t (w.dig:2)")


def test_a_reset_happens_before_the_store_of_the_same_task(t: Task) -> None:
    seen = t.sees("_export: {v: 'a${1}'}\n+a: {param_eval>: v}\n" + PLAIN)

    assert seen == ("a1", "stored by +w+a")


def test_mappings_merge_and_every_layer_is_told(t: Task) -> None:
    seen = t.sees(
        "_export: {m: {a: 1}}\n+s: {param_store>: {m: {b: 2}}}\n+t: {sh>: ':', m: {c: 3}}\n",
        "-p",
        "m.p=0",
        name="m",
    )

    assert seen is not None
    assert seen.value == {"p": "0", "a": 1, "b": 2, "c": 3}
    assert seen.origin == (
        "written on the task (w.dig:3), over stored by +w+s, over _export of +w (w.dig:1), over -p"
    )


def test_anything_but_a_mapping_replaces_what_was_there(t: Task) -> None:
    seen = t.sees("_export: {v: {a: 1}}\n+g:\n  _export: {v: [2]}\n  +t: {echo>: x}\n")

    assert seen == ([2], "_export of +w+g (w.dig:3)")


def test_a_schedule_gives_its_neighbours_and_wins_over_p(t: Task) -> None:
    text = "schedule: {daily>: '00:00:00'}\n" + PLAIN
    seen = t.sees(text, "-p", "next_session_time=never", name="next_session_time")

    assert seen is not None
    assert seen.value == "2026-01-16T00:00:00+00:00"


def test_a_template_is_shown_as_it_was_evaluated(t: Task) -> None:
    seen = t.sees("_export: {v: '${session_date}'}\n" + PLAIN)

    assert seen is not None
    assert seen.value == "2026-01-15"


def test_an_export_in_an_included_file_is_told_with_that_file(t: Task) -> None:
    Path("common.dig").write_text("_export:\n  v: e\n")

    assert t.sees("!include : common.dig\n" + PLAIN) == ("e", "_export of +w (common.dig:2)")


def test_secrets_are_not_shown(t: Task, digpy: Digpy) -> None:
    Path("w.dig").write_text("+t:\n  sh>: 'test \"$P\" = hidden'\n  _env: {P: '${secret:p}'}\n")

    ended = digpy("run", "w.dig", "--no-save", "--show-params", "+t", "-X", "secrets.p=hidden")

    assert ended.code == 0
    assert "hidden" not in re.sub(r"sh>.*", "", ended.err)
    assert "${secret:p}" in ended.err


def test_other_tasks_are_not_shown(digpy: Digpy, tmp_path: Path, t: Task) -> None:
    Path("w.dig").write_text("+a: {echo>: a}\n" + PLAIN)

    ended = digpy("run", "w.dig", "--no-save", "--show-params=+t")

    assert ended.err.count("parameters") == 1


def test_without_a_name_the_word_that_follows_is_the_workflow(digpy: Digpy, t: Task) -> None:
    Path("w.dig").write_text("+a: {echo>: a}\n" + PLAIN)

    ended = digpy("run", "--show-params", "w.dig", "--no-save")

    assert ended.err.count("parameters:\n") == 2
    assert "where they come from" not in ended.err


def test_a_name_that_no_task_has_is_refused_with_those_there_are(digpy: Digpy, t: Task) -> None:
    Path("w.dig").write_text(PLAIN)

    ended = digpy("run", "w.dig", "--no-save", "--show-params", "+u")

    assert ended.code == 1
    assert "+u" in ended.err
    assert "+t" in ended.err


def test_parameters_of_a_program_are_shown_and_it_runs(digpy: Digpy, t: Task) -> None:
    Path("w.dig").write_text("+t: {sh>: touch ran}\n")

    assert digpy("run", "w.dig", "--no-save", "--show-params", "+t").code == 0
    assert Path("ran").exists()


def test_with_the_short_option_the_name_is_the_task_to_run(digpy: Digpy, t: Task) -> None:
    Path("w.dig").write_text("+a: {echo>: a}\n" + PLAIN)

    ended = digpy("run", "w.dig", "--no-save", "-E", "+t")

    assert ended.out == "x\n"
    assert "where they come from" not in ended.err


def test_parameters_can_be_shown_without_running_anything(digpy: Digpy, t: Task) -> None:
    Path("w.dig").write_text("+t: {sh>: touch ran}\n")

    ended = digpy("run", "w.dig", "--no-save", "-d", "--show-params", "+t", "-p", "v=1")

    assert '  v: "1"  # -p' in ended.err.splitlines()
    assert not Path("ran").exists()


def test_directives_are_no_parameters(t: Task) -> None:
    text = "+t: {echo>: x, _error: {echo>: e}, _check: {echo>: c}, _timeout: 1h}\n"

    assert [t.sees(text, name=name) for name in ("_error", "_check", "_timeout")] == [None] * 3


def test_the_times_of_a_schedule_are_built_in(t: Task) -> None:
    text = "schedule: {daily>: '00:00:00'}\n" + PLAIN

    seen = t.sees(text, name="last_session_time")

    assert seen == ("2026-01-14T00:00:00+00:00", "built-in")
