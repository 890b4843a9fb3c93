"""Compiling beyond what was recorded: handlers, operators at top level, limits, problems."""

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.model import TaskDefinition, Workflow
from digpy.dsl.reader import read_text
from digpy.errors import CompileError
from digpy.source import Source


def compiled(text: str, name: str = "w") -> Workflow:
    return compile_workflow(read_text(Source("w.dig", text)), name, path=f"{name}.dig")


def problems(text: str, name: str = "w") -> list[str]:
    with pytest.raises(CompileError) as refused:
        compiled(text, name)
    return [problem.render() for problem in refused.value.problems]


def lines(text: str, name: str = "w") -> list[str]:
    """The first line of each problem."""
    return [problem.splitlines()[0] for problem in problems(text, name)]


def names(workflow: Workflow) -> list[str]:
    return [task.name for task in workflow.definitions.tasks]


def handler(workflow: Workflow, task: TaskDefinition) -> TaskDefinition:
    return workflow.definitions[task.handlers["^error"]]


def test_handlers_stand_behind_the_static_tasks_and_the_alert_is_last() -> None:
    workflow = compiled(
        "_error: {echo>: root}\n"
        "+g:\n  _error: {+x: {echo>: 1}, +y: {echo>: 2}}\n"
        "  +a: {sh>: a, _error: {echo>: leaf}}\n"
        "+b: {sh>: b}\n"
    )
    tasks = workflow.definitions.tasks
    assert names(workflow)[:4] == ["+w", "+g", "+a", "+b"]
    assert handler(workflow, tasks[0]).config == {"echo>": "root"}
    group = handler(workflow, tasks[1])
    assert [tasks[child].name for child in group.children] == ["+x", "+y"]
    assert tasks[group.children[1]].upstreams == (group.children[0],)
    assert handler(workflow, tasks[2]).config == {"echo>": "leaf"}
    assert not tasks[3].handlers
    assert all(handler(workflow, tasks[n]).parent is None for n in range(3))
    assert workflow.alert.name == "^failure-alert"
    assert workflow.alert.config == {
        "_type": "notify",
        "_command": "Workflow session attempt failed",
    }


def test_every_definition_knows_its_own_index() -> None:
    workflow = compiled(
        "_error: {+a: {sh>: x, _error: {echo>: y}}}\n+b: {sh>: z, _error: {echo>: e}}\n"
    )
    assert [task.index for task in workflow.definitions.tasks] == list(
        range(len(workflow.definitions))
    )


def test_handler_of_a_handler_is_compiled() -> None:
    workflow = compiled("+a: {sh>: a, _error: {sh>: b, _error: {echo>: c}}}\n")
    first = handler(workflow, workflow.definitions[1])
    assert handler(workflow, first).config == {"echo>": "c"}


def test_handler_in_the_own_export_counts_and_is_merged_below_the_own_one() -> None:
    workflow = compiled(
        "+a: {sh>: a, _export: {_error: {echo>: x}}}\n"
        "+b: {sh>: b, _error: {echo>: y}, _export: {_error: {k: 1, echo>: x}}}\n"
    )
    assert handler(workflow, workflow.definitions[1]).config == {"echo>": "x"}
    assert handler(workflow, workflow.definitions[2]).config == {"k": 1, "echo>": "y"}


def test_text_called_error_in_an_export_is_an_ordinary_parameter() -> None:
    assert compiled("_export: {_error: text}\n+a: {sh>: x}\n").definitions[0].handlers == {}


def test_operator_at_top_level_is_the_root_task() -> None:
    workflow = compiled(
        "timezone: Asia/Tokyo\nschedule: {daily>: 07:00:00}\n_run_timeout: 2h\n"
        "require>: core\nretry_attempt_name: ${name}\n_retry: {limit: 3}\n"
    )
    root = workflow.definitions[0]
    assert not root.is_group
    assert list(root.config) == ["require>", "retry_attempt_name", "_retry"]
    assert workflow.timezone == "Asia/Tokyo"
    assert workflow.schedule == {"daily>": "07:00:00"}
    assert workflow.limits == {"_run_timeout": "2h"}


@pytest.mark.parametrize(
    "key", ["_rety: 3", "shedule: {}", "timezon: UTC", "_background: true", "_disable: true"]
)
def test_misspelt_or_misplaced_directive_beside_a_top_level_operator_is_refused(key: str) -> None:
    assert lines(f"echo>: x\n{key}\n") == [
        f'w.dig:2:1: error: unknown key "{key.partition(":")[0]}" at top level'
    ]


def test_operator_and_tasks_at_top_level_exclude_each_other() -> None:
    assert lines("echo>: x\n+a: {echo>: y}\n") == [
        "w.dig:2:1: error: a task with an operator cannot have subtasks"
    ]


