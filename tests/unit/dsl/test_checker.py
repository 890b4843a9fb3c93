"""Warnings: legal, and probably not what was meant."""

import pytest

from digpy.dsl.checker import check_workflow
from digpy.dsl.reader import read_text
from digpy.source import Source

OPERATORS = {"echo", "sh", "py", "loop", "if", "fail", "for_each"}


def warnings(text: str) -> list[str]:
    node = read_text(Source("w.dig", text))
    found = check_workflow(node, known_operators=OPERATORS)
    return [problem.render().splitlines()[0] for problem in found]


def test_check_on_a_group_is_reported() -> None:
    assert warnings("+g:\n  _check: {echo>: c}\n  +a: {sh>: x, _check: {echo>: c}}\n") == [
        "w.dig:2:3: warning: _check on a group never runs"
    ]


def test_check_at_top_level_is_reported() -> None:
    assert warnings("_check: {echo>: c}\n+a: {sh>: x}\n") == [
        "w.dig:1:1: warning: _check on a group never runs"
    ]


def test_retry_without_effect_is_reported() -> None:
    assert warnings("+a: {fail>: x, _retry: 3}\n+b: {sh>: x, _retry: 3}\n") == [
        "w.dig:1:16: warning: _retry has no effect on fail>"
    ]


def test_retry_is_useful_where_a_check_can_fail_or_subtasks_can() -> None:
    assert (
        warnings(
            "+a: {echo>: x, _retry: 3, _check: {sh>: y}}\n"
            "+b: {loop>: 2, _retry: 3, _do: {sh>: x}}\n"
        )
        == []
    )


@pytest.mark.parametrize(
    "task", ["+g: {_retry: '${n}', +a: {sh>: x}}", "+g: {_retry: {limit: '${n}'}, +a: {sh>: x}}"]
)
def test_retry_with_a_template_on_a_group_is_reported(task: str) -> None:
    (warning,) = warnings(task)
    assert warning.endswith("warning: _retry with ${...} has no effect on a group")


def test_retry_with_a_template_on_a_loop_is_reported_and_on_a_program_is_not() -> None:
    assert warnings(
        "+a: {loop>: 2, _retry: '${n}', _do: {sh>: x}}\n+b: {sh>: x, _retry: '${n}'}\n"
    ) == ["w.dig:1:24: warning: _retry with ${...} has no effect on loop>"]


@pytest.mark.parametrize(
    "value",
    ["often", "true", "[1]", "{interval: 3}", "{limit: x}", "{limit: 1, interval_type: linear}"],
)
def test_unusable_retry_is_reported(value: str) -> None:
    assert warnings(f"+g:\n  _retry: {value}\n  +a: {{sh>: x}}\n") == [
        "w.dig:2:11: warning: unusable value of _retry"
    ]


@pytest.mark.parametrize(
    "value", ["3", "'3'", "0", "{limit: 3, interval: 5, interval_type: Exponential}"]
)
def test_usable_retry_is_not_reported(value: str) -> None:
    assert warnings(f"+g:\n  _retry: {value}\n  +a: {{sh>: x}}\n") == []


def test_unknown_operator_is_reported_with_a_suggestion() -> None:
    node = read_text(Source("w.dig", "+a: {ecoh>: x}\n+b: {_type: py, _command: x}\n"))
    (warning,) = check_workflow(node, known_operators=OPERATORS)
    assert (warning.message, warning.help, warning.severity) == (
        'unknown operator "ecoh"',
        'did you mean "echo"?',
        "warning",
    )


def test_operators_are_not_checked_unless_they_are_known() -> None:
    assert check_workflow(read_text(Source("w.dig", "+a: {nosuch>: x}\n"))) == []


@pytest.mark.parametrize("key", ["_do", "_else_do", "_check", "_error"])
def test_bodies_are_looked_into(key: str) -> None:
    assert warnings(f"+a:\n  if>: true\n  {key}:\n    +b: {{nosuch>: x}}\n") == [
        'w.dig:4:10: warning: unknown operator "nosuch"'
    ]


def test_body_that_will_not_compile_is_reported_before_it_fails() -> None:
    assert warnings("+a:\n  loop>: 2\n  _do: {echo>: 1, sh>: 2}\n") == [
        "w.dig:3:19: warning: a task can have only one operator"
    ]


