"""The picture of ``check --graph``, drawn by the real library."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pygraphviz import AGraph

from digpy.cli import graph
from digpy.cli.graph import draw
from digpy.errors import LimitExceeded, NotInstalled, Unavailable, UsageError
from tests.support.steps import steps

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str, path: Path) -> ElementTree.Element:
    draw([steps(text)], path / "w.svg")
    return ElementTree.parse(path / "w.svg").getroot()


def texts(picture: ElementTree.Element, kind: str) -> list[list[str]]:
    """The lines of text in each node, or in the title of each cluster."""
    return [
        [(line.text or "").replace("\xa0", " ") for line in group.iter(f"{SVG}text")]
        for group in picture.iter(f"{SVG}g")
        if group.get("class") == kind
    ]


def arrows(picture: ElementTree.Element) -> int:
    return sum(group.get("class") == "edge" for group in picture.iter(f"{SVG}g"))


def test_a_task_is_a_box_with_its_name_and_its_operator(tmp_path: Path) -> None:
    assert texts(drawn("+a: {sh>: make}\n", tmp_path), "node") == [["+a", "sh>: make"]]


def test_a_group_is_drawn_around_its_tasks(tmp_path: Path) -> None:
    picture = drawn("+g:\n  _parallel: true\n  +a: {sh>: x}\n", tmp_path)

    assert texts(picture, "cluster") == [["+w"], ["+g  (all at once)"]]


def test_an_arrow_leads_from_a_task_to_the_next(tmp_path: Path) -> None:
    assert arrows(drawn("+a: {sh>: x}\n+b: {sh>: y}\n+c: {sh>: z}\n", tmp_path)) == 2


def test_tasks_that_run_at_the_same_time_have_no_arrows(tmp_path: Path) -> None:
    assert arrows(drawn("_parallel: true\n+a: {sh>: x}\n+b: {sh>: y}\n", tmp_path)) == 0


def test_many_tasks_that_wait_for_many_need_few_arrows(tmp_path: Path) -> None:
    tasks = "".join(f"+t{number}: {{sh>: x}}\n" for number in range(40))

    assert arrows(drawn(f"_parallel: {{limit: 20}}\n{tasks}", tmp_path)) == 40


def test_what_is_generated_is_dashed(tmp_path: Path) -> None:
    picture = drawn("+a: {loop>: 2, _do: {echo>: x}}\n", tmp_path)
    dashed = [
        group
        for group in picture.iter(f"{SVG}g")
        if group.get("class") == "cluster"
        and any(shape.get("stroke-dasharray") for shape in group.iter(f"{SVG}path"))
    ]

    assert len(dashed) == 1


@pytest.mark.parametrize(
    "command", ["<b>x</b>", "a & b", "&lt;", "\\N \\G \\n", 'say "x"', "]]>", "${a.b}"]
)
def test_text_is_shown_as_it_is_written(command: str, tmp_path: Path) -> None:
    quoted = command.replace("'", "''")

    assert texts(drawn(f"+a: {{sh>: '{quoted}'}}\n", tmp_path), "node") == [
        ["+a", f"sh>: {command}"]
    ]


def test_an_operator_that_looks_like_html_is_text(tmp_path: Path) -> None:
    text = "+a: {\"<b>\": '<script>', _error: {echo>: e}}\n"

    assert ["<b>: <script>"] in [
        [line.strip() for line in lines] for lines in texts(drawn(text, tmp_path), "node")
    ]


def test_several_workflows_are_drawn_side_by_side(tmp_path: Path) -> None:
    draw([steps("+a: {sh>: x}\n"), steps("+b: {sh>: y}\n")], tmp_path / "w.svg")
    picture = ElementTree.parse(tmp_path / "w.svg").getroot()

    assert texts(picture, "cluster") == [["+w"], ["+w"]]


def test_a_picture_can_be_a_png(tmp_path: Path) -> None:
    draw([steps("+a: {sh>: x}\n")], tmp_path / "w.png")

    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_can_be_kept_in_the_language_of_graphviz(tmp_path: Path) -> None:
    draw([steps("+a: {sh>: x}\n")], tmp_path / "w.dot")

    assert (tmp_path / "w.dot").read_text().startswith("digraph")


def test_a_workflow_without_tasks_is_a_picture(tmp_path: Path) -> None:
    assert texts(drawn("_export: {}\n", tmp_path), "node") == [["+w"]]


def test_another_ending_is_refused_with_those_that_are_possible(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg, \.png, \.dot"):
        draw([steps("+a: {sh>: x}\n")], tmp_path / "w.bmp")


def test_too_many_tasks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MANY", 2)

    with pytest.raises(LimitExceeded, match="3 tasks are too many"):
        draw([steps("+a: {sh>: x}\n+b: {sh>: y}\n")], tmp_path / "w.svg")


def test_a_directory_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written: No such file"):
        draw([steps("+a: {sh>: x}\n")], tmp_path / "absent" / "w.svg")


def test_without_the_library_the_way_to_get_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pygraphviz":
            raise ImportError("No module named 'pygraphviz'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(NotInstalled, match=r"pip install 'digpy\[graph\]'"):
        draw([steps("+a: {sh>: x}\n")], tmp_path / "w.svg")


def test_what_the_library_says_about_fonts_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chatter(monkeypatch, "Fontconfig warning")

    draw([steps("+a: {sh>: x}\n")], tmp_path / "w.svg")

    assert capfd.readouterr().err == ""


def test_if_the_library_fails_what_it_said_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatter(monkeypatch, "out of memory", fails=True)

    with pytest.raises(Unavailable, match="could not draw the picture: out of memory"):
        draw([steps("+a: {sh>: x}\n")], tmp_path / "w.svg")


def chatter(monkeypatch: pytest.MonkeyPatch, said: str, *, fails: bool = False) -> None:
    """Let the library write to standard error, as its C code does, and perhaps fail."""

    def talkative(_graph: AGraph, **_how: str) -> bytes:
        os.write(2, said.encode())
        if fails:
            raise ValueError("Graphviz raised a layout error.")
        return b"<svg/>"

    monkeypatch.setattr(AGraph, "draw", talkative)
