"""What the documentation says is tried: commands are run, links followed, tables compared.

After a wanted change of output, ``python -m pytest tests/docs --update-golden`` writes the new
output into the pages; read the difference before keeping it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from digpy.config import KEYS, Key
from tests.support import pages
from tests.support.pages import ROOT, Reader

PAGES = {str(page.relative_to(ROOT)): page for page in pages.pages()}
CONVERSATIONS = [
    name
    for name, page in PAGES.items()
    if any(block.language == "console" for block in pages.blocks(page.read_text()))
]
README_LINES = 200


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_commands_print_what_the_page_says(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = PAGES[name].read_text()
    reader = Reader(tmp_path)
    update = bool(request.config.getoption("--update-golden"))
    written, end = "", 0
    for block in pages.blocks(page):
        if block.file is not None:
            reader.write(block)
        if block.language != "console":
            continue
        text = ""
        for command, expected in pages.turns(block.text):
            printed = reader.type(command)
            right = pages.same(expected, printed)
            assert right or update, f"$ {command}\n{printed}\n--- the page says:\n{expected}"
            text += f"$ {command}\n{expected if right else printed}"
        written += page[end : block.start] + text
        end = block.end
    if update:
        PAGES[name].write_text(written + page[end:])


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    for link in pages.links(page.read_text()):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in pages.anchors(target.read_text()), link


def test_the_index_leads_to_every_page() -> None:
    found = {ROOT / "docs" / "index.md"}
    for index in ("docs/index.md", "docs/operators/index.md"):
        page = ROOT / index
        found |= {(page.parent / link).resolve() for link in pages.links(page.read_text())}
    missing = [
        name for name, page in PAGES.items() if name.startswith("docs/") and page not in found
    ]
    assert not missing


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].read_text().splitlines()) < README_LINES


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    command = re.compile(r"\.venv/bin/python -m pytest.*$", re.MULTILINE)
    in_readme = command.findall(PAGES["README.md"].read_text())
    assert len(in_readme) == 1
    assert command.findall((ROOT / ".ci" / "run").read_text()) == in_readme


def test_every_example_workflow_is_mentioned_on_a_page() -> None:
    text = "".join(page.read_text() for page in PAGES.values())
    for workflow in sorted((ROOT / "workflows").glob("*.dig")):
        assert workflow.name in text, f"no page mentions workflows/{workflow.name}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_a_place_where_it_was_written(name: str) -> None:
    # Absolute paths of a development machine mean nothing to a reader.
    allowed = (pages.HOME, "/home/you", "/tmp/digpy-", "/usr/bin", "/bin/", "/proc", "/dev/")
    for path in re.findall(r"(?<![\w.~/:<)}])/[a-z]+/[\w.-]+", PAGES[name].read_text()):
        assert path.startswith(allowed), path


def test_the_table_of_settings_is_the_one_in_the_code(request: pytest.FixtureRequest) -> None:
    page = PAGES["docs/configuration.md"]
    before, begin, rest = page.read_text().partition("<!-- settings: begin -->\n")
    old, end, after = rest.partition("<!-- settings: end -->\n")
    assert begin
    assert end
    table = settings_table()
    if request.config.getoption("--update-golden"):
        page.write_text(before + begin + table + end + after)
    else:
        assert old == table


def settings_table() -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{key.name}` | {_kind(key)} | {_code(key.default)} | {key.doc} |"
        for key in KEYS.values()
    ]
    return "\n".join(lines) + "\n"


def _kind(key: Key) -> str:
    if key.type == "choice":
        return ", ".join(f"`{choice}`" for choice in key.choices)
    return key.type


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
