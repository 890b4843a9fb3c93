from __future__ import annotations

import pytest

from digpy.errors import TaskFailed
from digpy.operators.secret_text import rerouted, substitute
from digpy.values import Json

SECRETS = {"token": "s3", "mysql.password": "own", "other.mysql.password": "theirs"}.get


def test_a_secret_is_put_in() -> None:
    assert substitute("curl -H ${secret:token}${secret: mysql.password }", SECRETS) == (
        "curl -H s3own"
    )


def test_what_a_secret_contains_is_not_looked_at_again() -> None:
    assert substitute("${secret:a}", {"a": "${secret:b}"}.get) == "${secret:b}"


@pytest.mark.parametrize("text", ["$x ${x} ${X:-y} $$ ${", "no dollar"])
def test_other_text_stays(text: str) -> None:
    assert substitute(text, SECRETS) == text


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(TaskFailed) as failed:
        substitute("${secret:none}", SECRETS)

    assert failed.value.error == {"message": "Secret not found for key: 'none' (secret not found)"}


@pytest.mark.parametrize(
    "text", ["${unknown:thing}", "${name:-default}", "${secret:}", "${secret:a*}", "${secret:1a}"]
)
def test_anything_else_of_that_form_is_refused(text: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        substitute(text, SECRETS)

    assert failed.value.error == {"message": f"Invalid parametrization: '{text}' (config)"}


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ({"mysql": "other.mysql"}, "theirs"),
        ({"mysql": {"password": "token"}}, "s3"),
        ({"mysql": True}, "own"),
        ({"mysq": "other"}, "own"),
        (None, "own"),
    ],
)
def test_secrets_can_be_found_elsewhere(routes: Json, found: str) -> None:
    assert rerouted(SECRETS, {"_secrets": routes})("mysql.password") == found


@pytest.mark.parametrize("routes", ["other", {"mysql": 1}, {"mysql": False}, {"mysql": None}])
def test_routes_must_be_names(routes: Json) -> None:
    with pytest.raises(TaskFailed, match=r"^Illegal value in _secrets"):
        rerouted(SECRETS, {"_secrets": routes})
