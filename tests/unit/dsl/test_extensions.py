"""``_timeout``, ``_finally``, ``_canceled`` and durations in ``_retry``, where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.dsl.checker import check_workflow
from digpy.dsl.compiler import compile_generated, compile_workflow
from digpy.dsl.directives import DIRECTIVES
from digpy.dsl.model import Definitions, Subtasks, Workflow
from digpy.dsl.reader import read_text
from digpy.dsl.subtree import extract_subtree
from digpy.errors import CompileError
from digpy.source import Source
from digpy.values import Params, decode, encode


def compiled(text: str) -> Workflow:
    return compile_workflow(read_text(Source("w.dig", text)), "w", path="w.dig")


def refused(text: str) -> list[str]:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    return [problem.render().splitlines()[0] for problem in caught.value.problems]


HANDLED = """\
_finally: {echo>: root}
+a:
  sh>: x
  _error: {echo>: e}
  _canceled: {+m: {echo>: c}, +n: {echo>: c}}
  _finally: {echo>: f, _finally: {echo>: g}}
"""


class TestHandlers:
    def test_each_is_compiled_and_found_by_its_name(self) -> None:
        definitions = compiled(HANDLED).definitions
        assert set(definitions[0].handlers) == {"^finally"}
        handlers = definitions[1].handlers
        assert set(handlers) == {"^error", "^canceled", "^finally"}
        assert {definitions[index].name for index in handlers.values()} == set(handlers)
        assert definitions.static_count(handlers["^canceled"]) == 3
        assert set(definitions[handlers["^finally"]].handlers) == {"^finally"}

    def test_they_survive_the_database(self) -> None:
        workflow = compiled(HANDLED)
        assert Workflow.from_text(workflow.to_text()).to_text() == workflow.to_text()
        rows = decode(encode(workflow.definitions.to_rows()))
        read_back = Definitions.from_rows(rows)
        assert [t.handlers for t in read_back.tasks] == [
            t.handlers for t in workflow.definitions.tasks
        ]

    def test_what_the_first_version_kept_is_understood(self) -> None:
        rows: list[list[Any]] = [
            ["+w", None, [], True, {}, [], 1],
            ["^error", None, [], False, {}, [], None],
        ]
        definitions = Definitions.from_rows(rows)
        assert [task.handlers for task in definitions.tasks] == [{"^error": 1}, {}]

    def test_they_come_along_with_a_subtree(self) -> None:
        workflow = extract_subtree(
            compiled("+g:\n  +b: {sh>: x}\n  " + "\n  ".join(HANDLED.splitlines()[1:])), "+a"
        )
        task = workflow.definitions[1]
        names = {name: workflow.definitions[index].name for name, index in task.handlers.items()}
        assert names == {name: name for name in ("^error", "^canceled", "^finally")}

    def test_they_are_no_parameters(self) -> None:
        task = compiled("+a: {sh>: x, y: 1, _timeout: 5, _finally: {sh>: f}}\n").definitions[1]
        assert task.local == {"sh>": "x", "y": 1}

    @pytest.mark.parametrize("key", ["_canceled", "_finally"])
    def test_one_that_is_no_task_is_refused(self, key: str) -> None:
        assert refused(f"+a:\n  sh>: x\n  {key}: text\n") == [
            f"w.dig:3:{len(key) + 5}: error: {key} must be a task: a mapping"
        ]

    @pytest.mark.parametrize("key", ["_canceled", "_finally"])
    def test_mistakes_in_one_are_found(self, key: str) -> None:
        assert refused(f"{key}:\n  sh>: x\n  echo>: y\n+a: {{sh>: x}}\n") == [
            "w.dig:3:3: error: a task can have only one operator"
        ]

    def test_all_copies_of_a_loop_share_them(self) -> None:
        owner = compiled("+a: {sh>: x}\n").definitions[1]
        body: Params = {"sh>": "x", "_finally": {"sh>": "f"}}
        subtasks = Subtasks(body, (("+1", {}), ("+2", {})))
        definitions = compile_generated(owner, "+w+a", subtasks)
        assert definitions is not None
        assert definitions[1].handlers == definitions[2].handlers == {"^finally": 3}

    def test_unknown_operators_in_one_are_reported(self) -> None:
        node = read_text(Source("w.dig", "+a: {sh>: x, _finally: {nosuch>: y}}\n"))
        (warning,) = check_workflow(node, known_operators={"sh"})
        assert 'unknown operator "nosuch"' in warning.render()


class TestTimeout:
    @pytest.mark.parametrize("value", ["20m", "90", "1d 2h", "none", "0", '"${x}s"'])
    def test_of_an_operator_it_may_be_a_duration_or_a_template(self, value: str) -> None:
        assert compiled(f"+a: {{sh>: x, _timeout: {value}}}\n").definitions[1].timeout is not None

    @pytest.mark.parametrize("value", ["soon", "-5", "1.5", "true", "", "[5]", "999999999d"])
    @pytest.mark.parametrize("kind", ["sh>: x", "+x: {sh>: x}"])
    def test_what_is_no_duration_is_refused(self, value: str, kind: str) -> None:
        (problem,) = refused(f"+a:\n  {kind}\n  _timeout: {value}\n")
        assert problem.endswith("error: _timeout must be a duration")
        assert problem.startswith("w.dig:3:")

    def test_of_a_group_it_must_not_be_a_template(self) -> None:
        assert refused("+g:\n  _timeout: ${x}m\n  +a: {sh>: x}\n") == [
            "w.dig:2:13: error: _timeout must be a duration"
        ]

    @pytest.mark.parametrize("rest", ["+a: {sh>: x}", "sh>: x"])
    def test_at_top_level_it_is_unknown(self, rest: str) -> None:
        assert refused(f"_timeout: 5m\n{rest}\n") == [
            'w.dig:1:1: error: unknown key "_timeout" at top level'
        ]


class TestIntervals:
    @pytest.mark.parametrize("value", ["90s", "1h 30m", "5", "${x}"])
    def test_they_may_be_durations(self, value: str) -> None:
        compiled(f'+a: {{sh>: x, _retry: {{limit: 1, interval: "{value}"}}}}\n')

    @pytest.mark.parametrize("key", ["interval", "max_interval"])
    @pytest.mark.parametrize("value", ["soon", "-5"])
    def test_what_is_none_is_refused_where_it_is_written(self, key: str, value: str) -> None:
        (problem,) = refused(f"+a:\n  sh>: x\n  _retry:\n    limit: 1\n    {key}: {value}\n")
        assert problem == f"w.dig:5:{len(key) + 7}: error: {key} of _retry must be a duration"


def test_digdag_does_not_know_the_extensions() -> None:
    extensions = {item.name for item in DIRECTIVES if item.is_extension}
    assert {"_timeout", "_finally", "_canceled", "_run_timeout"} <= extensions
    assert extensions.isdisjoint({"_error", "_check", "_retry", "_export", "schedule", "_do"})
    assert all(item.is_extension for item in DIRECTIVES if item.is_limit)


class TestRerunOnCrash:
    @pytest.mark.parametrize("word", ["always", "never", "if_not_started"])
    def test_it_is_no_parameter_of_the_task(self, word: str) -> None:
        task = compiled(f"+a: {{sh>: x, rerun_on_crash: {word}}}\n").definitions[1]
        assert task.local == {"sh>": "x"}
        assert task.config["rerun_on_crash"] == word

    @pytest.mark.parametrize("value", ["sometimes", "true", "${when}", "[]", ""])
    def test_any_other_word_is_refused_where_it_is_written(self, value: str) -> None:
        assert refused(f"+a:\n  sh>: x\n  rerun_on_crash: {value}\n") == [
            f"w.dig:3:{19 if value else 17}: error: "
            "rerun_on_crash must be one of always, never, if_not_started"
        ]

    def test_a_group_has_nothing_to_repeat(self) -> None:
        (problem,) = refused("+g:\n  rerun_on_crash: never\n  +a: {sh>: x}\n")
        assert problem == 'w.dig:2:3: error: unknown key "rerun_on_crash" in a group'


class TestAttemptRetry:
    def test_it_belongs_to_the_workflow(self) -> None:
        assert compiled("_attempt_retry: 2\n+a: {sh>: x}\n").limits == {"_attempt_retry": 2}

    def test_what_is_no_rule_is_refused_where_it_is_written(self) -> None:
        assert refused("_attempt_retry: {limit: 1, on: [weather]}\n+a: {sh>: x}\n") == [
            "w.dig:1:17: error: on of _attempt_retry must be a list of infra, limit, user"
        ]
