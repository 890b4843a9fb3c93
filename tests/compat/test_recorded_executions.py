"""Whole executions recorded from digdag 0.10.5.1, driven through our own control and engine.

Rows that differ on purpose stand in `recorded/executions.differs.json`, by reason; they are run
too, and have to differ, so that the list cannot rot.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from digpy.errors import Conflict, DigpyError, LimitExceeded, NotFound, SourceError
from digpy.store import attempts as attempt_rows
from tests.support.recorded_execution import TOOLS, Scenario

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "executions.jsonl").read_text().splitlines()]
SERVER = [row for row in ROWS if row["how"] == "server"]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "executions.differs.json").read_text())
REASONS = {id_: reason for reason, ids in DIFFERS.items() for id_ in ids}


class Different(AssertionError):  # noqa: N818 - what happened, not a mistake of the test
    """What happened is not what was recorded."""


def test_every_row_that_differs_exists_and_stands_in_one_list() -> None:
    listed = [id_ for ids in DIFFERS.values() for id_ in ids]
    assert len(listed) == len(set(listed))
    assert set(listed) <= {row["id"] for row in ROWS}


@pytest.mark.parametrize("row", SERVER, ids=[row["id"] for row in SERVER])
def test_execution_on_a_server(
    row: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = Scenario(tmp_path, row["files"], row.get("server_config") or {})
    monkeypatch.setenv("PATH", f"{TOOLS}:{_path()}")
    monkeypatch.setenv("ORACLE_DIR", str(scenario.oracle))
    try:
        _drive(scenario, row)
        _compare(scenario, row)
    except (Different, DigpyError):
        if row["id"] not in REASONS:
            raise
    else:
        assert row["id"] not in REASONS, f"agrees, so it is not: {REASONS[row['id']]}"
    finally:
        scenario.close()


def _path() -> str:
    import os

    return os.environ["PATH"]


def _drive(scenario: Scenario, row: dict[str, Any]) -> None:
    revisions = iter((row.get("revisions") or [row["files"]])[1:])
    for step in row["steps"]:
        match step["do"]:
            case "push":
                if step["revision"] > 1:
                    scenario.replace(next(revisions))
                try:
                    scenario.push()
                except SourceError as error:
                    _expect(step["http"] != 200, f"push refused: {error}")
                    return
                else:
                    _expect(step["http"] == 200, f"push accepted, recorded: {step.get('message')}")
            case "start":
                following = row["steps"][row["steps"].index(step) + 1 :]
                _start(scenario, step, _waits(row, following))
            case "kill":
                _kill(scenario, step)
            case "sleep":
                scenario.run(lambda: False, step["seconds"])
            case "wait until done":
                attempt = step["attempt"]
                scenario.run(lambda attempt=attempt: attempt not in scenario.open)
            case "wait until effect":
                line = step["line"]
                scenario.run(lambda line=line: any(e[2] == line for e in scenario.effects()))
                scenario.run(lambda: False, 0.2)  # the recording looked now and then, not at once
            case "wait until task":
                scenario.run(lambda step=step: _state(scenario, step) == step["state"])
            case "snapshot":
                states = {t["fullName"]: t["state"] for t in scenario.attempts()[-1]["tasks"]}
                expected = {name: state for name, state, _ in step["states"]}
                _expect(states == expected, f"snapshot {states}, recorded {expected}")
            case "GET":
                pass  # reading over REST comes with the server
            case other:
                raise AssertionError(f"unknown step {other}")


def _state(scenario: Scenario, step: dict[str, Any]) -> str | None:
    tasks = scenario.attempts()[step["attempt"] - 1]["tasks"]
    return next((t["state"] for t in tasks if t["fullName"] == step["task"]), None)


def _start(scenario: Scenario, step: dict[str, Any], waits: bool) -> None:
    try:
        started = scenario.begin(step)
    except (SourceError, LimitExceeded, NotFound, Conflict) as error:
        _expect(step["http"] != 200, f"start refused: {error}")
        return
    if not started.created:
        _expect(step["http"] == 409, "start conflicts")
        expected = (step.get("conflict") or {}).get("attempt")
        _expect(expected in (None, started.attempt), f"conflict with {started.attempt}")
        return
    _expect(step["http"] == 200, f"started, recorded: {step.get('message')}")
    seconds = step.get("not_done_after_s")
    if seconds is not None:
        scenario.run(lambda: False, seconds)
    elif waits:
        scenario.run(lambda: not scenario.open)


def _waits(row: dict[str, Any], following: list[dict[str, Any]]) -> bool:
    """Each start waits for its attempt, unless the next step is about the running one."""
    if row["id"] == "lim-attempts-start":
        return False
    return not following or following[0]["do"] not in (
        "wait until effect",
        "wait until task",
        "sleep",
    )


def _kill(scenario: Scenario, step: dict[str, Any]) -> None:
    with scenario.database.reading() as tx:
        done = attempt_rows.load(tx, step["attempt"]).is_done
    _expect((step["http"] == 409) == done, "killable")
    if not done:
        scenario.api.cancel(step["attempt"], "user", "test")


def _compare(scenario: Scenario, row: dict[str, Any]) -> None:
    recorded = row.get("attempts") or []
    done = [index + 1 for index, attempt in enumerate(recorded) if attempt["done"]]
    scenario.run(lambda: not set(done) & set(scenario.open))
    found = scenario.attempts() if recorded else []
    _expect(len(found) == len(recorded), f"{len(found)} attempts, recorded {len(recorded)}")
    for ours, theirs in zip(found, recorded, strict=True):
        for key in ("workflow", "retryAttemptName", "index", "status"):
            if key == "retryAttemptName" and re.fullmatch(r"<.*>", str(theirs[key])):
                continue
            _expect(ours[key] == theirs[key], f"{key}: {ours[key]}, recorded {theirs[key]}")
        _compare_tasks(ours["tasks"], theirs["tasks"])
        effects, expected = ours["effects"], theirs["effects"]
        if not theirs["ordered"]:
            effects = sorted(effects)
        _expect(
            _matches(json.dumps(expected), json.dumps(effects)),
            f"effects {effects}, recorded {expected}",
        )


def _compare_tasks(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    names = [task["fullName"] for task in ours]
    expected = [task["fullName"] for task in theirs]
    _expect(names == expected, f"tasks {names}, recorded {expected}")
    for mine, task in zip(ours, theirs, strict=True):
        where = f"{task['n']} {task['fullName']}"
        for key in ("state", "group", "started"):
            _expect(mine[key] == task[key], f"{where} {key}: {mine[key]}, recorded {task[key]}")
        _expect(mine["parent"] == task.get("parent"), f"{where} parent")
        upstreams = sorted(set(task["upstreams"]))
        _expect(sorted(mine["upstreams"]) == upstreams, f"{where} upstreams {mine['upstreams']}")
        message = (task.get("error") or {}).get("message")
        _expect(
            message is None or _matches(message, _cut(str(mine["error"]))),
            f"{where} error: {mine['error']!r}, recorded {message!r}",
        )
        for key in ("storeParams", "exportParams"):
            wanted = json.dumps(task.get(key) or {})
            have = json.dumps(mine[key])
            if "stacktrace" in wanted:
                continue
            _expect(_matches(wanted, have), f"{where} {key}: {have}, recorded {wanted}")


def _cut(message: str) -> str:
    """Python tracebacks inside messages were cut in the recording."""
    return message.partition("\nTraceback")[0]


_PLACEHOLDER = re.compile(r"<[a-z][a-z-]*(?:-\d+)?>")


def _matches(pattern: str, text: str) -> bool:
    """Equal, where ``<path>`` and the like stand for anything."""
    pieces = [re.escape(piece) for piece in _PLACEHOLDER.split(pattern)]
    return re.fullmatch(".*?".join(pieces), text, re.DOTALL) is not None


def _expect(holds: bool, text: str) -> None:
    if not holds:
        raise Different(text)
