"""What must hold of the rows at any instant, whoever died: asked by ``digpy doctor`` and by tests.

Plain SQL that both dialects understand, and not among the statements of a run: it reads whole
tables. What a constraint of the schema refuses is not asked again here.
"""

# Only our own words are put into the queries.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from digpy.engine.states import MOVING, TaskState
from digpy.store.phases import TERMINAL, Phase


class Violation(NamedTuple):
    """A broken rule, in words, and where: attempt ``7``, task ``7.12`` or run ``7.12.3``."""

    rule: str
    where: str


def _among(words: frozenset[Phase] | frozenset[TaskState]) -> str:
    return f"IN ({', '.join(repr(str(word)) for word in sorted(words))})"


_ENDED = f"a.phase {_among(TERMINAL)}"

_TASK = "t.attempt = r.attempt AND t.number = r.number"

_RULES = {
    "an attempt is said to have ended exactly once, when it has": f"""
        SELECT a.id FROM attempts a
         WHERE (SELECT count(*) FROM events e WHERE e.attempt = a.id AND e.kind = 'attempt.ended')
               <> CASE WHEN {_ENDED} THEN 1 ELSE 0 END""",
    "nothing moves in an attempt that has ended": f"""
        SELECT t.attempt, t.number FROM tasks t JOIN attempts a ON a.id = t.attempt
         WHERE {_ENDED} AND t.state {_among(MOVING)}""",
    "an attempt ends as its root does": f"""
        SELECT a.id FROM attempts a JOIN tasks t ON t.attempt = a.id AND t.number = 1
         WHERE {_ENDED} AND (a.phase = 'success') <> (t.state = 'success')""",
    "an attempt that something may be left of is marked": f"""
        SELECT r.attempt, r.number, r.fence FROM task_runs r JOIN attempts a ON a.id = r.attempt
         WHERE {_ENDED} AND a.unclean = 0 AND r.proof IS NULL""",
    "an attempt is superseded by a later one, after it has ended": f"""
        SELECT a.id FROM attempts a
         WHERE a.superseded_by IS NOT NULL AND (NOT ({_ENDED}) OR a.superseded_by <= a.id)""",
    "every launch has its row": """
        SELECT a.id FROM attempts a
         WHERE (SELECT count(*) FROM launches l WHERE l.attempt = a.id AND l.epoch <= a.epoch)
               <> a.epoch
            OR EXISTS (SELECT 1 FROM launches l WHERE l.attempt = a.id AND l.epoch > a.epoch)""",
    "a running task has the row of its run": """
        SELECT t.attempt, t.number, t.fence FROM tasks t
         WHERE t.state = 'running'
           AND NOT EXISTS (SELECT 1 FROM task_runs r
                            WHERE r.attempt = t.attempt AND r.number = t.number
                              AND r.fence = t.fence AND r.outcome IS NULL)""",
    "a run without an outcome is the newest of a running task": f"""
        SELECT r.attempt, r.number, r.fence
          FROM task_runs r JOIN attempts a ON a.id = r.attempt JOIN tasks t ON {_TASK}
         WHERE r.outcome IS NULL AND (r.fence <> t.fence OR t.state <> 'running')
           AND NOT ({_ENDED} AND a.unclean = 1)""",
    "a run is claimed by a launch that there was, under a fence that there was": f"""
        SELECT r.attempt, r.number, r.fence
          FROM task_runs r JOIN attempts a ON a.id = r.attempt JOIN tasks t ON {_TASK}
         WHERE r.epoch > a.epoch OR r.fence > t.fence""",
    "a run is claimed after the one before it is proved dead": """
        SELECT r.attempt, r.number, r.fence FROM task_runs r
         WHERE r.proof IS NULL
           AND EXISTS (SELECT 1 FROM task_runs s
                        WHERE s.attempt = r.attempt AND s.number = r.number
                          AND s.fence > r.fence)""",
    "launches claim one after another": """
        SELECT r.attempt, r.number, r.fence FROM task_runs r
         WHERE EXISTS (SELECT 1 FROM task_runs s
                        WHERE s.attempt = r.attempt AND s.number = r.number
                          AND s.fence > r.fence AND s.epoch < r.epoch)""",
    "one result is accepted for each round": f"""
        SELECT r.attempt, r.number
          FROM task_runs r JOIN tasks t ON {_TASK}
         WHERE r.outcome = 'succeeded'
         GROUP BY r.attempt, r.number
        HAVING count(*) > 1 + max(t.round)""",
    "a task whose last run succeeded is not to run again": f"""
        SELECT r.attempt, r.number FROM task_runs r JOIN tasks t ON {_TASK}
         WHERE r.outcome = 'succeeded' AND r.fence = t.fence AND t.round = 0
           AND t.state IN ('blocked', 'ready', 'running')""",
    "a task belongs to a round that its parent has reached": """
        SELECT t.attempt, t.number FROM tasks t
          JOIN tasks p ON p.attempt = t.attempt AND p.number = t.parent
         WHERE t.born > p.round""",
}
"""By what it says: a query for the keys of what breaks it."""


def violations(path: Path) -> list[Violation]:
    """Everything in the database `path` that must not be. Changes nothing.

    Raises `sqlite3.Error` if the file cannot be read.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
        connection.execute("BEGIN")  # one instant for all of them
        return [
            Violation(rule, ".".join(map(str, key)))
            for rule, query in _RULES.items()
            for key in connection.execute(query)
        ]
