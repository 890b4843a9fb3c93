import pytest

from digpy.errors import ConfigError
from digpy.expr.javascript import default_engine, engine_named


@pytest.mark.parametrize("name", ["", "quickjs", "graal", "nashorn"])
def test_known_names_mean_the_default_engine(name: str) -> None:
    assert engine_named(name) is default_engine


def test_engine_that_does_not_exist_is_refused_with_the_reason() -> None:
    with pytest.raises(
        ConfigError, match=r'^eval\.js-engine-type "js2py": .* one .* engine, quickjs$'
    ):
        engine_named("js2py")
