"""How problems in files are shown: each one drawn, then how many there were."""

from __future__ import annotations

from collections.abc import Sequence

from digpy.source import Problem, sort_problems


def report(problems: Sequence[Problem]) -> str:
    """Every problem with its line and caret, in order of position; a last line counts them."""
    drawn = [problem.render() for problem in sort_problems(problems)]
    return "\n\n".join([*drawn, count(problems)])


def count(problems: Sequence[Problem]) -> str:
    """``2 errors and 1 warning in 2 files``."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    files = {problem.span.source.name for problem in problems if problem.span}
    parts = [plural(errors, "error")] if errors or not warnings else []
    if warnings:
        parts.append(plural(warnings, "warning"))
    where = f" in {plural(len(files), 'file')}" if files else ""
    return " and ".join(parts) + where


def plural(number: int, noun: str) -> str:
    """``1 task``, ``1,204 tasks``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
