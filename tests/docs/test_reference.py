"""Pages that look things up: they say what the tables and operators in the code say."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.dsl.checker import check_workflow
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.directives import DIRECTIVES, IDLE, Directive
from digpy.dsl.reader import read_text
from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate_text
from digpy.operators import registry
from digpy.source import Source
from digpy.values import Params
from tests.support import pages, workflow_definition_page
from tests.support.pages import ROOT
from tests.support.workflow_definition_page import EXAMPLES

OPERATORS = ROOT / "docs" / "operators"
EXPRESSIONS = (ROOT / "docs" / "expressions.md").read_text()
_ROW = re.compile(
    r"^\| (?P<what>[^|]+?) \| (?P<template>`.+?`+) \| (?P<result>.*) \|$", re.MULTILINE
)


def test_the_workflow_definition_is_written_from_the_table(
    request: pytest.FixtureRequest,
) -> None:
    page = workflow_definition_page.PAGE
    before = page.read_text()
    wanted = workflow_definition_page.page(before)
    if request.config.getoption("--update-golden"):
        page.write_text(wanted)
    else:
        assert before == wanted, "python -m tests.support.workflow_definition_page writes it"


@pytest.mark.parametrize("directive", DIRECTIVES, ids=lambda item: item.name)
def test_the_example_of_a_directive_is_a_workflow_with_nothing_to_warn_about(
    directive: Directive,
) -> None:
    name = directive.name
    node = read_text(Source("example.dig", EXAMPLES[name]))
    compile_workflow(node, "example", path="example.dig")

    warnings = check_workflow(node, known_operators=registry.known())
    assert [warning.message for warning in warnings] == (
        [f"{name} has no effect in this version of digpy"] if name in IDLE else []
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_directive_shows_it(name: str) -> None:
    assert f"{name}:" in EXAMPLES[name]


def rows(section: str) -> list[tuple[str, str]]:
    """Template and result of each row of the tables in a part of the page."""
    found = _ROW.finditer(section)
    return [(_text(row["template"]), _text(row["result"])) for row in found]


def _text(cell: str) -> str:
    return cell.strip("`").strip(" ").replace("\\|", "|") if "`" in cell else cell.strip()


WORKS, _, FAILS = EXPRESSIONS.partition("## Errors")


@pytest.fixture(scope="module")
def parameters() -> Params:
    """The parameters that the page shows."""
    blocks = pages.blocks(EXPRESSIONS)
    block = next(block for block in blocks if block.file == "parameters.yml")
    return dict(read_text(Source("parameters.yml", block.text)))


@pytest.mark.parametrize(("template", "result"), rows(WORKS))
def test_an_expression_gives_what_the_page_says(
    template: str, result: str, parameters: Params
) -> None:
    assert evaluate_text(template, parameters, timezone="Asia/Tokyo") == result


@pytest.mark.parametrize(("template", "message"), rows(FAILS.partition("## Built-in")[0]))
def test_an_expression_fails_as_the_page_says(
    template: str, message: str, parameters: Params
) -> None:
    with pytest.raises(ExpressionError) as failed:
        evaluate_text(template, parameters, timezone="Asia/Tokyo")
    assert str(failed.value) == message


def test_the_page_of_expressions_has_many_lines() -> None:
    assert len(rows(WORKS)) > 50
    assert len(rows(FAILS.partition("## Built-in")[0])) == 3


BUILT_IN = sorted(registry.built_in())


def _page(operator: str) -> str:
    return (OPERATORS / f"{operator}.md").read_text()


@pytest.mark.parametrize("operator", BUILT_IN)
def test_an_operator_has_a_page_with_the_parts_of_all(operator: str) -> None:
    text = _page(operator)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert text.startswith(f"# `{operator}>`\n")
    assert headings == ["Options", "Errors", "Differences from digdag"]


@pytest.mark.parametrize("operator", BUILT_IN)
def test_the_page_of_an_operator_has_an_example_that_is_run(operator: str) -> None:
    blocks = list(pages.blocks(_page(operator)))

    assert any(block.file and f"{operator}>:" in block.text for block in blocks)
    assert any("digpy run" in block.text for block in blocks if block.language == "console")


@pytest.mark.parametrize("operator", BUILT_IN)
def test_the_page_of_an_operator_names_every_option_that_it_reads(operator: str) -> None:
    rows = "".join(re.findall(r"^\| .+$", _page(operator), re.MULTILINE))
    names = {name for code in re.findall(r"`([^`]+)`", rows) for name in re.findall(r"\w+", code)}

    assert _options(operator) <= names


@pytest.mark.parametrize("operator", BUILT_IN)
def test_the_index_of_operators_leads_to_the_page(operator: str) -> None:
    assert f"[`{operator}>`]({operator}.md)" in (OPERATORS / "index.md").read_text()


def test_every_page_is_that_of_an_operator() -> None:
    assert sorted(page.stem for page in OPERATORS.glob("*.md")) == sorted([*BUILT_IN, "index"])


def _options(operator: str) -> set[str]:
    """What an operator declares, and the names that its module and what it imports read."""
    found = registry.find(operator)
    assert found is not None
    module = ast.parse(Path(inspect.getfile(type(found))).read_text())
    imported = {node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    shared = {name.removeprefix(_OPERATORS) for name in imported if name.startswith(_OPERATORS)}
    names = set(_read_names(module))
    for name in shared - {"conversions"}:
        origin = inspect.getfile(importlib.import_module(_OPERATORS + name))
        names |= set(_read_names(ast.parse(Path(origin).read_text())))
    return names | set(found.options or ())


_OPERATORS = "digpy.operators."


def _read_names(module: ast.Module) -> Iterator[str]:
    """Literal names in ``params.get("x")`` and ``conversions.kind(params, "x")``."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        receiver = ast.unparse(node.func.value)
        if node.func.attr == "get" and receiver.split(".")[-1] in ("params", "local"):
            arguments = node.args[:1]
        elif receiver == "conversions" and ast.unparse(node.args[0]) not in _NOT_PARAMETERS:
            arguments = node.args[1:2]
        else:
            continue
        yield from (
            argument.value
            for argument in arguments
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        )


_NOT_PARAMETERS = ("request.state",)
"""Mappings whose names are the operator's own."""
