"""People are told, whatever happens: the command as a process, and real servers."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually
from tests.support.mail_server import mail_server
from tests.support.web_server import web_server

Make = Callable[[Mapping[str, str]], CommandProject]

FAILING = {"w.dig": "timezone: UTC\n+boom:\n  fail>: oh no\n"}
SLEEPING = {"w.dig": "timezone: UTC\n+slow:\n  sh>: sh effect.sh slow; test -e go || sleep 1000\n"}
QUICK = ("-X", "notification.min_retry_wait=10", "-X", "notification.max_retry_wait=10")
SESSION = ("--session", "2024-01-30")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def by_shell(command: str) -> tuple[str, ...]:
    return ("-X", "notification.type=shell", "-X", f"notification.shell.command={command}")


TOLD = by_shell("cat >> told; echo >> told")


def by_http(url: str) -> tuple[str, ...]:
    return ("-X", "notification.type=http", "-X", f"notification.http.url={url}")


def told(project: CommandProject) -> list[dict[str, Any]]:
    """What the command of `TOLD` was told, in order."""
    path = project.directory / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kinds(project: CommandProject) -> list[str]:
    return [body["kind"] for body in told(project)]


def listed(project: CommandProject) -> list[dict[str, Any]]:
    """What ``digpy notifications`` lists."""
    found: list[dict[str, Any]] = json.loads(project.digpy("notifications", "--json").out)[
        "notifications"
    ]
    return found


# Alerts, which are tasks


def test_a_failure_is_told_to_a_command(project: Make) -> None:
    run = project(FAILING)

    assert run.run(*TOLD).code == 1

    (body,) = told(run)
    assert (body["message"], body["task_name"]) == (
        "Workflow session attempt failed",
        "+w^failure-alert",
    )


def test_a_failure_is_told_over_http(project: Make) -> None:
    with web_server() as server:
        project(FAILING).run(*by_http(server.url + "/hook"))

    (asked,) = server.asked
    assert asked.path == "/hook"
    assert asked.body["message"] == "Workflow session attempt failed"


def test_a_failure_is_told_by_mail(project: Make) -> None:
    run = project(FAILING)
    with mail_server() as server:
        written = {
            "type": "mail",
            "mail.host": "127.0.0.1",
            "mail.port": str(server.port),
            "mail.from": "digpy@example.com",
            "mail.to": "ops@example.com",
        }
        lines = [f"notification.{key} = {value}\n" for key, value in written.items()]
        run.write({"mail.properties": "".join(lines)})
        run.run("-c", "mail.properties")

    (mail,) = server.received
    assert "Workflow session attempt failed" in mail.message.get_content()


def test_without_a_way_of_sending_a_failure_costs_no_process(project: Make) -> None:
    run = project(FAILING)

    run.run()

    assert run.rows("SELECT * FROM task_runs") == []


def test_a_dry_run_tells_nobody(project: Make) -> None:
    run = project({"w.dig": "+a:\n  echo>: ${nothing.there}\n"})

    assert run.run("--dry-run", *TOLD).code == 1

    assert told(run) == []


def test_a_server_that_is_down_for_a_while_gets_it_later(project: Make) -> None:
    run = project(FAILING)
    with web_server(500, 503, 200) as server:
        run.run(*by_http(server.url), *QUICK)

    ids = [asked.headers["idempotency-key"] for asked in server.asked]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_tries_are_counted_across_a_crash(project: Make) -> None:
    run = project({"w.dig": "timezone: UTC\n+tell:\n  notify>: hello\n"})
    command = run.start(
        *by_shell("grep -q hello && echo x >> tries; exit 1"),
        *QUICK,
        "-X",
        "notification.retries=5",
    )
    path = run.directory / "tries"
    eventually(lambda: path.exists() and path.read_text().count("x") >= 2)
    os.kill(command.worker, signal.SIGKILL)

    ended = command.wait()

    assert "the notification was not sent in 6 tries" in ended.err
    # At most the one that was under way at the crash was not counted.
    assert path.read_text().count("x") in (6, 7)
    run.assert_clean()


# What digpy says by itself


def test_a_failure_by_a_limit_is_told_at_the_end_of_the_command(project: Make) -> None:
    run = project(SLEEPING)

    run.run(*TOLD, "--run-timeout", "1s")

    (body,) = told(run)
    assert (body["kind"], body["reason"]) == ("failure", "run_timeout")
    assert [row["status"] for row in listed(run)] == ["delivered"]


def test_a_crash_and_the_recovery_from_it_are_told(project: Make) -> None:
    run = project(SLEEPING)
    command = run.start(*TOLD, "-X", "notification.on=crash, recovery")
    eventually(run.did("slow"))
    run.write({"go": ""})
    os.kill(command.worker, signal.SIGKILL)

    assert command.wait().code == 0

    assert kinds(run) == ["crash", "recovery"]


def test_a_command_that_was_killed_is_told_by_the_next_one(project: Make) -> None:
    run = project(SLEEPING)
    command = run.start(*TOLD, *SESSION)
    eventually(run.did("slow"))
    command.send(signal.SIGKILL)
    eventually(lambda: not command.alive)
    run.write({"go": ""})

    assert run.run(*TOLD, *SESSION).code == 0

    assert kinds(run) == ["crash"]


def test_what_was_not_delivered_is_delivered_by_the_next_command(project: Make) -> None:
    run = project(SLEEPING)
    first = run.run(*by_shell("exit 1"), "--run-timeout", "1s")
    run.write({"go": ""})
    with_time = ("-X", "notification.min_retry_wait=1")

    assert "1 notification is not delivered yet (the command ended with code 1)" in first.err
    (before,) = listed(run)
    assert (before["status"], before["error"]) == ("waiting", "the command ended with code 1")

    def is_told() -> bool:
        run.run(*TOLD, *with_time)
        return bool(told(run))

    eventually(is_told, within=30)
    assert told(run)[0]["id"] == before["body"]["id"]


def test_every_try_is_among_the_events_of_the_attempt(project: Make) -> None:
    run = project(SLEEPING)

    run.run(*by_shell("test -e tried || { touch tried; exit 1; }"), *QUICK, "--run-timeout", "1s")

    assert run.events("notification.failed") == [
        {"id": 1, "kind": "failure", "try": 1, "error": "the command ended with code 1"}
    ]
    assert run.events("notification.delivered") == [{"id": 1, "kind": "failure", "try": 2}]


def test_a_server_that_hangs_does_not_keep_the_command(project: Make) -> None:
    run = project(SLEEPING)
    with web_server(0) as server:
        ended = run.run(*by_http(server.url), "--run-timeout", "1s")

    assert ended.code == 1
    assert "1 notification is not delivered yet (it was stopped before it was done)" in ended.err
    run.assert_clean()


# Settings and secrets


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (("notification.type=mail",), "notification.mail.host is not set"),
        (("notification.type=http",), "notification.http.url is not set"),
        (("notification.type=shell",), "notification.shell.command is not set"),
        ((*TOLD[1::2], "notification.on=succes"), 'notification.on contains "succes"'),
    ],
)
def test_bad_settings_end_the_command_before_it_starts_anything(
    settings: tuple[str, ...], problem: str, project: Make
) -> None:
    run = project(FAILING)

    ended = run.run(*(word for line in settings for word in ("-X", line)))

    assert ended.code == 3
    assert problem in ended.err
    assert "Traceback" not in ended.err
    assert not (run.directory / ".digpy").exists()


def test_secrets_are_written_nowhere(project: Make) -> None:
    run = project(SLEEPING)
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/S3CRET"
        lines = (
            "notification.type = http\n"
            f"notification.http.url = {address}\n"
            "notification.http.headers.Key = S3CRET\n"
            "notification.retries = 0\n"
        )
        run.write({"secret.properties": lines})
        failing = run.run("-c", "secret.properties", "--run-timeout", "1s", "--log-level", "trace")
        run.write(FAILING)
        alerting = run.run("-c", "secret.properties", "--log-level", "trace")

    assert "Connection refused" in failing.err
    assert "Connection refused" in alerting.err
    assert "S3CRET" not in failing.out + failing.err + alerting.out + alerting.err
    written = [path for path in (run.directory / ".digpy").rglob("*") if path.is_file()]
    assert not [path for path in written if b"S3CRET" in path.read_bytes()]


def test_secrets_are_in_no_list_of_processes(project: Make) -> None:
    run = project({"w.dig": "timezone: UTC\n+tell:\n  notify>: hello\n"})
    with web_server(0) as server:
        run.write(
            {
                "secret.properties": "notification.type = http\n"
                f"notification.http.url = {server.url}/S3CRET\n"
            }
        )
        command = run.start("-c", "secret.properties")
        eventually(lambda: server.asked)
        lines = [Path(f"/proc/{p.pid}/cmdline").read_bytes() for p in command.alive]
        seen = [Path(f"/proc/{p.pid}/environ").read_bytes() for p in command.alive]

    assert len(lines) >= 4
    assert not [text for text in lines + seen if b"S3CRET" in text]


# The listing


def test_without_notifications_the_list_is_empty(project: Make) -> None:
    run = project(FAILING)
    run.run()

    assert run.digpy("notifications").out == "Notifications:\n"


def test_the_list_says_what_people_were_told(project: Make) -> None:
    run = project(SLEEPING)
    run.run(*TOLD, "--run-timeout", "1s")

    out = run.digpy("notifications", "1").out

    assert "  kind: failure\n  message: Workflow session attempt failed\n" in out
    assert "  status: delivered\n  tries: 1\n" in out
    assert run.digpy("notifications", "2").err == "error: attempt 2 does not exist\n"
