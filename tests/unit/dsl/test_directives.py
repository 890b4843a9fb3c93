"""The table of directives is what the compiler goes by."""

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.directives import DIRECTIVES, Directive
from digpy.errors import CompileError
from digpy.values import Json, Params

EXAMPLES: dict[str, Json] = {
    "boolean": True,
    "boolean or {limit}": True,
    "number": 1,
    "number or mapping": 1,
    "text": "x",
    "any": "x",
    "time zone": "UTC",
    "duration": "1h",
    "duration or mapping": {"after": "1h"},
    "task": {"echo>": "x"},
    "mapping": {},
    "schedule": {"daily>": "07:00:00"},
    "service level agreement": {"time": "02:00"},
    "list of task names": [],
    "`always`, `never` or `if_not_started`": "never",
}
NOT_OPERATORS = [
    item for item in DIRECTIVES if item.name != "_type"
]  # it makes any task an operator


def accepted(node: Params) -> bool:
    try:
        compile_workflow(node, "w", path="w.dig")
    except CompileError:
        return False
    return True


@pytest.mark.parametrize("directive", NOT_OPERATORS, ids=lambda item: item.name)
def test_directive_is_accepted_on_the_root_where_the_table_says(directive: Directive) -> None:
    assert accepted({directive.name: EXAMPLES[directive.takes]}) == ("root" in directive.places)


@pytest.mark.parametrize("directive", NOT_OPERATORS, ids=lambda item: item.name)
def test_directive_is_accepted_on_a_group_where_the_table_says(directive: Directive) -> None:
    node: Params = {"_parallel": directive.name != "_background"}
    node["+g"] = {directive.name: EXAMPLES[directive.takes]}
    assert accepted(node) == ("group" in directive.places)


@pytest.mark.parametrize("directive", DIRECTIVES, ids=lambda item: item.name)
def test_directive_is_accepted_on_an_operator_where_the_table_says(directive: Directive) -> None:
    node: Params = {"_parallel": directive.name != "_background"}
    node["+a"] = {"sh>": "x", directive.name: EXAMPLES[directive.takes]}
    assert accepted(node) == ("operator" in directive.places)


def test_every_directive_is_documented_once() -> None:
    assert len({item.name for item in DIRECTIVES}) == len(DIRECTIVES)
    assert all(item.doc.endswith(".") for item in DIRECTIVES)
