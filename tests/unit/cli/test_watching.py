"""How ``digpy run`` waits for its worker."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from digpy.cli.run import _Run
from digpy.clock import SystemClock
from digpy.launchers.local import Channel


class Looks(selectors.DefaultSelector):
    """Notes what is listened to, look by look, and never waits."""

    looks: list[list[object]] = []  # noqa: RUF012 - made anew for each test

    def select(self, timeout: float | None = None) -> list[Any]:  # noqa: ARG002
        self.looks.append([key.fileobj for key in self.get_map().values()])
        return []


class Supervisor:
    """Its worker dies, and nothing can be done about it for a while."""

    def __init__(self, channel: Channel) -> None:
        self.worker = SimpleNamespace(channel=channel)
        self.finished = False
        self._ticks = 0

    def tick(self) -> int:
        self._ticks += 1
        if self._ticks > 1:
            self.worker.channel.receive()  # nothing but the end
        self.finished = self._ticks > 2
        return 0

    def standings(self) -> list[Any]:
        return []


@pytest.fixture
def pipes() -> Iterator[list[int]]:
    pipes = [end for _ in range(3) for end in os.pipe()]
    yield pipes
    for end in pipes:
        os.close(end)


def test_the_end_of_a_worker_that_cannot_be_replaced_is_heard_once(
    pipes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, _, signals, _, from_worker, its_end = pipes
    os.close(its_end)
    pipes[-1] = os.dup(orders)
    channel = Channel(from_worker, pipes[1])
    monkeypatch.setattr(Looks, "looks", [])
    monkeypatch.setattr(selectors, "DefaultSelector", Looks)
    here = SimpleNamespace(_orders=Waitable(orders), _clock=SystemClock())
    screen = SimpleNamespace(refresh=lambda _: None, interval=0)
    others = (Supervisor(channel), Waitable(signals), screen)

    _Run._watch(*cast("Any", (here, *others)))
    assert [channel in look for look in Looks.looks] == [True, False]


class Waitable:
    """Orders, or signals, of which none come."""

    count = 0

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> None:
        pass

    def take(self) -> list[Any]:
        return []
