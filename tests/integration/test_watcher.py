"""The process that watches files, without and with the package that is told by the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT

WATCH = """
import select, sys, time
from pathlib import Path
from digpy.control import watcher
from digpy.launchers.local import LocalLauncher

if sys.argv[2] == "missing":
    sys.modules["watchfiles"] = None
    watcher._POLL = 0.05
root = Path(sys.argv[1])
launcher, said = LocalLauncher(), []
files = watcher.Watcher(launcher, launcher.launch, said.append)
read = watcher.Before.reading(root)
files.watch(watcher.Watched(root, frozenset({"w.dig"})), read._replace(at=read.at + 10**12))

def wait():
    while not files.is_changed():
        select.select([files.channel], [], [], 0.1)

def write(text):
    time.sleep(1.5)  # until it watches: what is written before is not what this is about
    (root / "w.dig").write_text(text)

write("b")
wait()
print("changed", *said)
files.close()
print(files.channel)
"""


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("there", ""),
        (
            "missing",
            " edits are noticed after up to 5 s only: the package watchfiles is not installed",
        ),
    ],
)
def test_a_change_is_noticed(tmp_path: Path, package: str, said: str) -> None:
    (tmp_path / "w.dig").write_text("a")
    ended = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path), package],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.stderr == ""
    assert ended.stdout == f"changed{said}\nNone\n"
