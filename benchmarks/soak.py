"""Runs many workflows at once and kills their processes at random; then counts what went wrong.

    python benchmarks/soak.py --minutes 30 --seed 7

Each session is ``digpy run`` of one of the workflows below, given again until it ends by itself,
all in one project with one database. Meanwhile a nemesis kills commands, workers, spawners, keepers
and programs, and stops some for a while. What programs do they write into a journal; what they hold
is a lock, so a run that begins while an earlier one of the same task is alive cannot get it.

Lost: a result that was there and is not any more, or a session that ended otherwise than one that
was left in peace. Doubled: two results of one task, a run beside or after another, tasks generated
twice, rows that contradict each other. Orphans: processes that outlived their session. The exit
code is 1 if there is any of them, or if a session did not end.

Standard library and the digpy of this checkout only; Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from digpy.agent import processes  # noqa: E402 - of this checkout
from digpy.store.invariants import violations  # noqa: E402

TOKEN = "SOAK"
"""Variable with the name of a session: every process of it has it, or carries the name."""

ENDING = 2.0
"""Seconds that processes of a session may take to be gone, once its command is."""

PATIENCE = 300.0
"""Seconds after which a session that still has not ended is given up."""

SESSION = re.compile(rb"[a-z]+-\d+-%d" % os.getpid())
"""The name of a session; no other soak has the same."""

ROLES = ("command", "worker", "spawner", "keeper")
"""By the distance from the command; what is further away is a program."""

WEIGHTS = {"command": 2, "worker": 3, "spawner": 2, "keeper": 3, "program": 4}
"""How often the nemesis chooses which kind of process."""

STEP = """\
# One run of a program: begins, works a little with processes of its own around it, ends.
exec 9>> "locks/${DIGPY_RUN%.*}"
flock -n 9 || echo "$DIGPY_RUN overlap" >> journal
echo "$DIGPY_RUN begin" >> journal
case $1 in
  child) sleep "$2"; true ;;
  background) sleep 60 > /dev/null 2>&1 & sleep "$2" ;;
  nohup) nohup sleep 60 > /dev/null 2>&1 & sleep "$2" ;;
  session) setsid sleep 60 > /dev/null 2>&1 & sleep "$2" ;;
  daemon) (setsid sh -c 'sleep 60 & exit 0' > /dev/null 2>&1 &); sleep "$2" ;;
  bare) env -i setsid sh -c 'sleep 60; :' "$SOAK" > /dev/null 2>&1 & sleep "$2" ;;
  loud) seq 1 60000; sleep "$2" ;;
esac
echo "$DIGPY_RUN end" >> journal
"""

TASKS = """\
import fcntl
import os

import digdag


def write(word):
    with open("journal", "a") as journal:
        journal.write(f"{os.environ['DIGPY_RUN']} {word}\\n")


