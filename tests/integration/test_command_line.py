"""The real ``digpy run`` off a terminal: what it says, with which code it ends, what it leaves."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually
from tests.support.golden import Golden

Make = Callable[[Mapping[str, str]], CommandProject]
DAY = ("--session", "2024-03-05")

BAD: dict[str, tuple[int, dict[str, str], tuple[str, ...]]] = {
    "broken-yaml": (3, {"w.dig": '+a:\n  echo>: "never closed\n'}, ()),
    "unknown-key": (3, {"w.dig": "+g:\n  paralel: true\n  +a: {echo>: x}\n"}, ()),
    "two-operators": (3, {"w.dig": "+a: {echo>: x, sh>: y}\n+b: {py>: x, sh>: y}\n"}, ()),
    "two-broken-files": (
        3,
        {"a.dig": "+x: [\n", "b.dig": "+y z: {sh>: x}\n", "w.dig": "+a: {echo>: fine}\n"},
        (),
    ),
    "broken-params-file": (
        3,
        {"w.dig": "+a: {echo>: x}\n", "p.yml": "a: [1\n"},
        ("-P", "p.yml"),
    ),
    "missing-params-file": (3, {"w.dig": "+a: {echo>: x}\n"}, ("-P", "gone.yml")),
    "unknown-setting": (3, {"w.dig": "+a: {echo>: x}\n"}, ("-X", "executor.task_max=1")),
    "undefined-variable": (
        1,
        {"w.dig": "+a:\n  echo>: hello ${nobody.name}\n+b: {echo>: x}\n"},
        (),
    ),
    "bad-javascript": (1, {"w.dig": '+a: {echo>: fine}\n+b:\n  echo>: "x ${1 +}"\n'}, ()),
    "endless-expression": (1, {"w.dig": "+a:\n  echo>: ${(function(){while(true){}})()}\n"}, ()),
    "hungry-expression": (
        1,
        {"w.dig": "+a:\n  echo>: ${(function(){var a=[];for(;;)a.push(Array(1e6).join(a))})()}\n"},
        (),
    ),
    "endless-regular-expression": (
        1,
        {"w.dig": f'+a:\n  echo>: ${{/^(a+)+$/.test("{"a" * 40}!")}}\n'},
        (),
    ),
    "missing-called-file": (1, {"w.dig": "+a:\n  call>: gone.dig\n"}, ()),
    "missing-script": (1, {"w.dig": "+a:\n  sh>: ./gone.sh\n"}, ()),
    "unknown-operator": (1, {"w.dig": "+a:\n  ecko>: x\n+b: {echo>: x}\n"}, ()),
    "task-limit": (
        1,
        {"w.dig": "+a: {echo>: x}\n+b: {echo>: x}\n"},
        ("-X", "executor.task_max_run=2"),
    ),
    "task-limit-of-a-loop": (
        1,
        {"w.dig": "+a:\n  loop>: 9\n  _do: {echo>: x}\n"},
        ("-X", "executor.task_max_run=5"),
    ),
    "no-such-workflow": (1, {"work.dig": "+a: {echo>: x}\n"}, ()),
    "no-such-task": (1, {"w.dig": "+a: {echo>: x}\n"}, ("+b",)),
    "ambiguous-task": (1, {"w.dig": "+x: {+a: {echo>: x}}\n+y: {+a: {echo>: y}}\n"}, ("+a",)),
    "no-such-session": (2, {"w.dig": "+a: {echo>: x}\n"}, ("--session", "someday")),
    "no-such-directory": (2, {"w.dig": "+a: {echo>: x}\n"}, ("--project", "gone")),
    "task-log": (2, {"w.dig": "+a: {echo>: x}\n"}, ("-O", "logs")),
}
"""Bad input: the exit code, the project, and more words of the command line."""

STARTED = {name for name in BAD if name.partition("-")[0] in ("undefined", "bad", "endless")} | {
    "hungry-expression",
    "missing-called-file",
    "missing-script",
    "unknown-operator",
    "task-limit-of-a-loop",
}
"""What is found out only while it runs."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def normal(text: str, project: CommandProject) -> str:
    """`text` without what differs from run to run."""
    text = text.replace(str(project.directory), "<dir>")
    return re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} ", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name: str, project: Make, golden: Golden) -> None:
    code, files, words = BAD[name]
    there = project(files)

    ended = there.run(*DAY, *words)

    assert ended.code == code
    assert "Traceback" not in ended.err
    golden.check(f"cli/run-{name}.txt", normal(ended.err, there))
    has_database = (there.directory / ".digpy" / "digpy.db").exists()
    assert len(there.attempts if has_database else []) == (name in STARTED)


