"""What all ways of sending have in common: settings that are checked, tries, and limits of time."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Thread

import pytest

from digpy.errors import ConfigError
from digpy.operators import delivery
from digpy.operators.delivery import DeliveryFailed, Retries, check, payload
from digpy.values import SECOND
from tests.support.clock import START
from tests.support.deliveries import IDENTITY, lines, tell
from tests.support.eventually import eventually
from tests.support.web_server import web_server

KEYS_OF_DIGDAG = {
    "timestamp", "message", "site_id", "project_id", "project_name", "workflow_name", "revision",
    "attempt_id", "session_id", "task_name", "timezone", "session_uuid", "session_time",
    "workflow_definition_id",
}  # fmt: skip


def test_a_payload_has_the_keys_of_digdag() -> None:
    found = payload("gone", START, IDENTITY, "+daily+a")

    assert set(found) == KEYS_OF_DIGDAG


def test_the_timestamp_of_a_payload_is_in_utc() -> None:
    assert payload("gone", START, IDENTITY, "+d")["timestamp"] == "2024-01-30T00:00:00Z"


def test_waits_between_tries_grow_threefold_up_to_the_longest() -> None:
    retries = Retries(6, 1 * SECOND, 30 * SECOND)

    waits = [retries.wait(tries) for tries in range(1, 8)]

    assert waits == [*(seconds * SECOND for seconds in (1, 3, 9, 27, 30, 30)), None]


def test_without_retries_the_first_try_is_the_last() -> None:
    assert Retries(0, SECOND, SECOND).wait(1) is None


def test_ten_thousand_tries_are_no_problem() -> None:
    assert Retries(20_000, SECOND, 30 * SECOND).wait(10_000) == 30 * SECOND


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("mail", {"mail.host", "mail.port", "mail.from", "mail.to"}),
        ("http", {"http.url"}),
        ("shell", {"shell.command"}),
    ],
)
def test_all_settings_that_are_missing_are_named_at_once(
    kind: str, missing: set[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as failed:
        check(lines(kind), tmp_path)

    named = [line.split()[0] for line in str(failed.value).splitlines()[1:]]
    assert set(named) == {f"notification.{key}" for key in missing}


def test_the_alarm_ends_a_try_that_hangs(tmp_path: Path) -> None:
    with web_server(0) as server:

        def ring() -> None:
            eventually(lambda: server.asked)
            os.kill(os.getpid(), signal.SIGALRM)

        Thread(target=ring).start()
        with pytest.raises(DeliveryFailed, match=r"^it was stopped before it was done$"):
            tell(lines("http", http__url=server.url), tmp_path)


def test_an_alarm_that_comes_too_early_rings_a_little_later() -> None:
    rang = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rang.append(number))
    try:
        with delivery.undisturbed():
            signal.raise_signal(signal.SIGALRM)
            early = list(rang)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert (early, rang) == ([], [signal.SIGALRM])


def test_a_try_has_a_limit_however_slowly_the_other_side_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LIMIT", 0.05)
    with web_server(0) as server, pytest.raises(DeliveryFailed, match=r"not done in 0\.05 s"):
        tell(lines("http", http__url=server.url), tmp_path)


def test_the_caller_s_own_alarm_goes_on(tmp_path: Path) -> None:
    before = signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        tell(lines("shell", shell__command="true"), tmp_path)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)

    assert left > 900
