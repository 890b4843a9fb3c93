"""The edge cases of digdag's language, numbered, each with what digpy does.

Most are rows of `edge_cases.yml`: files, and what has to happen. What needs a kill, a resume, other
workflows or the command line is written out below. Time jumps over waits.

A row has ``prints`` (what tasks print, in order) and ``root`` (the state of the root task in the
end), or ``refused`` (the message with which the workflow is not even started). More that a row may
ask for: ``states``, ``errors`` (messages of tasks), ``claims`` (how often a task was run),
``tasks`` (the full names, in the order of the tree), ``log`` (a piece of what is logged),
``waited`` (seconds that passed in waits). Some have ``limit`` (of tasks) and ``params`` (of the
start).

136 to 148, which are about schedules and ``sla:``, are in `test_edge_cases_of_schedules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from digpy.dsl.checker import check_workflow
from digpy.dsl.reader import read_text
from digpy.errors import DigpyError, NotFound, SourceError
from digpy.source import Source
from tests.support.command import CommandProject, projects
from tests.support.played import FLAKY, Play, Played, play

__all__ = ["play"]

CASES = YAML(typ="safe", pure=True).load((Path(__file__).parent / "edge_cases.yml").read_text())

DAY = ("--session", "2016-01-01")
TWICE = "+x:\n  +a: {echo>: 1}\n+y:\n  +a: {echo>: 2}\n"
Make = Callable[[Mapping[str, str]], CommandProject]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    """A project for the real command."""
    yield from projects(tmp_path)


@pytest.mark.parametrize("row", CASES, ids=[f"{row['case']:03d}-{row['shows']}" for row in CASES])
def test_case(row: dict[str, Any], play: Play) -> None:
    played = play(row["files"], row.get("limit", 1000))
    before = played.scenario.clock.skipped
    if "refused" in row:
        with pytest.raises(DigpyError) as refused:
            played.run()
        assert str(refused.value) == row["refused"]
        assert played.prints == []
        return
    played.run(params=row.get("params"))
    skipped = (played.scenario.clock.skipped - before) / 1_000_000
    states, errors, claims = played.states(), played.errors(), played.claims()
    assert (played.prints, states["+w"]) == (row["prints"], row["root"]), played.log
    assert row.get("states", {}).items() <= states.items()
    assert row.get("errors", {}).items() <= errors.items()
    assert row.get("claims", {}).items() <= claims.items()
    assert row.get("tasks") in (None, [task["fullName"] for task in played.tasks()])
    assert row.get("log", "") in played.log
    assert row.get("waited") in (None, round(skipped))


# What is done at a certain moment


def test_021_a_background_task_starts_with_its_parent(play: Play) -> None:
    played = play(
        """\
+a: {wait>: 1h}
+b: {echo>: b}
+c: {_background: true, wait>: 2h}
+d: {echo>: d}
"""
    )
    played.start()

    played.scenario.run(lambda: False, 60)
    assert played.claims() | {"+w": 0} == {"+w": 0, "+w+a": 1, "+w+b": 0, "+w+c": 1, "+w+d": 0}
    played.scenario.run(lambda: False, 3600)
    assert played.prints == ["b"]
    played.scenario.run(lambda: not played.scenario.open)
    assert played.prints == ["d"]


def test_026_a_chunk_of_a_parallel_group_waits_for_the_whole_chunk_before_it(play: Play) -> None:
    played = play(
        """\
_parallel: {limit: 2}
+a: {echo>: a}
+b: {wait>: 1h}
+c: {echo>: c}
+d: {echo>: d}
"""
    )
    played.start()

    played.scenario.run(lambda: False, 60)
    assert played.prints == ["a"]
    played.scenario.run(lambda: not played.scenario.open)
    assert played.prints == ["c", "d"]


@pytest.mark.parametrize("name", ["+my task", "+日本", "+a/b", "+a:b"])
def test_033_names_of_tasks_have_few_characters(name: str, play: Play) -> None:
    with pytest.raises(SourceError, match=f'in the task name "{re.escape(name)}"'):
        play(f"{name}: {{echo>: a}}\n").run()


def test_103_a_group_retry_runs_what_was_generated_in_several_steps_once(play: Play) -> None:
    played = play(
        """\