def test_a_run_says_what_it_does_and_how_it_ended(project: Make, golden: Golden) -> None:
    there = project({"w.dig": "+a: {echo>: hello}\n+b: {echo>: bye}\n"})

    ended = there.run(*DAY)

    assert (ended.code, ended.out) == (0, "hello\nbye\n")
    golden.check("cli/run-success.txt", normal(ended.err, there))


def test_a_failure_names_the_log_and_what_never_ran(project: Make, golden: Golden) -> None:
    there = project({"w.dig": "+a: {sh>: echo why; exit 3}\n+b: {echo>: x}\n"})

    ended = there.run(*DAY, "-p", "k=a b")

    assert (ended.code, ended.out) == (1, "why\n")
    golden.check("cli/run-failure.txt", normal(ended.err, there))
    assert (there.directory / ".digpy/logs/1/2-1.log").read_text() == "why\n"


def test_the_command_to_continue_continues(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a}\n+b: {sh>: sh effect.sh b; test -f ok}\n"})
    ended = there.run(*DAY)
    (line,) = [line for line in ended.err.splitlines() if "To continue" in line]
    there.write({"ok": ""})

    words = line.partition("digpy run w.dig ")[2].split()

    assert there.run(*words).code == 0
    assert [effect.text for effect in there.effects] == ["a", "b", "b"]


def test_a_session_that_is_done_is_not_run_again(project: Make) -> None:
    there = project({"w.dig": "+a: {echo>: hello}\n"})
    there.run(*DAY)

    ended = there.run(*DAY)

    assert (ended.code, ended.out) == (0, "")
    assert "has been done before: nothing was run" in ended.err
    assert len(there.attempts) == 1


def test_a_success_counts_although_a_later_run_left_the_task_out(project: Make) -> None:
    tasks = "".join(f"+{name}: {{sh>: sh effect.sh {name}}}\n" for name in "abc")
    there = project({"w.dig": tasks + "+d: {sh>: test -f ok}\n"})
    there.run(*DAY)
    there.run(*DAY, "--end", "+b")
    there.run(*DAY, "+a")
    there.write({"ok": ""})

    ended = there.run(*DAY)

    assert ended.code == 0
    assert [effect.text for effect in there.effects] == ["a", "b", "c"]


def test_what_start_ran_again_and_failed_does_not_count_by_an_earlier_success(
    project: Make,
) -> None:
    there = project(
        {"w.dig": "+a: {sh>: sh effect.sh a; test ! -f bad}\n+b: {sh>: sh effect.sh b}\n"}
    )
    there.run(*DAY)
    there.write({"bad": ""})
    there.run(*DAY, "--start", "+a")
    (there.directory / "bad").unlink()

    assert there.run(*DAY).code == 0
    assert [effect.text for effect in there.effects] == ["a", "b", "a", "a", "b"]


def test_continuing_an_attempt_shows_only_what_is_new(project: Make) -> None:
    there = project(
        {"w.dig": "+a: {sh>: echo first}\n+b: {sh>: sh effect.sh b; test -f ok || sleep 60}\n"}
    )
    killed = there.start(*DAY)
    eventually(there.did("b"))
    killed.send(signal.SIGKILL)
    eventually(lambda: not killed.alive)
    there.write({"ok": ""})

    ended = there.run(*DAY)

    assert (ended.code, ended.out) == (0, "")
    assert len(there.attempts) == 1
    assert "+w+a" not in ended.err
    assert "2 tasks ran" in ended.err


