"""Reading a project a moment at a time, so that sessions that are due start meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

from digpy.control.watcher import Before
from digpy.dsl.project import Project, Sources, project_steps

_MOMENT = 0.02
"""Seconds after which whoever reads looks after other things."""


class Reading:
    """One reading of the project in `root`, of which `since` is known; see `project_steps`.

    Attributes:
        before: how it looked when this began.
    """

    def __init__(self, root: Path, since: Sources | None = None) -> None:
        self.before = Before.reading(root)
        self._steps = project_steps(root, since=since)
        self._project: Project | None = None

    def go_on(self) -> Project | None:
        """Read for a moment; the project as soon as all of it is read, and from then on.

        Raises `SourceError` and `OSError`, and is of no use then.
        """
        end = time.monotonic() + _MOMENT
        while self._project is None:
            try:
                next(self._steps)
            except StopIteration as ended:
                self._project = ended.value
            if time.monotonic() >= end:
                break
        return self._project
