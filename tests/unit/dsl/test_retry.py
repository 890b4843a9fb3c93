"""``_retry`` as written, and the waits it asks for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from digpy.dsl.retry import RetryRule, parse_retry
from digpy.values import SECOND


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (3, RetryRule(3)),
        (2.9, RetryRule(2)),
        (" 2 ", RetryRule(2)),
        ("+2", RetryRule(2)),
        ({"limit": 1}, RetryRule(1)),
        ({"limit": "1", "interval": "5"}, RetryRule(1, 5)),
        ({"limit": 1, "interval": None, "max_interval": None}, RetryRule(1)),
        (
            {"limit": 9, "interval": 2, "interval_type": "EXPONENTIAL", "max_interval": 30},
            RetryRule(9, 2, True, 30),
        ),
        ({"limit": 1, "interval_type": None}, RetryRule(1)),
        ({"limit": 1, "interval": "1h 30m", "max_interval": "90s"}, RetryRule(1, 5400, False, 90)),
        (2**31 - 1, RetryRule(2**31 - 1)),
    ],
)
def test_a_number_its_text_or_a_mapping_is_understood(written: Any, rule: RetryRule) -> None:
    assert parse_retry(written) == rule


@pytest.mark.parametrize("written", [0, -3, 0.9, "", "null", "-1", {"limit": 0}])
def test_nothing_or_less_means_none(written: Any) -> None:
    assert parse_retry(written) is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (True, "Invalid _retry format:true"),
        (None, "Invalid _retry format:null"),
        ([2], "Invalid _retry format:[2]"),
        ({}, "Parameter 'limit' is required but not set"),
        ({"limit": None}, "Parameter 'limit' is required but null"),
        ({"limit": 1, "interval_type": "often"}, "Invalid retry_interval_type: often"),
        ("often", "Expected integer (int) type for key '_retry' but got \"often\" (string)"),
        ("1_0", "Expected integer (int) type for key '_retry' but got \"1_0\" (string)"),
        ("3.7", "Expected integer (int) type for key '_retry' but got \"3.7\" (string)"),
        ("٣", "Expected integer (int) type for key '_retry' but got \"٣\" (string)"),
        ({"limit": True}, "Expected integer (int) type for key 'limit' but got true (boolean)"),
        ({"limit": [1]}, "Expected integer (int) type for key 'limit' but got [1] (array)"),
        (
            {"limit": 1, "interval": {"a": 1}},
            "Expected integer (int) type for key 'interval' but got {\"a\":1} (object)",
        ),
        (
            {"limit": 1, "interval": "soon"},
            "Expected integer (int) type for key 'interval' but got \"soon\" (string)",
        ),
        (
            {"limit": 1, "interval": -5},
            "Parameter 'interval' must not be negative but is -5 (number)",
        ),
        (
            {"limit": 1, "max_interval": "99999d"},
            "Expected integer (int) type for key 'max_interval' but got \"99999d\" (string)",
        ),
        (2**31, "Expected integer (int) type for key '_retry' but got 2147483648 (number)"),
        (
            float("inf"),
            "Expected integer (int) type for key '_retry' but got Infinity (number)",
        ),
        (
            "x" * 200,
            "Expected integer (int) type for key '_retry' but got \"" + "x" * 96 + "... (string)",
        ),
    ],
)
def test_anything_else_is_refused_with_the_words_of_digdag(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_retry(written)


def test_a_constant_wait_is_never_capped() -> None:
    rule = RetryRule(9, 10, False, 5)
    assert [rule.wait(n) for n in range(3)] == [10 * SECOND] * 3


def test_an_exponential_wait_doubles_up_to_its_maximum() -> None:
    rule = RetryRule(9, 10, True, 25)
    assert [rule.wait(n) // SECOND for n in range(4)] == [10, 20, 25, 25]


def test_a_wait_stays_within_what_a_database_can_hold() -> None:
    assert RetryRule(9, 2**31 - 1, True).wait(10**9) == (2**31 - 1) * SECOND
