"""What is due, in the order of its instants."""

from __future__ import annotations

import threading

import pytest

from digpy.control.ticker import Ticker


def ran(ticker: Ticker, now: int, *, again: int | None = None) -> list[int]:
    """The numbers that are run at `now`; each is due again then, or never."""
    found: list[int] = []

    def run(number: int) -> int | None:
        found.append(number)
        return again

    ticker.run_due(now, run)
    return found


def never(number: int) -> int:
    raise AssertionError(f"{number} is not due")


def test_what_is_due_runs_in_the_order_of_its_instants() -> None:
    ticker = Ticker()
    ticker.replace({1: 30, 2: 10, 3: 20, 4: 40})
    assert ran(ticker, 30) == [2, 3, 1]


def test_it_answers_with_the_next_instant_of_all() -> None:
    ticker = Ticker()
    ticker.replace({1: 10, 2: 25})
    assert ticker.run_due(9, never) == 10
    assert ticker.run_due(10, lambda _: 20) == 20


def test_without_numbers_there_is_no_instant() -> None:
    assert Ticker().run_due(10, never) is None


def test_what_is_due_again_at_once_waits_for_the_next_look() -> None:
    ticker = Ticker()
    ticker.replace({1: 10})
    assert ran(ticker, 50, again=11) == [1]
    assert ran(ticker, 50, again=None) == [1]
    assert ran(ticker, 50) == []


def test_an_instant_may_move_back() -> None:
    ticker = Ticker()
    ticker.replace({1: 100})
    assert ran(ticker, 100, again=5) == [1]
    assert ran(ticker, 100) == [1]


def test_what_is_replaced_is_forgotten() -> None:
    ticker = Ticker()
    ticker.replace({1: 10, 2: 10, 3: 10})
    ticker.replace({2: 30, 3: 10})
    assert ran(ticker, 20) == [3]
    assert ran(ticker, 30) == [2]


def test_what_raises_is_due_still_and_so_is_what_comes_after() -> None:
    ticker = Ticker()
    ticker.replace({1: 10, 2: 20})
    with pytest.raises(ZeroDivisionError):
        ticker.run_due(30, lambda number: number // 0)
    assert ran(ticker, 30) == [1, 2]


def test_far_instants_can_be_kept() -> None:
    ticker = Ticker()
    end = 253_370_764_800_000_000  # the year 9999
    ticker.replace({1: end})
    assert ticker.run_due(0, never) == end


def test_there_are_no_threads() -> None:
    before = threading.active_count()
    ticker = Ticker()
    ticker.replace({1: 10})
    ran(ticker, 10, again=20)
    assert threading.active_count() == before
