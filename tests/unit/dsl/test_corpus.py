"""Texts that `benchmarks/fuzz.py` once found something with, by target, and what it says now."""

from pathlib import Path

import pytest

from benchmarks import fuzz

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_understood_or_refused(path: Path) -> None:
    assert fuzz.attempt(path.parent.name, path.read_bytes()) is None


def test_an_exception_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        if b"!" in data:
            raise KeyError(data)

    monkeypatch.setitem(fuzz.TARGETS, "broken", broken)
    find = fuzz.attempt("broken", b"abc!def")
    assert find is not None
    assert "KeyError" in find.error
    assert fuzz.shorten(find).data == b"!"
