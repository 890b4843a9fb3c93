"""What is read after an edit is what would be read from nothing, whatever was edited."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from digpy.dsl.project import Project, Sources, load_project
from digpy.errors import SourceError

GOOD = ("{}", "+a: {echo>: a}\n", "+a: {ecoh>: a, _retry: 1}\n+b: {fail>: x, _retry: 2}\n")
INCLUDING = tuple(
    f"!include : '{path}'\n" for path in ("part.yml", "sub/part.yml", "b.dig", "gone.yml")
)
BROKEN = ("x: [\n", "foo: 1\n", "+a: {_retry: }\n+a: {}\n", "\ufffe")
TEXTS = st.sampled_from((*GOOD, *INCLUDING, *BROKEN))
PARTS = st.sampled_from((*GOOD, *GOOD, "!include : 'deep.yml'\n", *BROKEN))
WORKFLOWS = ("a.dig", "b.dig", "c.dig", "part.yml.dig")
EDITS = st.one_of(
    st.tuples(st.sampled_from(WORKFLOWS), TEXTS),
    st.tuples(st.sampled_from(("part.yml", "sub/part.yml", "sub/deep.yml", "gone.yml")), PARTS),
    st.tuples(st.just(".digdagignore"), st.sampled_from(("", "b.dig\n", "*.dig\n!a.dig\n"))),
    st.tuples(st.sampled_from((*WORKFLOWS, "part.yml")), st.just(None)),  # removed
    st.tuples(st.sampled_from((*WORKFLOWS, "part.yml")), st.sampled_from(("gone.yml", "../out"))),
)
"""A file, and its new text, None, or the name of another one that it becomes a link to."""


@settings(max_examples=300, deadline=None)
@given(rounds=st.lists(st.lists(EDITS, min_size=1, max_size=4), min_size=2, max_size=6))
def test_reading_after_an_edit_gives_what_reading_from_nothing_gives(
    rounds: list[list[tuple[str, str | None]]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "project")
        (root / "sub").mkdir(parents=True)
        Path(directory, "out").write_text("+a: {echo>: out}\n")
        since: Sources | None = None
        known: dict[str, str] = {}
        for edits in rounds:
            for name, text in edits:
                edit(root / name, text)
            fresh, again = outcome(root, None), outcome(root, since)
            if not isinstance(fresh, Project) or not isinstance(again, Project):
                assert again == fresh
                continue
            assert again.sources == fresh.sources
            assert again.warnings == fresh.warnings
            compiled = {name: each.to_text() for name, each in again.workflows.items()}
            known = {name: known[name] for name in again.unchanged} | compiled
            assert known == {name: each.to_text() for name, each in fresh.workflows.items()}
            since = again.sources


def edit(path: Path, text: str | None) -> None:
    path.unlink(missing_ok=True)
    if text in ("gone.yml", "../out"):
        path.symlink_to(text)
    elif text is not None:
        path.write_text(text)


def outcome(root: Path, since: Sources | None) -> Project | list[str]:
    """The project, or what is wrong with it."""
    try:
        return load_project(root, since=since)
    except SourceError as error:
        return [problem.render() for problem in error.problems]
