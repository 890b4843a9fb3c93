"""Finding a task by the end of its name, and running it alone."""

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.model import Workflow
from digpy.dsl.reader import read_text
from digpy.dsl.subtree import extract_subtree, full_names, match_task
from digpy.errors import Conflict, NotFound, UsageError
from digpy.source import Source

NAMES = ["+w", "+w+x", "+w+x+a", "+w+y", "+w+y+a", "+w+y+ba", "+w+y^sub+c"]


def compiled(text: str) -> Workflow:
    return compile_workflow(read_text(Source("w.dig", text)), "w", path="w.dig")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("+x", "+w+x"),
        ("x", "+w+x"),
        ("+y+a", "+w+y+a"),
        ("y+a", "+w+y+a"),
        ("ba", "+w+y+ba"),
        ("+w", "+w"),
        ("+w+x+a", "+w+x+a"),
        ("sub+c", "+w+y^sub+c"),
        ("^sub+c", "+w+y^sub+c"),
    ],
)
def test_pattern_matches_the_end_of_a_name_at_the_start_of_a_segment(
    pattern: str, name: str
) -> None:
    assert match_task(NAMES, pattern) == name


@pytest.mark.parametrize("pattern", ["+a", "a"])
def test_ambiguous_pattern_names_the_candidates(pattern: str) -> None:
    with pytest.raises(Conflict, match=r"Matching candidates are \[\+w\+x\+a, \+w\+y\+a\]"):
        match_task(NAMES, pattern)


def test_pattern_without_match_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"Task pattern '\+d' doesn't match with any tasks\."):
        match_task(NAMES, "+d")


@pytest.mark.parametrize("pattern", ["+", "^", "+^", ""])
def test_pattern_without_a_name_is_a_mistake(pattern: str) -> None:
    with pytest.raises(UsageError):
        match_task(NAMES, pattern)


def test_same_name_twice_is_one_candidate() -> None:
    assert match_task(["+w+a", "+w+a"], "a") == "+w+a"


def test_full_names_leave_out_handlers() -> None:
    workflow = compiled("+a:\n  _error: {echo>: e}\n  +b: {sh>: x}\n")
    assert full_names(workflow.definitions) == ["+w", "+w+a", "+w+a+b"]


def test_subtree_hangs_below_the_root_without_upstreams_and_ancestors() -> None:
    workflow = compiled(
        "_export: {r: 1}\n+z: {sh>: z}\n+g:\n  _export: {v: 2}\n  +a: {sh>: 1}\n"
        "  +b:\n    +c: {sh>: 2}\n    +d: {sh>: 3, _error: {sh>: e, _error: {echo>: f}}}\n"
        "+h: {sh>: h}\n"
    )
    cut = extract_subtree(workflow, "+b")
    tasks = cut.definitions.tasks
    assert [(task.name, task.parent, task.upstreams, task.children) for task in tasks[:4]] == [
        ("+w", None, (), (1,)),
        ("+g+b", 0, (), (2, 3)),
        ("+c", 1, (), ()),
        ("+d", 1, (2,), ()),
    ]
    assert tasks[0].config == {"_export": {"r": 1}}
    assert full_names(cut.definitions) == ["+w", "+w+g+b", "+w+g+b+c", "+w+g+b+d"]
    assert [task.name for task in tasks[4:]] == ["^error", "^error", "^failure-alert"]
    assert tasks[3].handlers == {"^error": 4}
    assert tasks[4].handlers == {"^error": 5}
    assert [task.index for task in tasks] == list(range(7))


def test_workflow_is_not_changed_by_cutting() -> None:
    workflow = compiled("+g:\n  +a: {sh>: 1}\n  +b: {sh>: 2}\n")
    before = workflow.to_text()
    extract_subtree(workflow, "+b")
    assert workflow.to_text() == before


def test_root_is_the_whole_workflow() -> None:
    workflow = compiled("+a: {sh>: 1}\n")
    assert extract_subtree(workflow, "+w") is workflow


def test_what_a_missed_sla_adds_comes_along() -> None:
    cut = extract_subtree(
        compiled("sla: {time: 02:00, +n: {sh>: x, _error: {sh>: e}}}\n+g: {+a: {sh>: a}}\n"), "+a"
    ).definitions
    _, own = cut.sla_roots()
    notice = cut[own.children[0]]
    assert (own.name, notice.name, notice.parent) == ("^sla", "+n", own.index)
    assert cut[notice.handlers["^error"]].config == {"sh>": "e"}
    assert cut.tasks[-1].name == "^failure-alert"
