"""Sending one notification: by mail, to a web address, or to a command.

`deliver` does it in a process of its own, once; trying again is the caller's business, with
`Retries`. It is the same for ``notify>`` (`digpy.operators.notify`) and for what digpy says by
itself (`digpy.control.courier`). Secrets stay in the settings: no error and no remark shows them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple, Protocol

from digpy.config import is_secret
from digpy.errors import ConfigError, DigpyError, ExpressionError
from digpy.operators.delivery.lines import Lines
from digpy.values import SECOND, Json, Params

_LIMIT = 120.0
"""Seconds for one try, whatever the other side does: each of its answers may take its time."""

_MARGIN = 5.0
_MILLISECOND = SECOND // 1000
_GROWTH = 3
_ENOUGH = 40  # tries, after which any wait has grown beyond all bounds


class Sender(Protocol):
    """One way of sending, made of settings that have been checked."""

    def send(self, payload: Params) -> str:
        """Send `payload`; returns a remark about what was not perfect, mostly empty.

        Raises `OSError`, `ValueError`, `http.client.HTTPException` and `ExpressionError`.
        """
        ...


class DeliveryFailed(DigpyError):  # noqa: N818 - an outcome, as `TaskFailed`
    """A notification was not sent, or nobody knows; the message says why, without secrets."""


class Refused(OSError):  # noqa: N818
    """The other side, or a program, said no; the text may be shown."""


class Retries(NamedTuple):
    """How often a delivery is tried again, and the shortest and longest wait (microseconds)."""

    limit: int
    shortest: int
    longest: int

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Retries:
        """As the settings ``notification.*`` say."""
        return cls(
            int(settings["notification.retries"]),
            int(settings["notification.min_retry_wait"]) * _MILLISECOND,
            int(settings["notification.max_retry_wait"]) * _MILLISECOND,
        )

    def wait(self, tries: int) -> int | None:
        """Microseconds to wait after so many tries that failed; None: that was the last one."""
        if tries > self.limit:
            return None
        growth: int = _GROWTH ** min(tries - 1, _ENOUGH)
        return min(self.shortest * growth, self.longest)


def check(settings: Mapping[str, str], project: Path) -> None:
    """Raises `ConfigError` naming every setting that is missing or cannot be meant."""
    _sender(settings, project)


def time_limit(settings: Mapping[str, str]) -> float:
    """Seconds that one try takes at most."""
    if settings.get("notification.type") != "shell":
        return _LIMIT
    return int(settings["notification.shell.timeout"]) / 1000 + _MARGIN


def deliver(settings: Mapping[str, str], project: Path, payload: Params) -> str:
    """Send `payload` once, as the settings ``notification.*`` say; returns a remark, mostly empty.

    Relative paths start at `project`. For the main thread of a process that does nothing else: it
    uses the alarm signal, which may also be sent from outside to have it stop. Raises
    `DeliveryFailed`.
    """
    from http.client import HTTPException  # not needed where notifications are only written down

    try:
        sender = _sender(settings, project)
        with _alarm(time_limit(settings)):
            return _without_secrets(sender.send(payload), settings)
    except _OutOfTime as error:
        raise DeliveryFailed(str(error)) from None
    except (OSError, ValueError, HTTPException, ExpressionError, ConfigError) as error:
        raise DeliveryFailed(_without_secrets(_described(error), settings)) from None


def payload(message: str, at: int, identity: Params, task: str, **more: Json) -> Params:
    """What a notification says, in digdag's keys; `at` is when (UTC microseconds).

    `identity` are the keys that are the same for a whole attempt; `task` is a full name. `more` is
    what digdag does not know.
    """
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))
    return {"timestamp": timestamp, "message": message, **identity, "task_name": task, **more}


def _sender(settings: Mapping[str, str], project: Path) -> Sender:
    lines = Lines(settings)
    sender: Sender
    match settings.get("notification.type"):
        case "mail":
            from digpy.operators.delivery.mail import Mail

            sender = Mail(lines, project)
        case "http":
            from digpy.operators.delivery.webhook import Webhook

            sender = Webhook(lines)
        case "shell":
            from digpy.operators.delivery.shell import Shell

            sender = Shell(lines, project)
        case other:
            raise ConfigError(f"notification.type is {other!r}: nothing can be sent")
    lines.finish()
    return sender


class _OutOfTime(BaseException):
    # No `Exception`: libraries catch those, and go on with the next address.
    pass


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `_OutOfTime` in the block when `seconds` are over, or the alarm comes earlier."""
    deadline = time.monotonic() + seconds

    def ring(_number: int, _frame: FrameType | None) -> None:
        if time.monotonic() < deadline:
            raise _OutOfTime("it was stopped before it was done")
        raise _OutOfTime(f"it was not done in {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have an alarm that comes in the block ring at its end."""
    rang = []
    handler = signal.signal(signal.SIGALRM, lambda number, _frame: rang.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
    if rang:
        signal.raise_signal(signal.SIGALRM)


def _described(error: Exception) -> str:
    # Only what the system says of an error: libraries put whole addresses into theirs.
    if isinstance(error, (Refused, ConfigError, ExpressionError)):
        return str(error)
    inner = getattr(error, "reason", None)
    cause = inner if isinstance(inner, Exception) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    return type(cause).__name__


def _without_secrets(text: str, settings: Mapping[str, str]) -> str:
    for key, value in settings.items():
        if value and is_secret(key):
            text = text.replace(value, "***")
    return text
