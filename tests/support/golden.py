"""Texts that are kept in files, so that a change of them is read in review."""

from __future__ import annotations

from pathlib import Path


class Golden:
    """Compares with ``tests/golden/<name>``; with ``--update-golden`` writes it."""

    def __init__(self, root: Path, *, update: bool) -> None:
        self._root = root
        self._update = update

    def check(self, name: str, text: str) -> None:
        """Assert that `text` is what the file `name` says."""
        path = self._root / name
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            return
        assert path.exists(), f"{path} does not exist; --update-golden writes it"
        assert text == path.read_text("utf-8"), f"{name} differs; --update-golden rewrites it"
