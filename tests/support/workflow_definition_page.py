"""Writes the reference of directives in ``docs/workflow-definition.md`` from their table.

``python -m tests.support.workflow_definition_page`` writes the page; a test holds it to the table
and compiles the examples, which live here.
"""

from __future__ import annotations

from pathlib import Path

from digpy.dsl.directives import DIRECTIVES, Directive

PAGE = Path(__file__).parents[2] / "docs/workflow-definition.md"

BEGIN = "<!-- directives: begin; python -m tests.support.workflow_definition_page -->\n"
END = "<!-- directives: end -->\n"

EXAMPLES = {
    "timezone": """\
timezone: Asia/Tokyo
+a: {echo>: "${session_time}"}
""",
    "schedule": """\
schedule:
  daily>: 07:00:00
+a: {echo>: hello}
""",
    "sla": """\
sla:
  duration: 02:00:00
  +late: {echo>: late}
+a: {echo>: hello}
""",
    "_export": """\
_export: {who: ada}
+a: {echo>: "hello ${who}"}
""",
    "_parallel": """\
+group:
  _parallel: {limit: 2}
  +a: {echo>: a}
  +b: {echo>: b}
  +c: {echo>: c}
""",
    "_retry": """\
+fetch:
  sh>: ./fetch.sh
  _retry: {limit: 3, interval: 10, interval_type: exponential}
""",
    "_error": """\
+load:
  sh>: ./load.sh
  _error: {echo>: "failed: ${error.message}"}
""",
    "_finally": """\
+load:
  sh>: ./load.sh
  _finally: {sh>: rm -rf scratch}
""",
    "_canceled": """\
+load:
  sh>: ./load.sh
  _canceled: {sh>: ./undo.sh}
""",
    "_check": """\
+load:
  sh>: ./load.sh
  _check: {sh>: test -s result.csv}
""",
    "_after": """\
+group:
  _parallel: true
  +a: {echo>: a}
  +b: {echo>: b}
  +c: {echo>: c, _after: [+a]}
""",
    "_background": """\
+slow: {sh>: ./slow.sh, _background: true}
+meanwhile: {echo>: meanwhile}
""",
    "_secrets": """\
+load:
  sh>: ./load.sh "${secret:db.password}"
  _secrets: {db: warehouse.db}
""",
    "_disable": """\
+later: {sh>: ./later.sh, _disable: true}
""",
    "_timeout": """\
+load: {sh>: ./load.sh, _timeout: 20m}
""",
    "rerun_on_crash": """\
+pay: {sh>: ./pay.sh, rerun_on_crash: never}
""",
    "_do": """\
+each:
  for_each>: {v: [1, 2]}
  _do: {echo>: "${v}"}
""",
    "_else_do": """\
+choose:
  if>: false
  _do: {echo>: yes it is}
  _else_do: {echo>: no it is not}
""",
    "_env": """\
+a:
  sh>: echo "$PLACE"
  _env: {PLACE: here}
""",
    "_type": """\
+a: {_type: echo, _command: hello}
""",
    "_command": """\
+a: {_type: echo, _command: hello}
""",
    "_start_timeout": """\
_start_timeout: 5m
+a: {echo>: hello}
""",
    "_run_timeout": """\
_run_timeout: {after: 2h 30m, run_error: true, error_timeout: 5m}
_error: {sh>: ./tell.sh}
+a: {sh>: ./load.sh}
""",
    "_cancel_timeout": """\
_cancel_timeout: 1m
+a: {sh>: ./load.sh}
""",
    "_queue_timeout": """\
_queue_timeout: 1h
+a: {echo>: hello}
""",
    "_max_resumes": """\
_max_resumes: 5
+a: {sh>: ./load.sh}
""",
    "_attempt_retry": """\
_attempt_retry: {limit: 2, on: [infra, limit], interval: 1m}
+a: {sh>: ./load.sh}
""",
    "_max_active": """\
_max_active: 1
+a: {sh>: ./load.sh}
""",
    "_pool": """\
_pool: nightly
+a: {sh>: ./load.sh}
""",
    "_priority": """\
_priority: 10
+a: {sh>: ./load.sh}
""",
}
"""A whole workflow file for each directive."""

_PLACES = {"root": "top of the file", "group": "groups", "operator": "tasks with an operator"}


def reference() -> str:
    """The part of the page that is written from the table."""
    return "\n".join(_section(directive) for directive in DIRECTIVES)


def page(before: str) -> str:
    """The whole page, with the reference put into what it was `before`."""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert begin
    assert end
    return head + begin + reference() + end + tail


def _section(directive: Directive) -> str:
    places = ", ".join(_PLACES[place] for place in directive.places)
    notes = []
    if directive.is_extension:
        notes.append("Not in digdag.")
    if directive.is_idle:
        notes.append("Without effect in this version; `digpy check` warns.")
    lines = [
        f"### `{directive.name}`",
        "",
        " ".join([directive.doc, *notes]),
        "",
        f"- takes: {directive.takes}",
        f"- stands on: {places}",
        "",
        f"```yaml\n{EXAMPLES[directive.name]}```",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
