from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from digpy.access import obstacle, out_of_reach


@pytest.fixture
def of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that another user than this one owns, and that this one may not use."""
    path = tmp_path / "file"
    path.touch(0o640)
    me, allowed = os.geteuid() + 1, os.access
    monkeypatch.setattr(os, "geteuid", lambda: me)
    monkeypatch.setattr(os, "access", lambda place, mode: place != path and allowed(place, mode))
    return path


def test_what_can_be_used_is_not_in_the_way(tmp_path: Path) -> None:
    assert obstacle(tmp_path) is None


def test_what_can_be_made_is_not_in_the_way(tmp_path: Path) -> None:
    assert obstacle(tmp_path / "new" / "file") is None


def test_below_the_state_directory_its_owner_is_to_be_changed(of_somebody_else: Path) -> None:
    found = obstacle(of_somebody_else, of_somebody_else.parent)
    assert found is not None
    assert found.fix.startswith(f"sudo chown -R {os.geteuid()} {of_somebody_else.parent}, or ")


def test_elsewhere_nobody_is_told_to_change_an_owner(of_somebody_else: Path) -> None:
    found = obstacle(of_somebody_else)
    assert found is not None
    assert found.why.startswith(f"it belongs to user {os.geteuid() - 1}, its mode is 0640, ")
    assert "chown" not in found.fix


def test_a_file_instead_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = obstacle(tmp_path / "file" / "digpy.db")
    assert found is not None
    assert (found.path, found.why) == (
        tmp_path / "file",
        "it is a file, and should be a directory",
    )


def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    found = obstacle(tmp_path / "a")
    assert found is not None
    assert found.why == os.strerror(errno.ELOOP)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EBADF])
def test_what_may_be_our_mistake_is_not_explained_away(number: int, tmp_path: Path) -> None:
    assert out_of_reach(OSError(number, os.strerror(number), str(tmp_path / "x"))) is None


def test_what_is_about_no_file_is_not_explained() -> None:
    assert out_of_reach(PermissionError(errno.EPERM, "Operation not permitted")) is None


def test_the_system_has_its_say_where_nothing_is_found(tmp_path: Path) -> None:
    error = out_of_reach(OSError(errno.EROFS, "Read-only file system", str(tmp_path)))
    assert str(error) == f"{tmp_path} cannot be used: Read-only file system"
