"""A parameter of any name is data: it is seen as it is, and breaks nothing that is not its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digpy.expr.javascript import JavaScript
from digpy.expr.path import GLOBALS, RESERVED
from tests.support.javascript import ENGINES, make_engine

NAMES = st.one_of(
    st.sampled_from(sorted(GLOBALS | RESERVED)),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
    st.from_regex(r"[A-Za-z_$][\w$]{0,5}", fullmatch=True),
)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> JavaScript:
    return make_engine(request.param)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_a_parameter_of_any_name_is_seen_and_breaks_nothing(
    engine: JavaScript, names: list[str]
) -> None:
    variables = {name: f"value {at}" for at, name in enumerate(names)}
    seen = [f"this[{json.dumps(name, ensure_ascii=False)}]" for name in names]
    words = "// " + " ".join("".join(filter(str.isprintable, name)) for name in names)

    found = engine.render([*seen, f"[1 + 1]{words}", "({a: 'b'})"], variables, "UTC", 0)

    assert found == [*variables.values(), "[2]", '{"a":"b"}']