+g:
  _retry: 1
  +a:
    if>: true
    _do: {loop>: 2, _do: {echo>: "${i}"}}
  +b: {sh>: ./flaky.sh b 1}
"""
    )
    played.run()

    assert played.prints == ["0", "1", "b", "0", "1", "b"]
    assert [t["fullName"] for t in played.tasks()].count("+w+g+a^sub^sub+loop-0") == 2


def test_109_a_group_retry_keeps_parallel_and_background_tasks(play: Play) -> None:
    played = play(
        """\
+g:
  _retry: 1
  +l: {for_each>: {x: [1, 2]}, _parallel: true, _do: {echo>: "x${x}"}}
  +k: {_background: true, echo>: k}
  +s: {sh>: ./flaky.sh s 1}
"""
    )
    played.run()

    prints = played.prints
    for round_ in (prints[:4], prints[4:]):
        assert (sorted(round_[:3]), round_[3]) == (["k", "x1", "x2"], "s")


# Kill


def test_115_a_kill_ends_what_runs_and_leaves_the_rest_blocked(play: Play) -> None:
    played = play("+a: {sh>: sleep 0.2}\n+b: {echo>: b}\n+c: {echo>: c}\n")
    attempt = played.start()
    played.scenario.run(lambda: bool(played.scenario.programs))

    played.scenario.api.cancel(attempt, "user", "test")
    played.scenario.run(lambda: not played.scenario.open)

    assert played.states() == {
        "+w": "canceled",
        "+w+a": "canceled",
        "+w+b": "blocked",
        "+w+c": "blocked",
    }
    assert played.scenario.attempts()[0]["status"] == "killed"


def test_116_a_kill_between_two_tasks_cancels_the_next(play: Play) -> None:
    played = play("+a: {echo>: a}\n+b: {wait>: 1h}\n+g:\n  +x: {echo>: x}\n+c: {echo>: c}\n")
    attempt = played.start()
    played.scenario.run(lambda: False, 60)

    played.scenario.api.cancel(attempt, "user", "test")

    assert not played.scenario.open
    assert played.prints == ["a"]
    assert played.states() == {
        "+w": "canceled",
        "+w+a": "success",
        "+w+b": "canceled",
        "+w+g": "blocked",
        "+w+g+x": "blocked",
        "+w+c": "blocked",
    }


def test_117_a_kill_while_a_group_waits_for_its_retry_ends_the_attempt(play: Play) -> None:
    played = play(
        """\
+g:
  _retry: {limit: 1, interval: 10}
  +a: {sh>: ./flaky.sh a 1}
  +b: {echo>: b}
"""
    )
    attempt = played.start()
    played.scenario.run(lambda: played.states()["+w+g"] == "group_retry_waiting")

    played.scenario.api.cancel(attempt, "user", "test")

    assert not played.scenario.open
    assert played.prints == ["a"]
    assert played.states()["+w"] == "canceled"


# Resume


def resumed(played: Played, name: str, **more: str) -> int:
    """Resume attempt 1 as attempt `name` and run it to its end; its id."""
    return played.run(retry_attempt_name=name, resume={"attempt": 1, **more})


def test_118_a_resume_takes_over_what_succeeded(play: Play) -> None:
    played = play(
        """\
+a: {echo>: a}
+l:
  loop>: 3
  _do: {sh>: "./flaky.sh k${i} ${i == 1 ? 1 : 0}"}
