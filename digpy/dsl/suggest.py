"""Did you mean ...? Imported only when something was misspelt."""

from __future__ import annotations

from collections.abc import Iterable


def edit_distance(first: str, second: str) -> int:
    """How many letters must be inserted, deleted or replaced (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        left, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (a != b))
    return row[-1]


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was probably meant to be."""
    best: tuple[int, str] | None = None
    for candidate in candidates:
        first, second = word.lower().lstrip("_"), candidate.lower().lstrip("_")
        if abs(len(first) - len(second)) > max(1, len(candidate) // 3):
            continue  # the distance is at least that, and slow to compute for a long text
        distance = 1 if sorted(first) == sorted(second) else edit_distance(first, second)
        if distance <= max(1, len(candidate) // 3) and (best is None or distance < best[0]):
            best = distance, candidate
    return best[1] if best else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """``did you mean "..."?``, or None."""
    candidate = closest(word, candidates)
    return f'did you mean "{candidate}"?' if candidate else None


def digdag_suggestions(key: str, candidates: Iterable[str]) -> list[str]:
    """What digdag 0.10.5 suggests: everything that differs in at most half of its letters."""
    return [item for item in candidates if edit_distance(key, item) <= len(item) // 2]
