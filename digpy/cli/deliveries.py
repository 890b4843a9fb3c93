"""Delivering what is to be told to people, before a command ends."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import closing

from digpy.clock import Clock
from digpy.control.courier import Courier
from digpy.errors import Unavailable
from digpy.values import SECOND

PATIENCE = 10 * SECOND
"""How long a command that is done waits for its notifications (microseconds)."""


def deliver_waiting(
    courier: Courier, clock: Clock, say: Callable[[str], None], patience: int = PATIENCE
) -> None:
    """Deliver as much as can be within `patience`, and say what is left.

    How the command ends does not change because of it: a database that is away is mentioned.
    """
    until = clock.now() + patience
    try:
        with closing(courier):
            while (again := courier.tick()) is not None:
                now = clock.now()
                if now >= until or (again > until and courier.channel is None):
                    break
                watched = [] if courier.channel is None else [courier.channel]
                select.select(watched, [], [], max(0, min(again, until) - now) / SECOND)
            waiting = courier.waiting()
    except Unavailable as error:
        say(f"warning: notifications were not delivered: {error}")
        return
    why = "it takes long" if courier.error is None else courier.error
    if waiting:
        what = "1 notification is" if waiting == 1 else f"{waiting} notifications are"
        say(f"warning: {what} not delivered yet ({why}); the next digpy run goes on with it")
    elif courier.error is not None:
        say(f"warning: a notification was given up ({why}); see digpy notifications")
