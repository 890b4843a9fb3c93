"""What of a task's parameters is evaluated: all that evaluating changes, and little else."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from digpy.control.parameters import to_evaluate
from digpy.expr.evaluate import evaluate_leniently
from digpy.expr.javascript import default_engine
from digpy.expr.scope import Scope
from digpy.values import Json, Params, Template, deep_merge

NAMES = st.sampled_from("abcd")
PLAIN: st.SearchStrategy[Json] = st.sampled_from([1, "x", "${a}", None])
WRITTEN: st.SearchStrategy[Json] = PLAIN | st.sampled_from("abcd").map(lambda n: f"${{{n}}}").map(
    Template
)


def mappings(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Params]:
    return st.dictionaries(NAMES, values | st.dictionaries(NAMES, values, max_size=2), max_size=3)


Layer = tuple[str, Params, list[str]]

EXPORTS: st.SearchStrategy[Layer] = st.tuples(st.just("export"), mappings(WRITTEN), st.just([]))
STORES: st.SearchStrategy[Layer] = st.tuples(
    st.just("store"), mappings(PLAIN), st.lists(NAMES, max_size=2)
)


def evaluated(params: Params, scope: Params) -> Params:
    return evaluate_leniently(params, scope, default_engine, "UTC", 0)


@settings(max_examples=400, deadline=None)
@given(base=mappings(WRITTEN), layers=st.lists(EXPORTS | STORES), local=mappings(WRITTEN))
def test_evaluating_a_part_gives_what_evaluating_everything_gives(
    base: Params, layers: list[Layer], local: Params
) -> None:
    scope = Scope(base)
    for kind, params, reset in layers:
        scope = scope.export(params) if kind == "export" else scope.store(params, reset)
    merged = deep_merge(scope.params, local)
    part = to_evaluate(merged, scope.params, local, scope.templates)
    everything = evaluated(merged, scope.params)
    assert merged | evaluated(part, scope.params) == everything


def test_what_many_tasks_stored_is_passed_over() -> None:
    scope = Scope({}).export({"written": Template("${n1}")})
    for number in range(1000):
        scope = scope.store({f"n{number}": number})
    local: Params = {"echo>": Template("${n2}")}
    merged = deep_merge(scope.params, local)
    part = to_evaluate(merged, scope.params, local, scope.templates)
    assert list(part) == ["written", "echo>"]
