from __future__ import annotations

from digpy.operators.echo import Echo
from digpy.operators.require import Require
from digpy.operators.sh import Sh
from digpy.operators.unused import unused
from tests.support.requests import a_request


def test_a_key_that_nothing_reads_is_named() -> None:
    request = a_request("echo", "a", local={"colour": "red", "_export": {}, "_retry": 1})

    assert unused(request, Echo()) == ["Parameter 'colour' is not used at task +w+a."]


def test_what_may_have_been_meant_is_suggested() -> None:
    request = a_request("require", "t", local={"rerunon": "failed", "params": {}})

    assert unused(request, Require()) == [
        "Parameter 'rerunon' is not used at task +w+a. > Did you mean '[rerun_on]'?"
    ]


def test_an_operator_that_takes_anything_is_not_checked() -> None:
    assert unused(a_request("sh", "a", local={"colour": "red"}), Sh()) == []
