"""What may stand in ``sla:``, and what is said of the rest."""

from __future__ import annotations

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.model import Workflow
from digpy.dsl.reader import read_text
from digpy.dsl.sla import SlaDefinition, read_sla
from digpy.errors import CompileError
from digpy.source import Source


def problems(sla: str) -> list[str]:
    """What is drawn for a workflow file with this agreement."""
    node = read_text(Source("w.dig", f"sla: {sla}\n+a: {{echo>: a}}\n"))
    with pytest.raises(CompileError) as refused:
        compile_workflow(node, "w", path="w.dig")
    return [problem.render() for problem in refused.value.problems]


def test_a_time_with_its_defaults() -> None:
    assert read_sla({"time": "02:00"}) == SlaDefinition("time", 7200, True, False, {})


def test_a_duration_with_everything() -> None:
    notice = {"+notice": {"sh>": "notice.sh"}}

    assert read_sla(
        {"duration": "00:30:05", "alert": False, "fail": True, **notice}
    ) == SlaDefinition("duration", 1805, False, True, notice)


def test_its_task_may_be_one_operator() -> None:
    assert read_sla({"time": "02:00", "echo>": "late"}).task == {"echo>": "late"}


@pytest.mark.parametrize(
    ("sla", "message"),
    [
        ("{}", "sla needs either time or duration"),
        ("{time: 02:00, duration: 01:00}", "sla needs either time or duration"),
        ("{time: 2}", '"2" is not a time of day'),
        ("{duration: 30m}", '"30m" is not a length of time'),
        ("{time: [02:00]}", '["02:00"] is not a text'),
        ("{time: 02:00, fail: maybe}", "Expected 'true' or 'false' for key 'fail'"),
        ("{time: 02:00, alret: false}", 'unknown option "alret" in sla'),
        ("{time: 02:00, +a: {_retry: 1, x: 2}}", 'unknown key "x" in a group'),
    ],
)
def test_what_cannot_be_used_is_refused(sla: str, message: str) -> None:
    (problem,) = problems(sla)

    assert message in problem


def test_a_misspelt_option_is_pointed_at() -> None:
    assert problems("{time: 02:00, alret: false}") == [
        'w.dig:1:20: error: unknown option "alret" in sla\n'
        "    1 | sla: {time: 02:00, alret: false}\n"
        "      |                    ^^^^^\n"
        '    help: did you mean "alert"?'
    ]


SLA = """\
sla: {duration: 00:30, fail: true, +late: {sh>: notice.sh, _error: {echo>: e}}}
+a: {echo>: a}
"""


def compiled(text: str) -> Workflow:
    return compile_workflow(read_text(Source("w.dig", text)), "w", path="w.dig")


@pytest.mark.parametrize(
    ("sla", "names"),
    [
        ("{time: 02:00}", ["^sla^alert"]),
        ("{time: 02:00, alert: false, fail: true}", ["^sla^fail"]),
        ("{time: 02:00, alert: false, echo>: late}", ["^sla"]),
        ("{time: 02:00, alert: false}", []),
    ],
)
def test_a_task_is_compiled_for_each_thing_to_do(sla: str, names: list[str]) -> None:
    definitions = compiled(f"sla: {sla}\n+a: {{echo>: a}}\n").definitions

    assert [task.name for task in definitions.sla_roots()] == names


def test_what_is_to_do_survives_the_database() -> None:
    workflow = compiled(SLA)
    again = Workflow.from_text(workflow.to_text())

    assert again.to_text() == workflow.to_text()
    alert, fail, own = again.definitions.sla_roots()
    assert alert.config == {"_type": "notify", "_command": "SLA violation"}
    assert fail.config == {"_type": "fail", "_command": "SLA violation"}
    (late,) = own.children
    assert list(again.definitions[late].handlers) == ["^error"]


def test_it_does_not_count_as_work() -> None:
    assert compiled(SLA).definitions.static_count(0) == 2
