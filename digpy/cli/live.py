"""A run on a terminal: a tree of tasks at the bottom that is redrawn, what tasks print above it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from digpy.cli.outline import Mark, Outline, OutlineLine
from digpy.cli.plain import Output
from digpy.cli.view import AttemptView, LogLine, legible, length_text
from digpy.values import SECOND

FRAME = SECOND // 8
"""The shortest time between two drawings."""

_ICONS: dict[Mark, tuple[str, str]] = {
    "done": ("✔", "green"),
    "taken": ("↷", "green dim"),
    "failed": ("✘", "red bold"),
    "canceled": ("■", "yellow"),
    "runs": ("▶", "cyan"),
    "again": ("↻", "yellow"),
    "waits": ("·", "dim"),
}
_PLAIN_ICONS: dict[Mark, str] = {
    "done": "+", "taken": "+", "failed": "x", "canceled": "-", "runs": ">", "again": "~",
    "waits": ".",
}  # fmt: skip


class LiveView:
    """Draws; see `digpy.cli.view.View`.

    Drawn only when something changed, and once a second while something runs, and never more often
    than eight times a second. The console must write to a terminal; by default it is standard
    error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._output = Output()
        self._attempts: dict[int, AttemptView] = {}
        self._outlines: dict[int, Outline] = {}
        self._started_at: int | None = None
        self._now = 0
        self._drawn_at = 0
        self._pending = False
        # Neither stream is redirected: what has to stand above the tree goes through the console.
        self._live = Live(
            self,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, attempts: Sequence[AttemptView], lines: Sequence[LogLine], now: int) -> None:
        """Take in what changed; draw if it is time."""
        self._now = now
        if self._started_at is None:
            self._started_at = now
        for attempt in attempts:
            before = self._attempts.get(attempt.attempt)
            changed = self._outlines.setdefault(attempt.attempt, Outline()).update(attempt.tasks)
            self._attempts[attempt.attempt] = attempt._replace(tasks=())
            if changed or before is None or before.phase != attempt.phase:
                self._pending = True
        self._print(lines)
        due = FRAME if self._pending else SECOND
        if now - self._drawn_at >= due:
            self._draw()

    def close(self) -> None:
        """Take the tree away: the summary that follows says how everything ended."""
        self._live.stop()
        self._output.end_line()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The tree as it stands, for rich."""
        height = max(3, (options.size.height - 2) // max(1, len(self._attempts)) - 1)
        for number, attempt in sorted(self._attempts.items()):
            yield self._headline(attempt)
            for line in self._outlines[number].lines(self._now, height):
                yield self._line(line, options)

    def _draw(self) -> None:
        self._drawn_at = self._now
        self._pending = False
        self._live.refresh()

    def _headline(self, attempt: AttemptView) -> Text:
        elapsed = length_text(self._now - (self._started_at or self._now))
        return Text.assemble(
            (attempt.workflow, "bold"),
            f"  {attempt.session_time}  ",
            (attempt.phase, "yellow" if attempt.phase == "canceling" else "cyan"),
            f"  {elapsed}",
            no_wrap=True,
            overflow="ellipsis",
        )

    def _line(self, line: OutlineLine, options: ConsoleOptions) -> Text:
        icon, style = _ICONS[line.mark]
        if options.ascii_only:
            icon = _PLAIN_ICONS[line.mark]
        return Text.assemble(
            "  " * (line.depth + 1),
            (icon, style),
            " ",
            (line.text, "dim" if line.mark in ("waits", "taken") else ""),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _print(self, lines: Sequence[LogLine]) -> None:
        """Print above the tree, all at once: every printing draws the tree again."""
        above: list[Text] = []
        for line in lines:
            if line.kind in ("warn", "error"):
                style = "red" if line.kind == "error" else "yellow"
                whose = f"{line.full_name}: " if line.full_name else ""
                above.append(Text(f"{whose}{line.text}", style=style))
            elif line.kind == "out" and sys.stdout.isatty():
                above.append(Text.from_ansi(legible(line.text).removesuffix("\n")))
            elif line.kind == "out":
                self._output.write(line.text)
        if above:
            self._console.print(Text("\n").join(above), soft_wrap=True)
