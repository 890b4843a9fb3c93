"""Files as digdag 0.10.5.1 loaded them, and where digpy differs on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.dsl.include import FileReader, read_file
from digpy.dsl.reader import read_text
from digpy.errors import YamlError
from digpy.source import Span

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "yaml.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "yaml.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
REFUSED = [row for row in ROWS if row["error"] is not None and row["id"] not in DIFFERENT]


def project(row: dict[str, Any], directory: Path) -> Path:
    root = directory / "proj"
    for name, text in {**(row.get("files") or {}), "w.dig": row["yaml"]}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def outcome(row: dict[str, Any], directory: Path, *, pure: bool) -> str:
    """The loaded value as JSON text, so that types and order count; or that it is refused."""
    root = project(row, directory)
    files = FileReader(root)
    try:
        source = files.source(root / "w.dig", "w.dig")
        return json.dumps(read_text(source, load=files.load, pure=pure))
    except YamlError:
        return "refused"


@pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "Python"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_file_is_read_as_digdag_did(row: dict[str, Any], pure: bool, tmp_path: Path) -> None:
    expected = json.dumps(row["result"]) if row["error"] is None else "refused"
    if row["id"] in DIFFERENT:
        assert outcome(row, tmp_path, pure=pure) != expected
    else:
        assert outcome(row, tmp_path, pure=pure) == expected


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["id"])
def test_refusal_says_in_our_words_where_the_problem_is(
    row: dict[str, Any], tmp_path: Path
) -> None:
    root = project(row, tmp_path)
    with pytest.raises(YamlError) as refused:
        read_file(root / "w.dig", root, "w.dig")
    for problem in refused.value.problems:
        assert isinstance(problem.span, Span)
        assert (
            "this is not valid YAML" not in problem.message
        )  # the last resort, when nothing better is known
        assert problem.render()