+z: {echo>: z}
"""
    )
    played.run()
    assert played.prints == ["a", "k0", "k1"]

    resumed(played, "again")

    assert played.prints == ["k1", "k2", "z"]


@pytest.mark.parametrize(("task", "prints"), [("+b", ["b", "c"]), ("+c", ["c"]), ("c", ["c"])])
def test_119_a_resume_from_a_task_runs_it_and_what_follows(
    task: str, prints: list[str], play: Play
) -> None:
    played = play("+a: {echo>: a}\n+g:\n  +b: {echo>: b}\n  +c: {sh>: echo c; exit 1}\n")
    played.run()
    assert played.prints == ["a", "b", "c"]

    resumed(played, "again", **{"from": task})

    assert played.prints == prints


def test_119_a_resume_from_an_unknown_task_is_refused(play: Play) -> None:
    played = play("+a: {fail>: x}\n")
    played.run()

    with pytest.raises(NotFound, match=r"Task pattern '\+d' doesn't match with any tasks\."):
        resumed(played, "again", **{"from": "+d"})


def test_120_a_resume_keeps_the_stores_of_generated_tasks(play: Play) -> None:
    played = play(
        """\
+s:
  if>: true
  _do: {param_store>: {v: 1}}
+x: {sh>: "./flaky.sh x${v} 1"}
"""
    )
    played.run()

    assert played.states(resumed(played, "again"))["+w"] == "success"
    assert played.prints == ["x1", "x1"]


def test_121_a_resume_takes_over_the_newest_round_of_a_retried_group(play: Play) -> None:
    played = play("+g:\n  _retry: 1\n  +a: {echo>: a}\n  +b: {sh>: ./flaky.sh b 2}\n")
    played.run()
    assert played.prints == ["a", "b", "a", "b"]

    assert played.states(resumed(played, "again"))["+w"] == "success"

    assert played.prints == ["b"]


def test_122_handlers_and_the_alert_run_in_every_failing_attempt(play: Play) -> None:
    played = play("_error: {echo>: E}\n+a: {fail>: x}\n")
    played.run()

    second = resumed(played, "again")

    assert played.prints == ["E", "E"]
    assert played.states(second)["+w^failure-alert"] == "success"
    assert played.log.count("notify>:") == 2


def test_123_a_session_has_one_attempt_of_each_name(play: Play) -> None:
    played = play("+a: {echo>: a}\n")

    assert [played.run(), played.run()] == [1, 1]
    assert [played.run(retry_attempt_name="n1"), played.run(retry_attempt_name="n1")] == [2, 2]

    assert [attempt["index"] for attempt in played.scenario.attempts()] == [1, 2]
    assert played.prints == ["a", "a"]


# Other workflows


def prints_of(played: Played) -> list[tuple[str, str]]:
    """What was printed, each with the workflow that did."""
    return [
        (entry.task.partition("+")[2].partition("+")[0], entry.text.strip())
        for _, entry in played.scenario.logs.entries
        if entry.kind == "out"
    ]


def attempts_of(played: Played, workflow: str) -> list[str]:
    """The status of each attempt of a workflow."""
    return [a["status"] for a in played.scenario.attempts() if a["workflow"] == workflow]


def test_114_a_retry_of_require_finds_the_failed_attempt_again(play: Play) -> None:
    played = play({"w.dig": "+a: {require>: o, _retry: 3}\n", "o.dig": "+x: {fail>: x}\n"})
    played.run()

    assert attempts_of(played, "o") == ["error"]
    assert played.errors()["+w+a"].startswith("Dependent workflow failed. Session id: 2")


def test_114_a_retry_of_require_with_a_random_name_starts_one_attempt(play: Play) -> None:
    played = play(
        {
            "w.dig": '+a: {require>: o, _retry: 3, retry_attempt_name: "n${Math.random()}"}\n',
            "o.dig": "+x: {sh>: ./flaky.sh x 2}\n",
        }
    )
    played.run()

    assert attempts_of(played, "o") == ["error", "error", "success"]
    assert played.states()["+w"] == "success"


def test_128_two_tasks_that_require_the_same_share_its_attempt(play: Play) -> None:
    played = play(
        {
            "w.dig": "_parallel: true\n+a: {require>: o}\n+b: {require>: o}\n",
            "o.dig": '+x: {echo>: "${session_time}"}\n',
        }
    )
    played.run()

    assert prints_of(played) == [("o", "2016-01-01T00:00:00+00:00")]
    assert played.states() == dict.fromkeys(("+w", "+w+a", "+w+b"), "success")


@pytest.mark.parametrize(
    ("options", "attempts", "root"),
    [
        ("", ["error"], "group_error"),
        (", rerun_on: failed", ["error", "success"], "success"),
        (", ignore_failure: true", ["error"], "success"),
    ],
)
def test_129_a_target_that_failed_earlier(
    options: str, attempts: list[str], root: str, play: Play
) -> None:
    played = play(
        {"w.dig": f"+a: {{require>: o{options}}}\n", "o.dig": "+x: {sh>: ./flaky.sh x 1}\n"}
    )
    played.run(workflow="o")

    played.run()

    assert attempts_of(played, "o") == attempts
    assert played.states(2)["+w"] == root


def test_129_rerun_on_means_no_attempt_that_the_task_itself_started(play: Play) -> None:
    played = play(
        {"w.dig": "+a: {require>: o, rerun_on: failed}\n", "o.dig": "+x: {sh>: ./flaky.sh x 1}\n"}
    )
    played.run()

    assert attempts_of(played, "o") == ["error"]
    assert played.states()["+w"] == "group_error"


@pytest.mark.parametrize("options", ["", ", ignore_failure: true"])
def test_130_an_unknown_target_fails(options: str, play: Play) -> None:
    played = play(f"+a: {{require>: nope{options}}}\n")
    played.run()

    message = "Dependent workflow does not exist. projectId: 1, workflowName:nope"
    assert played.errors()["+w+a"].startswith(message)


def test_131_two_ways_to_name_the_project_are_refused(play: Play) -> None:
    played = play("+a: {require>: x, project_id: 1, project_name: p}\n")
    played.run()

    message = "Both project_id and project_name can't be set (config)"
    assert played.errors() == {"+w+a": message}


def test_132_a_random_name_is_evaluated_once(play: Play) -> None:
    played = play(
        {
            "w.dig": '+a: {require>: o, retry_attempt_name: "${Math.random()}"}\n',
            "o.dig": "+x: {wait>: 1h}\n",
        }
    )
    played.run()

    assert attempts_of(played, "o") == ["success"]


def test_133_an_attempt_that_requires_itself_fails(play: Play) -> None:
    played = play("+a: {require>: w}\n")
    played.run()

    assert played.states()["+w"] == "group_error"
    assert len(played.scenario.attempts()) == 1


def test_134_a_required_workflow_inherits_no_parameters(play: Play) -> None:
    played = play(
        {
            "w.dig": '_export: {v: 1}\n+a: {require>: o, params: {q: "${v}"}}\n',
            "o.dig": '+b: {echo>: "${q} ${typeof q} ${typeof v}"}\n',
        }
    )
    played.run()

    assert played.prints == ["1 string undefined"]


YESTERDAY = "${moment(session_time).subtract(1, 'days').format()}"


def test_135_a_require_may_name_another_session(play: Play) -> None:
    played = play(
        {
            "w.dig": f'+a:\n  require>: o\n  session_time: "{YESTERDAY}"\n'
            '  retry_attempt_name: "of ${session_time}"\n',
            "o.dig": '+b: {echo>: "${session_time} ${retry_attempt_name}"}\n',
        }
    )
    played.run()

    assert played.prints == ["2015-12-31T00:00:00+00:00 of 2015-12-31T00:00:00+00:00"]


def test_135_a_session_without_a_zone_is_refused(play: Play) -> None:
    played = play({"w.dig": "+a: {require>: o, session_time: 2016-01-01}\n", "o.dig": "+b: {}\n"})
    played.run()

    assert played.errors()["+w+a"].endswith("(config)")


# The command line


def test_013_a_workflow_of_a_subdirectory_is_run_as_its_own_project(project: Make) -> None:
    there = project({"sub/x.dig": "+a: {echo>: a}\n"})

    assert "Traceback" not in (refused := there.run(workflow="sub/x.dig")).err
    assert (refused.code, refused.out) == (1, "")
    assert there.run("--project", "sub", workflow="x.dig").out == "a\n"


def test_045_secrets_are_rerouted_by_the_task_or_an_export_and_not_by_its_group(
    project: Make,
) -> None:
    there = project(
        {
            "w.dig": """\
