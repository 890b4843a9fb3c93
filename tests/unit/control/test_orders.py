"""Orders to the command that leads an attempt: taken while it lives, and by nobody else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from digpy.control.orders import Order, Orders, give
from tests.support.eventually import eventually

CANCEL = Order("cancel", 8)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path


@pytest.fixture
def orders(state: Path) -> Iterator[Orders]:
    """Those of the command that leads attempt 7."""
    opened = Orders(state, 7)
    yield opened
    opened.close()


def given(state: Path, order: Order, taking: Orders) -> tuple[bool, list[Order]]:
    """Give `order` while somebody takes orders; whether that worked, and what was taken."""
    answers: list[bool] = []
    giver = threading.Thread(target=lambda: answers.append(give(state, 7, order, patience=10)))
    giver.start()
    taken = eventually(taking.take)
    giver.join()
    return answers[0], taken


@pytest.mark.parametrize("order", [CANCEL, Order("kill", 7)])
def test_an_order_is_taken_as_it_was_given(state: Path, orders: Orders, order: Order) -> None:
    assert given(state, order, orders) == (True, [order])


def test_there_is_nothing_to_take_at_first(orders: Orders) -> None:
    assert orders.take() == []


def test_an_order_is_taken_once(state: Path, orders: Orders) -> None:
    given(state, CANCEL, orders)
    assert orders.take() == []


def test_several_orders_are_taken_at_once(state: Path, orders: Orders) -> None:
    for order in (CANCEL, Order("kill", 9)):
        give(state, 7, order, patience=0)
    assert orders.take() == [CANCEL, Order("kill", 9)]


def test_whoever_gives_an_order_hears_that_nobody_takes_it(state: Path, orders: Orders) -> None:
    assert not give(state, 7, CANCEL, patience=0.01)


def test_no_order_is_accepted_without_a_command(state: Path) -> None:
    assert not give(state, 7, CANCEL, patience=0)


def test_no_order_is_accepted_by_what_a_killed_command_left(state: Path) -> None:
    os.mkfifo(state / "locks" / "7.orders")
    assert not give(state, 7, CANCEL, patience=0)


def test_a_command_that_is_just_beginning_gets_its_order(state: Path) -> None:
    answers: list[bool] = []
    giver = threading.Thread(target=lambda: answers.append(give(state, 7, CANCEL, patience=10)))
    giver.start()
    orders = Orders(state, 7)
    assert eventually(orders.take) == [CANCEL]
    giver.join()
    orders.close()
    assert answers == [True]


def test_an_order_that_nobody_took_does_not_reach_the_next_command(state: Path) -> None:
    first = Orders(state, 7)
    give(state, 7, CANCEL, patience=0)
    os.close(first.fileno())  # as if it were killed
    second = Orders(state, 7)
    assert second.take() == []
    second.close()


def test_a_command_that_ends_leaves_no_pipe(state: Path) -> None:
    Orders(state, 7).close()
    assert list((state / "locks").iterdir()) == []


def test_what_is_no_order_is_passed_over(state: Path, orders: Orders) -> None:
    pipe = os.open(state / "locks" / "7.orders", os.O_WRONLY)
    os.write(pipe, b"hello\ncancel all\nkill 8\n")
    os.close(pipe)
    assert orders.take() == [Order("kill", 8)]


def test_a_pipe_full_of_orders_accepts_no_more(state: Path, orders: Orders) -> None:
    pipe = os.open(state / "locks" / "7.orders", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"cancel 8\n" * 400)
    os.close(pipe)
    assert not give(state, 7, CANCEL, patience=0)


def test_only_the_owner_can_give_orders(state: Path, orders: Orders) -> None:
    assert (state / "locks" / "7.orders").stat().st_mode & 0o777 == 0o600
