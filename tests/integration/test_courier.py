"""Delivering notifications by a fork; each test is a process, as a test runner may have threads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
PREAMBLE = """
import json, os, select, signal, sys, time
from functools import partial
from pathlib import Path

from digpy.control.courier import Courier, courier_main
from digpy.launchers.local import LocalLauncher
from digpy.operators.delivery import DeliveryFailed, Retries, deliver
from digpy.store import notifications
from digpy.store.database import open_database
from digpy.values import SECOND
from tests.support.clock import START, ManualClock
from tests.support.deliveries import lines, told

here = Path(sys.argv[1])
clock = ManualClock()
launcher = LocalLauncher()
open_here = lambda: open_database(here / "digpy.db", durability="relaxed")

def add(*keys, at=START):
    database = open_here()
    with database.transaction() as tx:
        for key in keys:
            notifications.add(tx, None, "crash", at, {**told(), "id": key}, key)
    database.close()

def courier(send, limit=60 * SECOND, retries=Retries(2, 1 * SECOND, 30 * SECOND)):
    launch = lambda: launcher.launch(partial(courier_main, send))
    return Courier(open_here, launcher, launch, clock, retries, limit)

def note(body):
    with (here / "sent").open("a") as file:
        file.write(body["id"] + "\\n")
    return ""

def refuse(body):
    raise DeliveryFailed("no")

def work(courier):
    # Until there is nothing to do now; the instant of the next look, in seconds from the start.
    while (again := courier.tick()) is not None and courier.channel is not None:
        select.select([courier.channel], [], [], 5)
    return None if again is None else (again - START) / SECOND

def rows():
    database = open_here()
    with database.reading() as tx:
        found = notifications.before(tx, None, 9)
    database.close()
    at = lambda instant: None if instant is None else (instant - START) / SECOND
    return [(r.dedupe, r.tries, at(r.delivered_at), at(r.next_at), r.error) for r in found[::-1]]