+g:
  _secrets: {mysql: other}
  +x: {sh>: "echo ${secret:mysql.password}"}
+own: {_secrets: {mysql: other}, sh>: "echo ${secret:mysql.password}"}
+exported:
  _export: {_secrets: {mysql: other}}
  +x: {sh>: "echo ${secret:mysql.password}"}
"""
        }
    )

    ended = there.run("-X", "secrets.mysql.password=m", "-X", "secrets.other.password=o")

    assert ended.out.split() == ["m", "o", "o"]


@pytest.mark.parametrize(("value", "printed"), [("1,b=2", "1,b=21"), ("1,2", "1,21"), ("1", "11")])
def test_048_a_parameter_of_the_command_line_is_text(
    value: str, printed: str, project: Make
) -> None:
    assert project({"w.dig": '+x: {echo>: "${a + 1}"}\n'}).run("-p", f"a={value}").out == (
        printed + "\n"
    )


def test_124_a_second_run_of_a_session_leaves_out_what_is_done(project: Make) -> None:
    there = project(
        {"flaky.sh": FLAKY, "w.dig": "+a: {echo>: a}\n+b: {sh>: sh flaky.sh b 1}\n"},
    )
    runs = [there.run(*DAY), there.run(*DAY), there.run(*DAY, "--rerun")]

    assert [(run.code, run.out.split()) for run in runs] == [
        (1, ["a", "b"]),
        (0, ["b"]),
        (0, ["a", "b"]),
    ]


def test_125_a_goal_includes_what_it_generates_and_what_is_skipped_is_not_done(
    project: Make,
) -> None:
    there = project({"w.dig": '+a:\n  loop>: 2\n  _do: {echo>: "${i}"}\n+b: {echo>: b}\n'})

    assert there.run(*DAY, "--goal", "+a").out.split() == ["0", "1"]
    assert there.run(*DAY).out.split() == ["b"]


def test_126_a_task_that_is_run_alone_loses_the_exports_between(project: Make) -> None:
    there = project(
        {
            "w.dig": """\
