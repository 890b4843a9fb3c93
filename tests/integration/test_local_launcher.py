"""Attempt workers as forks of a command; a process each, as a test runner may have threads."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
PREAMBLE = """
import fcntl, os, select, signal, sys, threading, time
from digpy.errors import InternalError, Unavailable
from digpy.launchers.local import LocalLauncher

launcher = LocalLauncher()

def status(worker):
    while (code := launcher.probe(worker)) is None:
        select.select([worker.channel], [], [], 0.01)
    return code

def hear(channel):
    messages = []
    while not messages and not channel.closed:
        select.select([channel], [], [])
        messages = channel.receive()
    return messages

def wait_for_the_end(channel):
    while not channel.closed:
        hear(channel)
"""


def command(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_worker_exits_with_the_code_of_its_main() -> None:
    assert command("print(status(launcher.launch(lambda channel: 7)))").stdout == "7\n"


def test_a_worker_that_returns_nothing_exits_with_zero() -> None:
    assert command("print(status(launcher.launch(lambda channel: None)))").stdout == "0\n"


def test_a_killed_worker_has_a_status_above_128() -> None:
    script = """
    worker = launcher.launch(wait_for_the_end)
    launcher.terminate(worker, kill=True)
    print(status(worker))
    """
    assert command(script).stdout == "137\n"


def test_an_exception_in_the_worker_is_shown_and_exits_with_70() -> None:
    done = command("print(status(launcher.launch(lambda channel: 1 // 0)))")
    assert done.stdout == "70\n"
    assert done.stderr.count("ZeroDivisionError") == 1


def test_messages_go_both_ways() -> None:
    script = """
    def echo(channel):
        for message in hear(channel):
            channel.send({"heard": message})
    worker = launcher.launch(echo)
    worker.channel.send({"text": "ü\\n" * 50_000})
    (answer,) = hear(worker.channel)
    print(len(answer["heard"]["text"]))
    """
    assert command(script).stdout == "100000\n"


def test_the_worker_s_death_closes_the_channel_after_its_last_message() -> None:
    script = """
    def last_words(channel):
        channel.send({"last": 1})
        os.kill(os.getpid(), signal.SIGKILL)
    worker = launcher.launch(last_words)
    heard = []
    while not worker.channel.closed:
        heard += hear(worker.channel)
    print(heard)
    """
    assert command(script).stdout == "[{'last': 1}]\n"


def test_terminate_lets_the_worker_find_its_channel_closed() -> None:
    script = """
    def main(channel):
        wait_for_the_end(channel)
        return 9
    worker = launcher.launch(main)
    launcher.terminate(worker)
    while (code := launcher.probe(worker)) is None:
        time.sleep(0.01)
    print(code)
    """
    assert command(script).stdout == "9\n"


def test_sending_to_a_dead_worker_does_nothing() -> None:
    script = """
    worker = launcher.launch(lambda channel: 0)
    print(status(worker))
    worker.channel.send({"a": 1})
    """
    done = command(script)
    assert (done.stdout, done.returncode) == ("0\n", 0)


def test_the_worker_does_not_hear_the_signals_of_a_terminal() -> None:
    script = """
    def main(channel):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        return 5
    print(status(launcher.launch(main)))
    """
    assert command(script).stdout == "5\n"


def test_a_lock_that_the_worker_is_told_to_close_dies_with_the_command_s_copy() -> None:
    script = """
    import tempfile
    path = tempfile.mkdtemp() + "/lock"
    def is_free():
        probe = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(probe)
        return True
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    def main(channel):
        channel.send({})
        wait_for_the_end(channel)
    worker = launcher.launch(main, close=[lock])
    hear(worker.channel)
    print(is_free())
    os.close(lock)
    print(is_free())
    """
    assert command(script).stdout == "False\nTrue\n"


def test_what_was_printed_before_the_launch_appears_once() -> None:
    script = """
    print("once", end="")
    status(launcher.launch(lambda channel: None))
    """
    assert command(script).stdout == "once"


def test_a_process_with_threads_is_not_forked() -> None:
    script = """
    stop = threading.Event()
    threading.Thread(target=stop.wait).start()
    try:
        launcher.launch(lambda channel: None)
    except InternalError as error:
        print(error)
    stop.set()
    """
    assert command(script).stdout == "a process with 2 threads cannot be forked\n"


def test_a_system_without_room_for_a_process_is_unavailable_and_keeps_no_pipe() -> None:
    script = """
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = os.listdir("/dev/fd")
    os.fork = refuse
    try:
        launcher.launch(lambda channel: None)
    except Unavailable as error:
        print(error, os.listdir("/dev/fd") == before)
    """
    expected = "no worker can be started: Resource temporarily unavailable True\n"
    assert command(script).stdout == expected


def test_asking_whether_the_other_side_is_gone_loses_no_message() -> None:
    script = """
    worker = launcher.launch(lambda channel: channel.send({"hello": 1}))
    while not worker.channel.is_gone:
        time.sleep(0.01)
    print(worker.channel.receive(), worker.channel.is_gone)
    """
    assert command(script).stdout == "[{'hello': 1}] True\n"


def test_nothing_that_was_open_survives_where_all_of_it_is_closed() -> None:
    script = """
    from digpy.launchers.local import open_descriptors
    before = os.open("/dev/null", os.O_RDONLY)
    def main(channel):
        return len(open_descriptors()) - 2  # the two ends of its channel
    print(status(launcher.launch(main, close=open_descriptors())))
    """
    assert command(script).stdout == "0\n"


def test_an_offer_to_who_does_not_read_is_dropped_without_waiting() -> None:
    script = """
    offers = 100_000  # more than a pipe takes

    def main(channel):
        for number in range(offers):
            channel.offer({"number": number})

    worker = launcher.launch(main)
    launcher.reap(worker)  # which ends though nobody has read
    found = [message["number"] for message in worker.channel.receive()]
    print(0 < len(found) < offers, found == list(range(len(found))))
    """
    assert command(script).stdout == "True True\n"