def begin():
    global lock
    lock = open(f"locks/{os.environ['DIGPY_RUN'].rpartition('.')[0]}", "a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        write("overlap")
    write("begin")


def keep(value):
    begin()
    digdag.env.store({"kept": value})
    write("end")


def spread(count):
    begin()
    body = {f"+n{n}": {"sh>": "sh step.sh child 0.02", "_retry": 99} for n in range(int(count))}
    digdag.env.add_subtask(body)
    write("end")


def flaky():
    begin()
    write("end")
    if not os.path.exists(f"locks/flaky.{os.environ['SOAK']}"):
        open(f"locks/flaky.{os.environ['SOAK']}", "w").close()
        raise RuntimeError("the first time it fails")
"""

WORKFLOWS = {
    "trees": "_parallel: {limit: 4}\n"
    + "".join(
        f"+{tree}: {{sh>: sh step.sh {tree} 0.2, _retry: 99}}\n"
        for tree in ("child", "background", "nohup", "session", "daemon", "bare")
    ),
    "loops": """\
+keep: {py>: tasks.keep, value: '${"v" + session_time}', _retry: 99}
+each:
  for_each>: {v: [1, 2, 3, 4]}
  _parallel: true
  _do:
    +sh: {sh>: 'sh step.sh child 0.05', _retry: 99}
    +note: {param_store>: {last: '${kept}'}}
+many:
  loop>: 50
  _do: {echo>: '${i}'}
+check: {sh>: 'test "${kept}" = "v${session_time}" && sh step.sh child 0.02', _retry: 99}
""",
    "again": """\
+twice:
  _retry: 99
  +before: {sh>: sh step.sh child 0.05}
  +flaky: {py>: tasks.flaky}
  +after:
    for_each>: {v: [a, b]}
    _do: {sh>: sh step.sh session 0.05}
""",
    "grown": """\
+spread: {py>: tasks.spread, count: 5, _retry: 99}
+poll: {wait>: 1s}
+loud: {sh>: sh step.sh loud 0.05, _retry: 99}
""",
    "cleaned": """\
+work:
  sh>: sh step.sh background 0.2
  _retry: 99
  _finally: {sh>: sh step.sh child 0.1, _retry: 99}
""",
    "needy": """\
+needed: {require>: shared, session_time: '${moment(session_time).startOf("hour").format()}'}
+work: {sh>: sh step.sh child 0.1, _retry: 99}
""",
    "shared": "+work: {sh>: sh step.sh daemon 0.3, _retry: 99}\n",
}
STARTED = [name for name in WORKFLOWS if name != "shared"]
OPTIONS = ["--max-resumes", "9999", "-X", "executor.task_max_losses=9999"]
"""Losses are what this is about: no number of them is too many."""

FAULTS = ("lost", "doubled", "orphans", "unfinished")

Key = tuple[int, int]
"""A task: attempt and number."""

Ending = dict[str, tuple[Any, ...]]
"""How the last task of each name ended: state, what it stored and exported."""


class Report(NamedTuple):
    """What came of it; under each of `FAULTS` what there must not be."""

    minutes: float
    seed: int
    sessions: int
    attempts: int
    launches: int
    runs: int
    kills: dict[str, int]
    stops: int
    faults: dict[str, list[str]]


class Session:
    """One session: a command, given again until it ends by itself.

    Attributes:
        code: the exit code of that command; None before.
    """

    def __init__(self, project: Path, workflow: str, number: int) -> None:
        self.name = f"{workflow}-{number}-{os.getpid()}"
        self.workflow = workflow
        self.code: int | None = None
        self.since = time.monotonic()
        self._project = project
        self._time = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_704_067_200 + 60 * number))
        self._process = self._begin()

    @property
    def pid(self) -> int:
        """The present command."""
        return self._process.pid

    def _begin(self) -> subprocess.Popen[bytes]:
        command = ["run", f"{self.workflow}.dig", "--session", self._time, *OPTIONS]
        with self._output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "digpy", *command],
                cwd=self._project,
                env={**os.environ, "PYTHONPATH": str(ROOT), TOKEN: self.name},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )

    @property
    def _output(self) -> Path:
        return self._project / "output" / self.name

    @property
    def said(self) -> str:
        """What the present command wrote to standard error, its last lines."""
        return self._output.read_text(errors="replace")[-300:].strip()

    def is_over(self) -> bool:
        """Look at the command; one that was killed is given again."""
        code = self._process.poll()
        if code is None:
            return False
        if code < 0 or (code != 0 and "this session is being run by" in self.said):
            self._process = self._begin()
            return False
        self.code = code
        return True

    def alive(self) -> list[str]:
        """Command lines of all processes that are there because of this session."""
        return [line for name, line in _marked() if name == self.name]

    def give_up(self) -> None:
        """Kill the command; what it started ends with it."""
        self._process.kill()
        self._process.wait()


def _marked() -> Iterator[tuple[str, str]]:
    """(session, command line) of every process of some session."""
    sign = f"{TOKEN}=".encode()
    for process in processes.everyone():
        directory = Path(f"/proc/{process.pid}")
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
            variables = (directory / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile
            continue
        line = b" ".join(words).decode(errors="replace")
        marks = words + [word.removeprefix(sign) for word in variables if word.startswith(sign)]
        marks = [mark for mark in marks if SESSION.fullmatch(mark)]
        if marks:
            yield marks[0].decode(errors="replace"), f"{process.pid} {line}"


def _by_role(commands: set[int]) -> dict[str, list[processes.Process]]:
    """The commands and everything below them."""
    found: dict[str, list[processes.Process]] = {}
    everyone, level = list(processes.everyone()), commands
    while here := [process for process in everyone if process.pid in level]:
        role = ROLES[len(found)] if len(found) < len(ROLES) else "program"
        found.setdefault(role, []).extend(here)
        level = {process.pid for process in everyone if process.parent in level}
    return found


class Nemesis:
    """Kills and stops processes of sessions.

    Attributes:
        kills: by role.
        stops: processes that were stopped, and went on later.
    """

    def __init__(self, chance: random.Random, pause: float) -> None:
        self.kills: Counter[str] = Counter()
        self.stops = 0
        self._chance = chance
        self._pause = pause
        self._next = time.monotonic() + pause
        self._stopped: list[tuple[float, processes.Process]] = []

    def act(self, sessions: Sequence[Session]) -> None:
        """Do what is due."""
        now = time.monotonic()
        for due, process in self._stopped:
            if due <= now:
                process.send(signal.SIGCONT)
        self._stopped = [entry for entry in self._stopped if entry[0] > now]
        if now < self._next or not sessions:
            return
        self._next = now + self._chance.expovariate(1 / self._pause)
        found = _by_role({session.pid for session in sessions})
        roles = [role for role in WEIGHTS if found.get(role)]
        if not roles:
            return
        (role,) = self._chance.choices(roles, [WEIGHTS[role] for role in roles])
        victim = self._chance.choice(found[role])
        if self._chance.random() < 0.15:
            victim.send(signal.SIGSTOP)
            self._stopped.append((now + self._chance.uniform(0.1, 3), victim))
            self.stops += 1
        else:
            victim.send(signal.SIGKILL)
            self.kills[role] += 1

    def let_go(self) -> None:
        """Let everybody go on who was stopped: who is stopped cannot end."""
        for _, process in self._stopped:
            process.send(signal.SIGCONT)
        self._stopped = []


class Soak:
    """One soak in one project; see the module's text."""

    def __init__(self, project: Path, seed: int, sessions: int, pause: float) -> None:
        self._project = project
        self._database = project / ".digpy" / "digpy.db"
        self._chance = random.Random(seed)
        self._at_once = sessions
        self._nemesis = Nemesis(self._chance, pause)
        self._seen: dict[Key, tuple[Any, ...]] = {}
        self._count = 0
        self._running: list[Session] = []
        self._faults: dict[str, list[str]] = {name: [] for name in FAULTS}

    def run(self, minutes: float, seed: int) -> Report:
        """Set up, let every workflow run once in peace, then trouble them; check everything."""
        for name in ("locks", "output"):
            (self._project / name).mkdir()
        for name, text in WORKFLOWS.items():
            (self._project / f"{name}.dig").write_text(f"timezone: UTC\n{text}")
        (self._project / "step.sh").write_text(STEP)
        (self._project / "tasks.py").write_text(TASKS)
        for workflow in STARTED:
            self._running.append(Session(self._project, workflow, 60 * self._count))
            self._count += 1
        self._wait(lambda: None)
        peaceful = {workflow: ending for (workflow, _), ending in self._endings().items()}
        end = time.monotonic() + 60 * minutes
        self._trouble(end)
        self._nemesis.let_go()
        self._wait(self._observe)
        self._check(peaceful)
        return self._report(minutes, seed)

    def _trouble(self, end: float) -> None:
        told = observed = time.monotonic()
        while time.monotonic() < end:
            while len(self._running) < self._at_once:
                workflow = self._chance.choice(STARTED)
                self._running.append(Session(self._project, workflow, 600 + self._count))
                self._count += 1
            self._nemesis.act(self._running)
            self._collect()
            now = time.monotonic()
            if now - observed > 0.5:
                observed = now
                self._observe()
            if now - told > 60:
                told = now
                faults = sum(map(len, self._faults.values()))
                kills = sum(self._nemesis.kills.values())
                print(f"{self._count} sessions, {kills} kills, {faults} faults", file=sys.stderr)
            time.sleep(0.02)

    def _wait(self, meanwhile: Callable[[], None]) -> None:
        while self._running:
            self._collect()
            meanwhile()
            time.sleep(0.05)

    def _collect(self) -> None:
        """Look at every session; what has ended must have left nothing."""
        for session in list(self._running):
            if session.is_over():
                self._running.remove(session)
                if session.code != 0:
                    self._fault("lost", f"{session.name} ended with {session.code}: {session.said}")
                self._look_for_orphans(session)
            elif time.monotonic() - session.since > PATIENCE:
                self._running.remove(session)
                self._fault("unfinished", f"{session.name}: {session.said}")
                session.give_up()

    def _look_for_orphans(self, session: Session) -> None:
        end = time.monotonic() + ENDING
        while left := session.alive():
            self._nemesis.let_go()
            if time.monotonic() > end:
                for line in left:
                    self._fault("orphans", f"{session.name}: {line}")
                return
            time.sleep(0.01)

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._database, timeout=0.5)) as connection:
            return connection.execute(query, parameters).fetchall()

    def _fault(self, kind: str, what: str) -> None:
        self._faults[kind].append(what)
        print(f"{kind}: {what}", file=sys.stderr, flush=True)

    def _observe(self) -> None:
        """What is done stays so: remember what was seen."""
        query = """
            SELECT t.attempt, t.number, t.state, t.fence, t.ended_at
              FROM tasks t JOIN attempts a ON a.id = t.attempt
             WHERE a.ended_at IS NULL AND t.ended_at IS NOT NULL"""
        try:
            rows = self._rows(query)
        except sqlite3.OperationalError:
            return  # who holds the lock may be stopped, and goes on only if nobody waits here
        for attempt, number, *row in rows:
            seen = self._seen.setdefault((attempt, number), tuple(row))
            if seen != tuple(row):
                self._fault("lost", f"task {attempt}.{number} was {seen}, is {row}")

    # Afterwards

    def _check(self, peaceful: dict[str, Ending]) -> None:
        for attempt, phase in self._rows("SELECT id, phase FROM attempts WHERE ended_at IS NULL"):
            self._fault("unfinished", f"attempt {attempt} is {phase}")
        done = {
            (attempt, number): tuple(row)
            for attempt, number, *row in self._rows(
                "SELECT attempt, number, state, fence, ended_at FROM tasks"
            )
        }
        for key, seen in self._seen.items():
            if done.get(key) != seen:
                self._fault("lost", f"task {key} was {seen}, is {done.get(key)}")
        for (workflow, attempt), ending in self._endings().items():
            differing = sorted(map(str, set(ending.items()) ^ set(peaceful[workflow].items())))
            if differing:
                self._fault("lost", f"attempt {attempt} of {workflow}: {differing[:4]}")
        for broken in violations(self._database):
            self._fault("doubled", f"{broken.rule}: {broken.where}")
        self._check_journal()
        for _, line in _marked():
            self._fault("orphans", line)
        runs = self._project / ".digpy" / "runs"
        for path in runs.glob("*"):
            self._fault("orphans", str(path))

    def _endings(self) -> dict[tuple[str, int], Ending]:
        """By workflow and attempt, with the same word for every session time."""
        query = """
            SELECT s.workflow, a.id,
                   strftime('%Y-%m-%dT%H:%M:%S', s.session_time / 1000000, 'unixepoch'),
                   t.full_name, t.state, o.store, o.export
              FROM attempts a JOIN sessions s ON s.id = a.session JOIN tasks t ON t.attempt = a.id
              LEFT JOIN task_outputs o
                ON o.attempt = t.attempt AND o.number = t.number AND o.round = t.round
             ORDER BY a.id, t.number"""
        found: dict[tuple[str, int], Ending] = {}
        for workflow, attempt, at, name, *row in self._rows(query):
            ending = tuple(text and text.replace(at, "TIME") for text in row)
            found.setdefault((workflow, attempt), {})[name] = ending
        return found

    def _check_journal(self) -> None:
        """Each line was written while its run was alive: an older run after a newer one is two."""
        newest: dict[Key, int] = {}
        lines = Counter((self._project / "journal").read_text().splitlines())
        for line in (self._project / "journal").read_text().splitlines():
            run, word = line.split()
            attempt, number, fence = map(int, run.split("."))
            if word == "overlap" or fence < newest.get((attempt, number), 0):
                self._fault("doubled", f"run {run} wrote {word} beside another")
            newest[attempt, number] = max(fence, newest.get((attempt, number), 0))
        for line, times in lines.items():
            if times > 1:
                self._fault("doubled", f"{line} {times} times")
        succeeded = self._rows(
            "SELECT attempt, number, max(fence) FROM task_runs WHERE outcome = 'succeeded'"
            " GROUP BY attempt, number"
        )
        for attempt, number, fence in succeeded:
            run = f"{attempt}.{number}.{fence}"
            if not (lines[f"{run} begin"] and lines[f"{run} end"]):
                self._fault("lost", f"run {run} succeeded, and did not do all it should")
            if newest.get((attempt, number), fence) > fence:
                self._fault("doubled", f"a run began after {run} had succeeded")

    def _report(self, minutes: float, seed: int) -> Report:
        attempts, launches, runs = (
            self._rows(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("attempts", "launches", "task_runs")
        )
        kills = {role: self._nemesis.kills[role] for role in WEIGHTS}
        return Report(
            minutes,
            seed,
            self._count,
            attempts,
            launches,
            runs,
            kills,
            self._nemesis.stops,
            self._faults,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak and report; 1 if something was lost, doubled or left."""
    parser = argparse.ArgumentParser(description="Kill everything at random, and count the damage.")
    parser.add_argument("--minutes", type=float, default=30, metavar="N", help="how long (30)")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of all that is random (1)"
    )
    parser.add_argument("--sessions", type=int, default=4, metavar="N", help="at once (4)")
    parser.add_argument(
        "--pause", type=float, default=0.25, metavar="S", help="between kills (0.25)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new directory for the project")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="digpy-soak-") as scratch:
        project = given.keep or Path(scratch)
        project.mkdir(parents=True, exist_ok=True)
        soak = Soak(project, given.seed, given.sessions, given.pause)
        report = soak.run(given.minutes, given.seed)
    print(json.dumps(report._asdict()) if given.json else as_lines(report))
    return 1 if any(report.faults.values()) else 0


def as_lines(report: Report) -> str:
    """The report for people."""
    kills = ", ".join(f"{count} {role}s" for role, count in report.kills.items())
    lines = [
        f"{report.minutes:g} minutes, seed {report.seed}",
        f"sessions {report.sessions}, attempts {report.attempts}, launches {report.launches},"
        f" runs of programs {report.runs}",
        f"killed {sum(report.kills.values())}: {kills}; stopped for a while: {report.stops}",
    ]
    for name, found in report.faults.items():
        lines += [f"{name}: {len(found)}", *(f"  {what}" for what in found[:20])]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