def test_unknown_top_level_key_gets_a_suggestion() -> None:
    assert problems("_paralel: true\n") == [
        'w.dig:1:1: error: unknown key "_paralel" at top level\n'
        "    1 | _paralel: true\n"
        "      | ^^^^^^^^\n"
        "    the top level has directives, tasks, or one operator with its parameters\n"
        '    help: did you mean "_parallel"?'
    ]


def test_all_problems_of_a_file_are_reported_in_order_of_position() -> None:
    assert lines(
        "timezone: Nowhere\n"
        "foo: 1\n"
        "+a b: {sh>: x}\n"
        "+c: {echo>: 1, sh>: 2}\n"
        "+d: {_after: [+a], sh>: x}\n"
        "+e:\n  parallel: true\n  +f: {_error: {bad: 1}, sh>: x}\n"
    ) == [
        'w.dig:1:11: error: "Nowhere" is not a time zone',
        'w.dig:2:1: error: unknown key "foo" at top level',
        'w.dig:3:1: error: a space in the task name "+a b"',
        "w.dig:4:16: error: a task can have only one operator",
        "w.dig:5:6: error: _after is possible in a parallel group only",
        'w.dig:7:3: error: unknown key "parallel" in a group',
        'w.dig:8:17: error: unknown key "bad" in a group',
    ]


def test_limits_are_collected_by_name_and_are_no_configuration_of_the_root() -> None:
    workflow = compiled(
        "_run_timeout: 2h\n_max_resumes: ${n}\n_priority: -1\n_pool: db\n+a: {sh>: x}\n"
    )
    assert workflow.limits == {
        "_run_timeout": "2h",
        "_max_resumes": "${n}",
        "_priority": -1,
        "_pool": "db",
    }
    assert workflow.definitions[0].config == {}


@pytest.mark.parametrize(
    "text", ["+a: {sh>: x, _run_timeout: 1h}", "+g: {_run_timeout: 1h, +a: {sh>: x}}"]
)
def test_limit_below_the_top_level_is_refused(text: str) -> None:
    (line,) = lines(text)
    assert line.endswith("error: _run_timeout is allowed at the top level of a workflow only")


@pytest.mark.parametrize(
    "text",
    [
        "_run_timeout: soon",
        "_run_timeout: -1",
        "_cancel_timeout: 0",
        "_max_resumes: 1.5",
        "_run_timeout: true",
    ],
)
def test_unusable_limit_is_refused(text: str) -> None:
    (line,) = lines(text + "\n")
    key = text.partition(":")[0]
    assert line.startswith(f"w.dig:1:{len(key) + 3}: error: {key} must be a")


@pytest.mark.parametrize("value", ["90", "2h 30m", "none", "0", "1d2h", "'${t}'"])
def test_durations_of_limits(value: str) -> None:
    assert list(compiled(f"_run_timeout: {value}\n").limits) == ["_run_timeout"]


def test_timeout_may_stand_on_tasks_and_groups() -> None:
    workflow = compiled("+g:\n  _timeout: 1h\n  +a: {sh>: x, _timeout: 5m}\n")
    assert workflow.definitions[1].config == {"_timeout": "1h"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("2020", 'error: the workflow name "2020" begins with a digit'),
        ("@w", 'error: the workflow name "@w" begins with "@"'),
        ("my report", 'error: the workflow name "my report" contains a space'),
    ],
)
def test_workflow_name_is_checked(name: str, problem: str) -> None:
    assert problems("+a: {sh>: x}\n", name) == [f"{problem}\n    help: rename the file {name}.dig"]


def test_background_tasks_and_chunks_hold_for_wide_groups() -> None:
    text = "_parallel: {limit: 1000}\n" + "".join(f"+t{n}: {{sh>: x}}\n" for n in range(3000))
    tasks = compiled(text).definitions.tasks
    assert tasks[1000].upstreams == ()
    assert tasks[1001].upstreams == tuple(range(1, 1001))
    assert tasks[2000].upstreams is tasks[1001].upstreams


def test_tasks_nested_too_deeply_are_a_problem_and_no_crash() -> None:
    from digpy.dsl.tree import Tree
    from digpy.values import Params

    node: Params = {"sh>": "x"}
    for _ in range(5000):
        node = {"+a": node}
    tree = Tree([])
    tree.build("^sub", "+w^sub", node)
    assert tree.digdag_error == "Tasks are nested more than 100 deep"


def test_workflow_survives_its_text_form() -> None:
    workflow = compiled(
        "_error: {echo>: '${x}'}\n+a: {sh>: '${y}', _after: }\n".replace(", _after: ", "")
    )
    again = Workflow.from_text(workflow.to_text())
    assert again.definitions.to_rows() == workflow.definitions.to_rows()
    assert type(again.definitions[1].config["sh>"]) is type(workflow.definitions[1].config["sh>"])
