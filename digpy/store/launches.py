"""Launches of an attempt's worker: what was intended, who came, what proves that it is gone."""

from __future__ import annotations

from typing import NamedTuple

from digpy.store.database import Transaction


class LaunchRow(NamedTuple):
    """A launch; instants are UTC microseconds.

    `name` is deterministic, so that launching twice makes one worker; `external_id` is what the
    platform calls it (the pid of a local worker). Until `proof` is set the worker may be alive.
    """

    attempt: int
    epoch: int
    launcher: str
    name: str
    external_id: str | None
    intended_at: int
    hello_at: int | None
    ended_at: int | None
    proof: str | None


def intend(tx: Transaction, attempt: int, epoch: int, launcher: str, name: str, at: int) -> None:
    """Write down, before it is made, that a worker called `name` may exist. Once an epoch."""
    params = {"attempt": attempt, "epoch": epoch, "launcher": launcher, "name": name}
    tx.change("launches.intend", {**params, "intended_at": at})


def created(tx: Transaction, attempt: int, epoch: int, external_id: str) -> bool:
    """The platform calls the worker `external_id`. False if there is no such launch."""
    params = {"attempt": attempt, "epoch": epoch, "external_id": external_id}
    return tx.change("launches.created", params) == 1


def hello(tx: Transaction, attempt: int, epoch: int, at: int) -> bool:
    """The worker said hello, see `attempts.say_hello`. False if it had, or the launch is over."""
    return tx.change("launches.hello", {"attempt": attempt, "epoch": epoch, "hello_at": at}) == 1


def end(tx: Transaction, attempt: int, epoch: int, at: int, *, proof: str | None = None) -> bool:
    """The launch is over; with `proof` nothing of it is alive. False if it was over already."""
    params = {"attempt": attempt, "epoch": epoch, "ended_at": at, "proof": proof}
    return tx.change("launches.end", params) == 1


def prove(tx: Transaction, attempt: int, epoch: int, proof: str) -> bool:
    """Write down how it is known that the worker is gone. False if it was known already."""
    return tx.change("launches.prove", {"attempt": attempt, "epoch": epoch, "proof": proof}) == 1


def newest(tx: Transaction, attempt: int) -> LaunchRow | None:
    """The launch with the highest epoch, None if `attempt` was never launched."""
    found = tx.one("launches.newest", {"attempt": attempt})
    return None if found is None else LaunchRow(*found)


def of_attempt(tx: Transaction, attempt: int) -> list[LaunchRow]:
    """All launches of `attempt`, by epoch."""
    return [LaunchRow(*row) for row in tx.run("launches.of_attempt", {"attempt": attempt})]
