"""Runs of programs: one row a claim, and what proves that nothing of it is alive.

Inline operators leave no row here; they have no process. A run is named (attempt, number, fence),
`7.12.3`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from digpy.spi import Run
from digpy.store.database import Transaction

RunOutcome: TypeAlias = Literal["succeeded", "failed", "postponed", "lost"]
"""What became of a run; `lost`: it left no result."""


class RunRow(NamedTuple):
    """A run as the database keeps it; instants are UTC microseconds.

    `epoch` is the launch that claimed it, `agent` who, `token` what its processes carry in their
    environment. Until `proof` is set something of the run may be alive, and its task is not claimed
    again.
    """

    run: Run
    epoch: int
    agent: str
    token: str
    claimed_at: int
    ended_at: int | None
    outcome: RunOutcome | None
    proof: str | None
    proof_at: int | None


def claim(tx: Transaction, run: Run, *, epoch: int, agent: str, token: str, at: int) -> bool:
    """Write down that `run` may be running, before anything of it exists.

    False, and it must not run, while an earlier run of the task is not proved dead.
    """
    attempt, number, fence = run
    params = {"attempt": attempt, "number": number, "fence": fence, "epoch": epoch}
    return (
        tx.change("runs.claim", {**params, "agent": agent, "token": token, "claimed_at": at}) == 1
    )


def finish(
    tx: Transaction, run: Run, outcome: RunOutcome, at: int, *, proof: str | None = None
) -> bool:
    """Write down what became of `run`, and with `proof` also that nothing of it is alive.

    False if that is known already. A proof given earlier stays.
    """
    params = _key(run) | {"outcome": outcome, "ended_at": at, "proof": proof}
    return tx.change("runs.finish", params | {"proof_at": at if proof else None}) == 1


def prove(tx: Transaction, run: Run, proof: str, at: int) -> bool:
    """Write down how it is known that nothing of `run` is alive. False if it was known already."""
    return tx.change("runs.prove", _key(run) | {"proof": proof, "proof_at": at}) == 1


def unproved(tx: Transaction, attempt: int) -> list[RunRow]:
    """Runs of `attempt` of which something may be alive, by task and fence."""
    return _rows(tx.run("runs.unproved", {"attempt": attempt}))


def unfinished(tx: Transaction, attempt: int) -> list[RunRow]:
    """Runs of `attempt` without an outcome, by task and fence."""
    return _rows(tx.run("runs.unfinished", {"attempt": attempt}))


def left_by_ended(tx: Transaction) -> list[RunRow]:
    """Runs of attempts that have ended, of which something may be alive all the same."""
    return _rows(tx.run("runs.left_by_ended", {}))


def of_attempt(tx: Transaction, attempt: int) -> list[RunRow]:
    """All runs of `attempt`, by task and fence."""
    return _rows(tx.run("runs.of_attempt", {"attempt": attempt}))


def _key(run: Run) -> dict[str, object]:
    return {"attempt": run.attempt, "number": run.number, "fence": run.fence}


def _rows(found: list[tuple[Any, ...]]) -> list[RunRow]:
    return [RunRow(Run(*row[:3]), *row[3:]) for row in found]
