"""Workflows that nobody should write, and what they come to: never a traceback, never a hang.

Each is a project, what its tasks print in order, and how the root task ends; time jumps over waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from digpy.errors import SourceError
from tests.support.played import Play, play

__all__ = ["play"]

HALF = "${'\\\\ud83d'}"
"""In a quoted text of YAML: half of an emoji, which UTF-8 cannot write."""


def py(*lines: str) -> Mapping[str, str]:
    body = "".join(f"    {line}\n" for line in lines)
    return {"m.py": f"import digdag, os, sys\ndef f():\n{body}"}


def nested(depth: int, inner: str) -> str:
    return "{if>: true, _do: " * depth + inner + "}" * depth


WORKFLOWS: dict[str, tuple[str, Mapping[str, str], list[str], str]] = {
    "names-and-values-in-many-scripts": (
        '_export: {名前: 日本, "клю ч": {"ё": "é😀"}, emoji: "😀"}\n'
        "+a: {echo>: \"${名前} ${this['клю ч']['ё']} ${emoji.length}\"}\n"
        '+b: {for_each>: {x: ["日/😀", "", "..", "%2A", "&="]}, _do: {echo>: "[${x}]"}}\n'
        '+c: {sh>: "echo ${emoji} $emoji"}\n',
        {},
        ["日本 é😀 2", "[日/😀]", "[]", "[..]", "[%2A]", "[&=]", "😀 😀"],
        "success",
    ),
    "half-a-character-everywhere": (
        f'+a: {{param_store>: {{x: "{HALF}"}}}}\n'
        f'+b: {{for_each>: {{y: ["{HALF}"]}}, _do: {{echo>: "${{y.length}}"}}}}\n'
        '+c: {sh>: "echo $x"}\n'
        "+d: {py>: m.f}\n"
        f'+e: {{fail>: "{HALF}", _error: {{echo>: "${{error.message.length}}"}}}}\n',
        py("print(1)"),
        ["1", "?", "1", "1"],
        "group_error",
    ),
    "half-a-character-as-the-name-of-an-attempt": (
        f'+a: {{require>: w, retry_attempt_name: "{HALF}"}}\n',
        {},
        [],
        "group_error",
    ),
    "zero-bytes": (
        '+a: {x: "a\\0b", echo>: "${x.length}"}\n+b: {call>: "w\\0"}\n',
        {},
        ["3"],
        "group_error",
    ),
    "a-zero-byte-in-workdir": ('+a: {_workdir: "a\\0b", echo>: a}\n', {}, [], "group_error"),
    "a-zero-byte-in-require": ('+a: {require>: "w\\0"}\n', {}, [], "group_error"),
    "a-path-that-is-too-long": (f"+a: {{call>: {'x' * 300}}}\n", {}, [], "group_error"),
    "a-value-of-megabytes": (
        "+a: {param_store>: {x: \"${Array(3000001).join('x')}\"}}\n"
        '+b: {echo>: "${x.length}", _error: {echo>: no}}\n',
        {},
        ["3000000"],
        "success",
    ),
    "a-result-of-megabytes": (
        '+a: {py>: m.f}\n+b: {echo>: "${y.length}"}\n',
        py('digdag.env.store({"y": "x" * 5_000_000})'),
        ["5000000"],
        "success",
    ),
    "nulls-everywhere": (
        "_export: {a: null, m: {x: null}, l: [null]}\n"
        "+a: {_retry: null, _error: null, _check: null, _env: null, _type: null, x: null,"
        ' echo>: "[${a}][${m}][${l}]"}\n'
        '+b: {sh>: "echo [$a]"}\n',
        {},
        ['[][{"x":null}][[null]]', "[]"],
        "success",
    ),
    "deep-groups": (
        "".join("  " * depth + f"+g{depth}:\n" for depth in range(60))
        + "  " * 60
        + "echo>: deep\n",
        {},
        ["deep"],
        "success",
    ),
    "deep-bodies": (f"+a: {nested(45, '{echo>: deep}')}\n", {}, ["deep"], "success"),
    "results-nested-too-deeply": (
        "+a: {py>: m.f}\n+b: {echo>: b}\n",
        py(
            "sys.setrecursionlimit(10**6)",
            "y = 1",
            "for _ in range(20_000): y = [y]",
            'digdag.env.store({"y": y})',
        ),
        [],
        "group_error",
    ),
    "empty-groups": (
        "+a: {}\n+b: {+c: {}, +d: {+e: {}}}\n+f: {_parallel: true}\n+g: {_retry: 2}\n"
        "+h: {loop>: 2, _do: {}}\n+j: {for_each>: {x: [1]}, _do: {+x: {}}}\n+z: {echo>: z}\n",
        {},
        ["z"],
        "success",
    ),
    "handlers-inside-checks": (
        "+a:\n  echo>: a\n  _check:\n"
        '    +x: {fail>: c, _error: {echo>: "X ${error.message}"}}\n'
        '    _error: {echo>: "C ${error.message}"}\n'
        '  _error: {echo>: "E ${error.message}"}\n',
        {},
        ["a", "X c", "C c", "E c"],
        "group_error",
    ),
    "checks-of-checks-under-retry": (
        "+a: {echo>: a, _retry: 1,"
        " _check: {echo>: b, _check: {echo>: c, _check: {sh>: ./flaky.sh d 1}}}}\n",
        {},
        ["a", "b", "c", "d", "a", "b", "c", "d"],
        "success",
    ),
    "handlers-of-handlers": (
        "+a: {fail>: 1, _error: {fail>: 2, _error: {fail>: 3,"
        ' _error: {echo>: "${error.message}"}}}}\n',
        {},
        ["3"],
        "group_error",
    ),
    "a-file-that-calls-itself-until-a-store-says-stop": (
        "+a:\n  if>: \"${typeof n == 'undefined' || n < 5}\"\n  _do:\n"
        "    +s: {param_store>: {n: \"${typeof n == 'undefined' ? 1 : Number(n) + 1}\"}}\n"
        '    +e: {echo>: "${n}"}\n'
        "    +c: {call>: w}\n",
        {},
        ["1", "2", "3", "4", "5"],
        "success",
    ),
    "generators-of-generators": (
        "+a:\n  for_each>: {x: [1, 2]}\n  _do:\n    loop>: 2\n    _do:\n"
        "      for_range>: {from: 0, to: 2, step: 1}\n      _do:\n"
        '        if>: "${range.from == 0}"\n        _do: {echo>: "${x}${i}${range.from}"}\n',
        {},
        ["100", "110", "200", "210"],
        "success",
    ),
    "stores-of-dotted-keys": (
        '+a: {param_store>: {a.b: 1, a: {c: 2}, "x.y.z": {q: 1}}}\n'
        "+b: {echo>: \"${a} ${this['a.b']}\"}\n"
        "+c: {param_reset>: a.c}\n"
        '+d: {echo>: "${a}"}\n'
        "+g: {param_store>: {a: {d: {e: 1}}}}\n"
        '+h: {echo>: "${a}"}\n',
        {},
        ['{"c":2} 1', "{}", '{"d":{"e":1}}'],
        "success",
    ),
    "stores-named-like-built-ins-and-directives": (
        "+a: {param_store>: {session_time: x, task_name: y, timezone: Asia/Tokyo, echo>: q,"
        ' "+x": {echo>: 1}, _retry: 3, _error: {echo>: r}, _export: {v: 1}}}\n'
        '+b: {echo>: "${session_time} ${task_name} ${typeof v}"}\n',
        {},
        ["2016-01-01T00:00:00+00:00 +w+b undefined"],
        "success",
    ),
    "exports-that-depend-on-loop-variables": (
        "_export: {v: \"${typeof i == 'undefined' ? 'none' : i * 2}\"}\n"
        '+a: {loop>: 2, _do: {+x: {echo>: "${v}"}, +y: {_export: {i: 9}, +z: {echo>: "${v}"}}}}\n'
        '+b: {echo>: "${v}"}\n',
        {},
        ["0", "18", "2", "18", "none"],
        "success",
    ),
    "chunks-that-fail-under-retry": (
        "+g:\n  _parallel: {limit: 1}\n  _retry: 2\n"
        "  +a: {sh>: ./flaky.sh a 1}\n  +b: {echo>: b}\n  +c: {sh>: ./flaky.sh c 1}\n"
        "  +d: {echo>: d}\n+z: {echo>: z}\n",
        {},
        ["a", "a", "b", "c", "a", "b", "c", "d", "z"],
        "success",
    ),
    "chunks-of-a-generator-that-fail-under-retry": (
        "+g:\n  for_each>: {x: [1, 2, 3]}\n  _parallel: {limit: 1}\n  _retry: 3\n"
        '  _do: {sh>: "./flaky.sh x${x} ${x % 2}"}\n+z: {echo>: z}\n',
        {},
        ["x1", "x1", "x2", "x3", "x1", "x2", "x3", "z"],
        "success",
    ),
    "chains-of-require": (
        "+a: {require>: a}\n+z: {echo>: w}\n",
        {
            "a.dig": "+b: {require>: b}\n+z: {echo>: a}\n",
            "b.dig": "+c: {require>: c}\n+z: {echo>: b}\n",
            "c.dig": "+z: {echo>: c}\n",
        },
        ["c", "b", "a", "w"],
        "success",
    ),
    "a-diamond-of-require": (
        "_parallel: true\n+a: {require>: a}\n+b: {require>: b}\n",
        {
            "a.dig": "+c: {require>: c}\n+z: {echo>: a}\n",
            "b.dig": "+c: {require>: c}\n+s: {wait>: 1h}\n+z: {echo>: b}\n",
            "c.dig": "+s: {wait>: 10m}\n+z: {echo>: c}\n",
        },
        ["c", "a", "b"],
        "success",
    ),
    "workflows-that-require-one-another": (
        "+a: {require>: a}\n+z: {echo>: z}\n",
        {
            "a.dig": "_parallel: true\n+b: {require>: b}\n+s: {wait>: 1m}\n",
            "b.dig": "+s: {wait>: 1m}\n"
            '+w: {require>: w, ignore_failure: true, _error: {echo>: "${error.message}"}}\n',
        },
        [
            "+b+w requires attempt 1 of w, which waits for attempt 3 of b:"
            " they would wait for one another forever"
        ],
        "group_error",
    ),
    "a-session-at-the-beginning-of-time": (
        "+a: {require>: o, session_time: '0001-01-01T00:00:00Z'}\n",
        {"o.dig": "timezone: America/Los_Angeles\n+a: {echo>: a}\n"},
        [],
        "group_error",
    ),
    "a-last-session-at-the-beginning-of-time": (
        "timezone: America/Los_Angeles\n"
        "_export: {last_session_time: '0001-01-01T00:00:00+00:00'}\n"
        '+a: {echo>: "${typeof last_session_date}"}\n',
        {},
        ["undefined"],
        "success",
    ),
    "waits-in-parallel-groups": (
        "_parallel: true\n+a: {wait>: 10m}\n+b: {wait>: 5m, blocking: true}\n"
        "+c: {+x: {wait>: 1m}, +y: {echo>: y}, +z: {wait>: 1h}}\n+d: {echo>: d}\n"
        "+e: {loop>: 2, _parallel: true,"
        ' _do: {+w: {wait>: "${(i + 1) * 2}m"}, +e: {echo>: "e${i}"}}}\n',
        {},
        ["d", "y", "e0", "e1"],
        "success",
    ),
    "a-wait-of-centuries": ("+a: {wait>: 300000d}\n+b: {echo>: b}\n", {}, ["b"], "success"),
    "a-wait-longer-than-time": ("+a: {wait>: 99999999999999d}\n", {}, [], "group_error"),
    "a-poll-interval-longer-than-time": (
        "+a: {wait>: 1s, poll_interval: 99999999999999d}\n",
        {},
        [],
        "group_error",
    ),
    "retries-over-decades": (
        "+g:\n  _retry: {limit: 40, interval: 100000, interval_type: exponential}\n"
        "  +a: {fail>: x}\n",
        {},
        [],
        "group_error",
    ),
    "odd-results-of-python": (
        '+a: {py>: m.f}\n+b: {echo>: "${JSON.stringify(y)}"}\n',
        py(
            'y = {"n": None, "t": (1, True), "f": 1e300, "e": {}, "l": []}',
            'digdag.env.store({"y": y, 5: 6})',
            'os.chdir("/")',
        ),
        ['{"n":null,"t":[1,true],"f":1e+300,"e":{},"l":[]}'],
        "success",
    ),
    "subtasks-of-python-with-a-bad-name": (
        '+a: {py>: m.f, _error: {echo>: "${error.message.length > 0}"}}\n',
        py('digdag.env.add_subtask({"+x y": {"echo>": "1"}})'),
        ["true"],
        "group_error",
    ),
    "more-subtasks-than-the-limit": (
        "+a: {py>: m.f}\n",
        py('for i in range(2000): digdag.env.add_subtask({"echo>": str(i)})'),
        [],
        "group_error",
    ),
    "combinations-by-the-thousand-million": (
        '_export: {l: "${Array.from({length: 1000}, function(_, i) { return i })}"}\n'
        '+a: {for_each>: {a: "${l}", b: "${l}", c: "${l}"}, _do: {echo>: x}}\n',
        {},
        [],
        "group_error",
    ),
    "parameters-named-like-the-insides-of-javascript": (
        "_export: {__proto__: {polluted: 1}, constructor: 5, toString: 6, Object: 1, JSON: 2,"
        " undefined: 9, arguments: 3, class: 4}\n"
        '+a: {echo>: "${typeof polluted} ${constructor} ${[1].length} ${1 + 1} ${this.class}"}\n',
        {},
        ["undefined 5 1 2 4"],
        "success",
    ),
    "expressions-that-throw-nothing": (
        '+a: {echo>: "${(function(){throw null})()}", _error: {echo>: e}}\n',
        {},
        ["e"],
        "group_error",
    ),
    "an-expression-without-end": (
        '+a: {echo>: "${(function f(){return f()})()}", _error: {echo>: e}}\n',
        {},
        ["e"],
        "group_error",
    ),
    "hundreds-of-rounds": (
        "+g:\n  _retry: 300\n  +a: {param_store>: {n: 1}}\n  +b: {fail>: x}\n",
        {},
        [],
        "group_error",
    ),
    "a-background-task-that-outlives-a-retry": (
        "+g:\n  _retry: 2\n  +a: {_background: true, wait>: 1h}\n  +b: {sh>: ./flaky.sh b 2}\n"
        "  +c: {echo>: c}\n",
        {},
        ["b", "b", "b", "c"],
        "success",
    ),
}


@pytest.mark.parametrize(
    ("workflow", "files", "prints", "root"), WORKFLOWS.values(), ids=WORKFLOWS.keys()
)
def test_hostile_workflow(
    workflow: str, files: Mapping[str, str], prints: list[str], root: str, play: Play
) -> None:
    played = play({"w.dig": workflow, **files})

    played.run()

    assert (played.prints, played.states()["+w"]) == (prints, root), played.log
    errors: Any = played.errors().values()
    assert not [error for error in errors if "Traceback" in error or "Error: [" in error]


@pytest.mark.parametrize(
    "workflow",
    [
        '!include : "e\\0"\n+a: {echo>: x}\n',
        f"!include : {'x' * 300}.dig\n+a: {{echo>: x}}\n",
        "!include : w.dig\n",
        "_export: &x {a: *x}\n+a: {echo>: x}\n",
        "+a: {x: " + "[" * 200 + "]" * 200 + ", echo>: x}\n",
        "+a: {<<: 5, echo>: x}\n",
        "hello\n",
        "- +a: {echo>: x}\n",
    ],
)
def test_a_file_that_is_no_workflow_is_refused(workflow: str, play: Play) -> None:
    with pytest.raises(SourceError):
        play(workflow).run()