"""


def run(script: str, directory: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + dedent(script), str(directory)],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def result(script: str, directory: Path) -> Any:
    """What `script` prints last, as JSON."""
    done = run(script, directory)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def sent(directory: Path) -> list[str]:
    path = directory / "sent"
    return path.read_text().split() if path.exists() else []


def test_everything_that_waits_is_delivered_in_order(tmp_path: Path) -> None:
    script = """
    add("a", "b", "c")
    print(json.dumps([work(courier(note)), rows()]))
    """
    assert result(script, tmp_path) == [
        None,
        [["a", 1, 0, None, None], ["b", 1, 0, None, None], ["c", 1, 0, None, None]],
    ]
    assert sent(tmp_path) == ["a", "b", "c"]


def test_one_process_delivers_all(tmp_path: Path) -> None:
    script = """
    add("a", "b")
    launches = []
    launch = launcher.launch
    launcher.launch = lambda main: launches.append(1) or launch(main)
    work(courier(note))
    print(json.dumps(len(launches)))
    """
    assert result(script, tmp_path) == 1


def test_without_anything_to_deliver_no_process_is_made(tmp_path: Path) -> None:
    script = """
    launcher.launch = lambda main: 1 / 0
    print(json.dumps(work(courier(note))))
    """
    assert result(script, tmp_path) is None


def test_a_remark_about_a_delivery_is_kept(tmp_path: Path) -> None:
    script = """
    add("a")
    work(courier(lambda body: "half of them"))
    print(json.dumps(rows()))
    """
    assert result(script, tmp_path) == [["a", 1, 0, None, "half of them"]]


def test_what_failed_is_tried_again_later_and_at_last_given_up(tmp_path: Path) -> None:
    script = """
    add("a")
    refusing = courier(refuse)
    seen = []
    while (again := work(refusing)) is not None:
        seen.append([again, rows()[0][1:]])
        clock.set(int(START + again * SECOND))
    print(json.dumps([seen, rows(), refusing.error]))
    """
    assert result(script, tmp_path) == [
        [[1, [1, None, 1, "no"]], [4, [2, None, 4, "no"]]],
        [["a", 3, None, None, "no"]],
        "no",
    ]


def test_one_that_cannot_be_delivered_does_not_keep_others_waiting(tmp_path: Path) -> None:
    script = """
    add("a", "b")
    work(courier(lambda body: refuse(body) if body["id"] == "a" else note(body)))
    print(json.dumps(rows()))
    """
    assert result(script, tmp_path) == [["a", 1, None, 1, "no"], ["b", 1, 0, None, None]]


def test_a_process_that_dies_is_a_try_that_failed(tmp_path: Path) -> None:
    script = """
    add("a")
    again = work(courier(lambda body: os.kill(os.getpid(), signal.SIGKILL)))
    print(json.dumps([again, rows()]))
    """
    error = "the process that was to deliver it ended"
    assert result(script, tmp_path) == [1, [["a", 1, None, 1, error]]]


def test_a_try_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = """
    add("a")
    settings = lines("shell", shell__command="echo $$ > started; exec sleep 1000")
    slow = courier(partial(deliver, settings, here))
    slow.tick()
    while not (here / "started").exists() or not (here / "started").read_text():
        time.sleep(0.01)
    clock.advance(60 * SECOND)
    again = slow.tick()
    print(json.dumps([(again - START) / SECOND, rows()]))
    """
    error = "it was stopped before it was done"
    assert result(script, tmp_path) == [61, [["a", 1, None, 61, error]]]
    assert not Path(f"/proc/{int((tmp_path / 'started').read_text())}").exists()


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = """
    def deaf(body):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        note({"id": str(os.getpid())})
        while True:
            time.sleep(1)

    add("a")
    slow = courier(deaf)
    slow.tick()
    while not (here / "sent").exists() or not (here / "sent").read_text():
        time.sleep(0.01)
    slow.close()
    print(json.dumps(rows()))
    """
    assert result(script, tmp_path) == [["a", 1, None, 1, "it hung, and was killed"]]
    assert not Path(f"/proc/{sent(tmp_path)[0]}").exists()


def test_what_one_delivers_another_leaves_alone(tmp_path: Path) -> None:
    script = """
    add("a")
    first = courier(lambda body: time.sleep(0.2) or note(body))
    first.tick()
    second = courier(note)
    again = second.tick()
    work(first)
    print(json.dumps([(again - START) / SECOND, second.tick()]))
    """
    assert result(script, tmp_path) == [61, None]
    assert sent(tmp_path) == ["a"]


def test_without_room_for_a_process_it_is_tried_again_later(tmp_path: Path) -> None:
    script = """
    from digpy.errors import Unavailable

    def none(main):
        raise Unavailable("no worker can be started")

    add("a")
    launcher.launch = none
    print(json.dumps([work(courier(note)), rows()]))
    """
    assert result(script, tmp_path) == [1, [["a", 1, None, 1, "no worker can be started"]]]


def test_the_process_ends_with_whoever_made_it(tmp_path: Path) -> None:
    script = """
    add("a")
    work(courier(lambda body: note({"id": str(os.getpid())})))
    os.kill(os.getpid(), signal.SIGKILL)
    """
    run(script, tmp_path)
    (pid,) = sent(tmp_path)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_crash_before_it_is_written_down_has_it_delivered_again_under_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
    if not (here / "digpy.db").exists():
        add("a")
    clock.advance(int(sys.stdin.read() or 0) * SECOND)
    print(json.dumps([work(courier(note)), rows()]))
    """
    monkeypatch.setenv("DIGPY_FAILPOINT", "courier.before_record")
    assert run(script, tmp_path).returncode == -9
    monkeypatch.delenv("DIGPY_FAILPOINT")

    later = run(script, tmp_path, stdin="62")

    assert json.loads(later.stdout) == [None, [["a", 2, 62, None, None]]]
    assert sent(tmp_path) == ["a", "a"]
