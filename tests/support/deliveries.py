"""Settings of notifications, and something to tell."""

from __future__ import annotations

from pathlib import Path

from digpy.config import load
from digpy.operators.delivery import deliver, payload
from digpy.values import Params
from tests.support.clock import START

IDENTITY: Params = {
    "site_id": 0,
    "project_id": 1,
    "project_name": "default",
    "workflow_name": "daily",
    "revision": "cafe",
    "attempt_id": 7,
    "session_id": 5,
    "timezone": "UTC",
    "session_uuid": "00000000-0000-0000-0000-000000000000",
    "session_time": "2024-01-30T00:00:00+00:00",
    "workflow_definition_id": 3,
}


def lines(kind: str, **settings: str) -> dict[str, str]:
    """The settings of one way of sending, with defaults; ``mail_host`` is ``mail.host``."""
    written = [f"notification.{key.replace('__', '.')}={v}" for key, v in settings.items()]
    overrides = [f"notification.type={kind}", *written]
    return load({"HOME": "/nonexistent"}, None, overrides).lines("notification.")


def told(message: str = "it failed") -> Params:
    """A payload."""
    return payload(message, START, IDENTITY, "+daily^failure-alert", id="id-1", kind="failure")


def tell(settings: dict[str, str], project: Path, message: str = "it failed") -> str:
    """Deliver `told`; returns the remark."""
    return deliver(settings, project, told(message))
