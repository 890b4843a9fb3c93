from __future__ import annotations

import json
from pathlib import Path

import pytest

from digpy.control.yaml_text import yaml_lines
from tests.support.command_line import Digpy, digpy

__all__ = ["digpy"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")


def write(**workflows: str) -> None:
    for name, text in workflows.items():
        Path(f"{name}.dig").write_text(text)


def test_the_report_lists_workflows_parameters_and_schedules(digpy: Digpy) -> None:
    write(
        wf_a="schedule:\n  daily>: 07:00:00\n  end: 2020-01-01\n"
        "+a: {require>: wf_b}\n+g:\n  +b: {require>: wf_b}\n",
        wf_b="+a: {echo>: hello}\n",
    )

    assert digpy("check", "-p", "k=1") == (
        0,
        "  System default timezone: Asia/Tokyo\n"
        "\n"
        "  Definitions (2 workflows):\n"
        "    wf_a (4 tasks)\n"
        "      -> wf_b\n"
        "    wf_b (2 tasks)\n"
        "\n"
        "  Parameters:\n"
        '    k: "1"\n'
        "\n"
        "  Schedules (1 entries):\n"
        "    wf_a:\n"
        '      daily>: "07:00:00"\n'
        '      end: "2020-01-01"\n'
        "      no session is left: the schedule has ended\n"
        "\n",
        "",
    )


def test_a_file_limits_the_report_to_itself(digpy: Digpy) -> None:
    write(a="+x: {echo>: a}\n", b="+x: {echo>: b}\n")

    report = digpy("check", "b.dig").out

    assert "Definitions (1 workflows)" in report
    assert "    a (" not in report
    assert digpy("check", "./b.dig").out == digpy("check", "b").out == report


def test_a_file_limits_the_warnings_to_itself(digpy: Digpy) -> None:
    write(a="+x: {ehco>: a}\n", b="+x: {ehco>: b}\n")

    warnings = digpy("check", "b.dig").err

    assert "b.dig:1:6: warning" in warnings
    assert "a.dig" not in warnings


def test_a_file_that_does_not_exist_is_told_with_what_there_is(digpy: Digpy) -> None:
    write(hello="+x: {echo>: a}\n")

    ended = digpy("check", "helo.dig")

    assert ended.code == 1
    assert 'did you mean "hello"' in ended.err


def test_every_broken_file_is_reported_and_nothing_else(digpy: Digpy) -> None:
    write(a="+x: [\n", b="+y z: {sh>: x}\n", c="+ok: {echo>: x}\n")

    ended = digpy("check")

    assert (ended.code, ended.out) == (3, "")
    assert "a.dig:" in ended.err
    assert "b.dig:1:1: error" in ended.err
    assert ended.err.endswith("2 errors in 2 files\n")


def test_an_expression_that_is_no_javascript_is_an_error_with_its_place(digpy: Digpy) -> None:
    write(w="+x:\n  echo>: ${1 +}\n")

    ended = digpy("check")

    assert ended.code == 3
    assert "w.dig:2:" in ended.err
    assert "JavaScript" in ended.err


def test_an_operator_that_does_not_exist_is_a_warning_with_a_hint(digpy: Digpy) -> None:
    write(w="+x:\n  ecko>: a\n")

    ended = digpy("check")

    assert ended.code == 0
    assert 'did you mean "echo"?' in ended.err
    assert "1 warning in 1 file" in ended.err


def test_a_java_plugin_without_a_built_in_operator_is_an_error(digpy: Digpy) -> None:
    plugin = "_export:\n  plugin:\n    dependencies: [{}]\n+x: {{echo>: a}}\n"
    write(w=plugin.format("com.example:thing:1.0"))
    ended = digpy("check")
    assert ended.code == 3
    assert ended.err.startswith('w.dig:3:19: error: plugin "com.example:thing:1.0"')
    write(w=plugin.format("pro.civitaspo:digdag-operator-param:0.1"))
    assert digpy("check").code == 0


def test_json_carries_workflows_and_problems(digpy: Digpy) -> None:
    write(w="+x:\n  ehco>: a\n+y: {require>: v}\n")

    ended = digpy("check", "--json", "-p", "a.b=1")
    answer = json.loads(ended.out)

    assert ended.err == ""
    assert answer["parameters"] == {"a": {"b": "1"}}
    assert [(w["name"], w["tasks"], w["requires"]) for w in answer["workflows"]] == [
        ("w", 3, ["v"])
    ]
    problem = answer["problems"][0]
    assert (problem["severity"], problem["file"], problem["line"], problem["column"]) == (
        "warning",
        "w.dig",
        2,
        3,
    )


def test_json_of_a_broken_project_still_says_so_with_the_exit_code(digpy: Digpy) -> None:
    write(w="+x: [\n")

    ended = digpy("check", "--json")

    assert ended.code == 3
    assert json.loads(ended.out)["problems"][0]["severity"] == "error"


def test_json_has_every_task_with_its_place(digpy: Digpy) -> None:
    write(w="+x:\n  echo>: a\n+y:\n  loop>: 2\n  _do: {echo>: b}\n")

    (workflow,) = json.loads(digpy("check", "--json").out)["workflows"]
    x, y = workflow["root"]["children"]
    (sub,) = y["children"]

    assert x == {
        "name": "+x",
        "full_name": "+w+x",
        "operator": "echo",
        "command": "a",
        "file": "w.dig",
        "line": 1,
        "column": 1,
        "generated": None,
        "disabled": False,
        "after": [],
        "parallel": None,
        "children": [],
    }
    assert (y["after"], sub["name"], sub["generated"]) == (["+x"], "^sub", "2 times")


def test_json_of_a_workflow_without_a_schedule_has_no_sessions(digpy: Digpy) -> None:
    write(w="+x: {echo>: a}\n")

    (workflow,) = json.loads(digpy("check", "--json").out)["workflows"]

    assert (workflow["schedule"], workflow["next_sessions"]) == (None, [])


def test_a_tree_takes_the_place_of_the_report(digpy: Digpy) -> None:
    write(w="+x: {echo>: a}\n+y: {call>: z.dig}\n")

    assert digpy("check", "--tree").out == (
        "+w\n"
        "├─ +x  echo>: a\n"
        "└─ +y  call>: z.dig\n"
        "   └─ ⟨^sub⟩  (the tasks of z.dig)\n"
        "\n"
        "⟨…⟩ is generated while the workflow runs\n"
    )


def test_a_tree_of_what_is_wrong_is_not_drawn(digpy: Digpy) -> None:
    write(w="+x: {echo>: '${1 +}'}\n")

    ended = digpy("check", "--tree")

    assert (ended.code, ended.out) == (3, "")


def test_a_tree_and_json_at_once_are_wrong_usage(digpy: Digpy) -> None:
    assert digpy("check", "--tree", "--json").code == 2


def test_a_picture_is_drawn_beside_the_report(digpy: Digpy) -> None:
    write(a="+x: {echo>: a}\n", b="+y: {echo>: b}\n")

    ended = digpy("check", "b.dig", "--graph", "b.svg")

    assert "Definitions (1 workflows)" in ended.out
    assert "+y" in Path("b.svg").read_text()


def test_no_picture_is_drawn_of_what_is_wrong(digpy: Digpy) -> None:
    write(w="+x: {echo>: '${1 +}'}\n")

    assert digpy("check", "--graph", "w.svg").code == 3
    assert not Path("w.svg").exists()


def test_what_is_not_portable_is_wrong_if_that_is_asked(digpy: Digpy) -> None:
    write(w="_run_timeout: 1h\n+x: {echo>: a}\n")

    assert digpy("check").code == 0
    ended = digpy("check", "--digdag")

    assert ended.code == 3
    assert "w.dig:1:1: error: not portable to digdag: _run_timeout" in ended.err


def test_an_empty_directory_is_fine(digpy: Digpy) -> None:
    ended = digpy("check")

    assert ended.code == 0
    assert "Definitions (0 workflows):" in ended.out


def test_a_project_that_does_not_exist_is_wrong_usage(digpy: Digpy) -> None:
    assert digpy("check", "--project", "absent").code == 2


def test_unknown_settings_of_digdag_are_told(
    digpy: Digpy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGDAG_CONFIG", "frobnicate=1")

    assert digpy("check").err.startswith('warning: DIGDAG_CONFIG:1: the setting "frobnicate"')


def test_yaml_has_bare_keys_and_quoted_texts() -> None:
    value = {"a": "x\n", "b": {"c": [1, {"d": True, "e": None}], "f": {}}, "g": []}

    assert list(yaml_lines(value)) == [  # type: ignore[arg-type] # nested literals
        'a: "x\\n"',
        "b:",
        "  c:",
        "  - 1",
        "  - d: true",
        "    e: null",
        "  f: {}",
        "g: []",
    ]


def test_a_wrong_schedule_hides_no_wrong_expression(digpy: Digpy) -> None:
    write(w="schedule:\n  dialy>: 07:00:00\n+a: {echo>: '${a +}'}\n")

    ended = digpy("check")

    assert ended.code == 3
    assert 'w.dig:2:3: error: unknown type of schedule "dialy"' in ended.err
    assert 'w.dig:3:18: error: "a +" is not a JavaScript expression' in ended.err