def test_a_wait_of_years_is_a_wait(project: Make) -> None:
    there = project({"w.dig": "+a: {wait>: 3000d}\n"})
    waiting = there.start(*DAY)
    eventually(lambda: "wait>: 3000d" in waiting.err)

    waiting.send(signal.SIGINT)

    ended = waiting.wait()
    assert ended.code == 130
    assert "the worker ended" not in ended.err


def test_a_text_of_megabytes_is_printed(project: Make) -> None:
    there = project({"w.dig": "+a: {echo>: \"${Array(300001).join('abcdefg\\\\n')}\"}\n"})

    assert there.run(*DAY).out == "abcdefg\n" * 300_000 + "\n"


def test_warnings_about_the_file_come_first(project: Make) -> None:
    there = project({"w.dig": "+g:\n  _check: {echo>: x}\n  +a: {echo>: x}\n"})

    ended = there.run(*DAY)

    assert ended.code == 0
    assert ended.err.startswith("w.dig:2:3: warning: _check on a group never runs\n")


def test_parameters_are_shown_before_a_task_runs(project: Make) -> None:
    there = project({"w.dig": "_export: {k: v}\n+a: {echo>: 'hello ${k}', n: [1, 2]}\n"})

    ended = there.run(*DAY, "--show-params")

    assert "+w+a: parameters:\n" in ended.err
    assert '\n  k: "v"\n' in ended.err
    assert "\n  n:\n  - 1\n  - 2\n" in ended.err
    assert ended.err.index("parameters:") < ended.err.index("echo>: hello v")


def test_a_dry_run_leaves_no_trace(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a}\n+b: {fail>: x}\n"})

    ended = there.run(*DAY, "--dry-run")

    assert ended.code == 0
    assert "a dry run, nothing was done" in ended.err
    assert there.effects == []
    assert not (there.directory / ".digpy").exists()


def test_no_save_keeps_nothing_and_says_nothing_of_state(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a}\n"})

    ended = there.run(*DAY, "--no-save")

    assert ended.code == 0
    assert "Task state is saved" not in ended.err
    assert not (there.directory / ".digpy").exists()


def test_the_state_can_be_kept_elsewhere_and_is_found_there(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a}\n"})
    there.run(*DAY, "--save", "kept/here")

    ended = there.run(*DAY, "--save", "kept/here")

    assert "has been done before" in ended.err
    assert (there.directory / "kept/here/digpy.db").exists()


def test_a_state_directory_that_cannot_be_made_is_an_error(project: Make) -> None:
    there = project({"w.dig": "+a: {echo>: x}\n", "file": ""})

    ended = there.run(*DAY, "--save", "file/state")

    assert ended.code == 74
    assert "error: the state directory" in ended.err


def test_one_program_at_a_time_if_asked_for(project: Make) -> None:
    tasks = "".join(f"  +t{n}: {{sh>: sh effect.sh in; sh effect.sh out}}\n" for n in range(3))
    there = project({"w.dig": "+g:\n  _parallel: true\n" + tasks})

    there.run(*DAY, "--max-task-threads", "1")

    # Two at once would mix their lines.
    assert [effect.text for effect in there.effects] == ["in", "out"] * 3


def test_a_session_that_another_command_runs_is_refused(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a; sleep 60}\n"})
    running = there.start(*DAY)
    eventually(there.did("a"))

    ended = there.run(*DAY)

    assert ended.code == 1
    assert f"this session is being run by process {running.pid}" in ended.err
    assert len(there.attempts) == 1


def test_interrupting_cancels_and_names_the_command_to_continue(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: sh effect.sh a; sleep 60}\n+b: {echo>: x}\n"})
    running = there.start(*DAY)
    eventually(there.did("a"))

    running.send_group(signal.SIGINT)
    ended = running.wait()

    assert ended.code == 130
    assert "canceling: tasks are asked to stop" in ended.err
    assert "error: canceled: w" in ended.err
    assert "never ran because of it: +w+b" in ended.err
    assert "To continue where it stopped: digpy run w.dig --session 2024-03-05" in ended.err
