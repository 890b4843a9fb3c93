"""Failpoints kill, so each case is a process."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "from digpy.failpoints import reach; reach('a'); print(1, flush=True); reach('a'); print(2)"
)


def passes(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return done.stdout


def test_nothing_happens_unless_a_point_is_named() -> None:
    assert passes() == "1\n2\n"


def test_another_point_is_passed() -> None:
    assert passes(DIGPY_FAILPOINT="b") == "1\n2\n"


def test_the_named_point_kills() -> None:
    assert passes(DIGPY_FAILPOINT="a") == ""


def test_a_count_names_the_pass_that_kills() -> None:
    assert passes(DIGPY_FAILPOINT="a:2") == "1\n"


def test_another_signal_can_be_chosen() -> None:
    assert passes(DIGPY_FAILPOINT="a", DIGPY_FAILPOINT_SIGNAL="SIGCONT") == "1\n2\n"


def test_with_a_file_it_kills_only_once(tmp_path: Path) -> None:
    once = {"DIGPY_FAILPOINT": "a", "DIGPY_FAILPOINT_ONCE": str(tmp_path / "fired")}
    assert [passes(**once), passes(**once)] == ["", "1\n2\n"]