_export: {r: 1}
+g:
  _export: {v: 2}
  +a: {echo>: "${r} ${typeof v}"}
"""
        }
    )

    assert there.run(*DAY, "+g+a").out == "1 undefined\n"


@pytest.mark.parametrize(("pattern", "printed"), [("+y+a", "2\n"), ("y+a", "2\n")])
def test_127_a_task_is_named_by_the_end_of_its_name(
    pattern: str, printed: str, project: Make
) -> None:
    assert project({"w.dig": TWICE}).run(pattern).out == printed


@pytest.mark.parametrize("pattern", ["+a", "a"])
def test_127_an_ambiguous_name_is_refused_with_the_candidates(pattern: str, project: Make) -> None:
    ended = project({"w.dig": TWICE}).run(pattern)

    assert (ended.code, ended.out) == (1, "")
    assert "is ambiguous. Matching candidates are [+w+x+a, +w+y+a]" in ended.err


# Kept surprises, with a warning


@pytest.mark.parametrize(
    ("workflow", "warning"),
    [
        ("_check: {echo>: x}\n+a: {echo>: a}\n", "_check on a group never runs"),
        ("+g:\n  _check: {echo>: x}\n  +a: {echo>: a}\n", "_check on a group never runs"),
        ("+a: {fail>: x, _retry: 3}\n", "_retry has no effect on fail>"),
        ("+g: {_retry: '${n}', +a: {sh>: x}}\n", "_retry with ${...} has no effect on a group"),
        (
            "_export: {_workdir: d}\n+a: {call>: ../top}\n",
            "the called file works in the directory of its caller",
        ),
    ],
    ids=["092-at-the-top", "092", "096", "099", "079"],
)
def test_a_surprise_that_is_kept_is_warned_about(workflow: str, warning: str) -> None:
    problems = check_workflow(read_text(Source("w.dig", workflow)))

    assert [(problem.message, problem.severity) for problem in problems] == [(warning, "warning")]