def test_disabled_task_is_not_looked_at() -> None:
    assert warnings("+a: {_disable: true, nosuch>: x}\n") == []


def test_items_of_a_task_written_as_a_list_are_looked_at() -> None:
    assert warnings("+g:\n  - +a: {nosuch>: x}\n") == [
        'w.dig:2:10: warning: unknown operator "nosuch"'
    ]


def test_what_has_no_effect_yet_is_reported_at_top_level() -> None:
    (warning,) = warnings("_pool: db\n+a: {sh>: x}\n")

    assert warning.startswith("w.dig:1:1: warning: ")
    assert warning.endswith("has no effect in this version of digpy")


@pytest.mark.parametrize("key", ["schedule: {daily>: 07:00:00}", "sla: {time: '02:00'}"])
def test_what_is_about_time_is_not_reported(key: str) -> None:
    assert warnings(f"{key}\n+a: {{sh>: x}}\n") == []


def test_limits_that_work_are_not_reported() -> None:
    limits = "_run_timeout: 2h\n_max_resumes: 5\n_max_active: 1\n_priority: 3\n_queue_timeout: 1h\n"
    assert warnings(f"{limits}+a: {{sh>: x}}\n") == []


@pytest.mark.parametrize(
    "workflow",
    [
        "_export: {_workdir: d}\n+a: {call>: ../top}\n",
        "+g:\n  _export: {_workdir: d/e}\n  +a: {loop>: 2, _do: {call>: ../../top.dig}}\n",
        "+a: {_export: {_workdir: d}, _type: call, _command: ../top}\n",
    ],
)
def test_a_called_file_that_inherits_the_directory_of_its_caller_is_reported(workflow: str) -> None:
    node = read_text(Source("w.dig", workflow))
    (warning,) = check_workflow(node, known_operators={"call", "loop"})
    assert warning.message == "the called file works in the directory of its caller"


@pytest.mark.parametrize(
    "workflow",
    [
        "+a: {call>: top}\n",
        "_export: {_workdir: .}\n+a: {call>: top}\n",
        "_export: {_workdir: d}\n+a: {call>: y}\n",
        "_export: {_workdir: '${d}'}\n+a: {call>: ../top}\n",
        "_export: {_workdir: d}\n+a: {call>: '../${top}'}\n",
        "_export: {_workdir: d}\n+g:\n  _export: {_workdir: .}\n  +a: {call>: top}\n",
    ],
)
def test_a_called_file_that_works_where_it_lies_is_not_reported(workflow: str) -> None:
    node = read_text(Source("w.dig", workflow))
    assert check_workflow(node, known_operators={"call"}) == []


def test_what_aliases_share_is_reported_once() -> None:
    shared = "+a: &a {fail>: x, _retry: 3}\n+b: *a\n+c: *a\n"

    assert warnings(shared) == ["w.dig:1:19: warning: _retry has no effect on fail>"]


def test_a_misspelt_directive_on_an_operator_is_reported() -> None:
    assert warnings("+a:\n  sh>: x\n  _rety: 3\n") == [
        'w.dig:3:3: warning: "_rety" is no directive'
    ]


def test_a_misspelt_directive_is_reported_in_a_body_too() -> None:
    assert warnings("+a: {if>: true, _do: {sh>: x, _erorr: {sh>: y}}}\n") == [
        'w.dig:1:31: warning: "_erorr" is no directive'
    ]


def test_a_parameter_that_only_begins_like_a_directive_is_fine() -> None:
    assert warnings("+a: {sh>: x, _xyz: 1, _workdir: d, _: 2}\n") == []


def test_a_parameter_that_the_task_reads_is_no_misspelt_directive() -> None:
    assert warnings("+a: {sh>: 'x ${_end}', _end: 1}\n") == []


def test_a_misspelt_key_of_retry_is_reported_with_what_was_meant() -> None:
    text = "+a:\n  sh>: x\n  _retry: {limit: 3, interval_typ: exponential}\n"
    (problem,) = check_workflow(read_text(Source("w.dig", text)), known_operators=OPERATORS)

    assert problem.render().startswith(
        'w.dig:3:22: warning: "interval_typ" means nothing in _retry'
    )
    assert problem.help == 'did you mean "interval_type"?'
