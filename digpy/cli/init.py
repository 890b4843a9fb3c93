"""``digpy init``: a directory with a workflow that runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from digpy.cli.options import common_options, option
from digpy.errors import Conflict, UsageError

_GITIGNORE = """\
.digpy/
.digdag/
__pycache__/
*.pyc
"""

_ECHO = """\
timezone: UTC

+setup:
  echo>: start ${session_time}

+disp_current_date:
  echo>: ${moment(session_time).utc().format('YYYY-MM-DD HH:mm:ss Z')}

+repeat:
  for_each>:
    order: [first, second, third]
    animal: [dog, cat]
  _do:
    echo>: ${order} ${animal}
  _parallel: true

+teardown:
  echo>: finish ${session_time}
"""

_SH = """\
timezone: UTC

+setup:
  sh>: echo "start ${session_time}"

+report:
  sh>: scripts/report.sh "${session_date}"

+teardown:
  sh>: echo "finish ${session_time}"
"""

_REPORT_SH = """\
#!/bin/sh
# Called by the workflow with the date of the session; what it prints is the task's log.
set -eu

echo "report for $1"
"""

_PYTHON = """\
timezone: UTC

+setup:
  echo>: start ${session_time}

+count:
  py>: scripts.words.count
  text: the quick brown fox jumps over the lazy dog

+show:
  echo>: ${words} words, the longest is ${longest}

+teardown:
  echo>: finish ${session_time}
"""

_WORDS_PY = '''\
"""Called by the workflow: arguments are parameters of the task."""

import digdag


def count(text):
    words = text.split()
    # What is stored here, the tasks that follow can use as ${words} and ${longest}.
    digdag.env.store({"words": len(words), "longest": max(words, key=len)})
'''

_TEMPLATES: dict[str, tuple[str, dict[str, str]]] = {
    "echo": (_ECHO, {}),
    "sh": (_SH, {"scripts/report.sh": _REPORT_SH}),
    "python": (_PYTHON, {"scripts/__init__.py": "", "scripts/words.py": _WORDS_PY}),
}
"""Kind of example: the workflow, and further files."""

_NOT_YET = ("ruby", "td", "postgresql")


@click.command(
    "init",
    short_help="Make a new project with a workflow that runs.",
    epilog="\b\nExample:\n  digpy init my_project\n  cd my_project\n  digpy run my_project.dig",
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@option(
    "-t",
    "--type",
    "kind",
    type=click.Choice([*_TEMPLATES, *_NOT_YET]),
    default="echo",
    show_default=True,
    help="What the example shows.",
)
@common_options
def command(directory: Path, kind: str) -> int:
    """Make DIR (which may be . or exist) a project with a workflow that runs.

    The workflow is called as the directory. An existing workflow or .gitignore is left as it is.
    """
    if kind in _NOT_YET:
        raise UsageError(
            f"the example {kind} is not available yet\n    help: choose {', '.join(_TEMPLATES)}"
        )
    name = directory.resolve().name
    from digpy.dsl.names import check_workflow_name

    problems = check_workflow_name(name, f"{name}.dig", is_root=True)
    refused = problems[0].message if problems else None
    if name.startswith("-"):  # legal in a file's name, but each command would take it for an option
        refused = f'the workflow name "{name}" begins with "-"'
    if refused:
        raise UsageError(
            f"the workflow is called as its directory: {refused}\n"
            "    help: begin with a letter; letters, digits and _ are always fine"
        )
    workflow, files = _TEMPLATES[kind]
    file = directory / f"{name}.dig"
    try:
        if file.exists():
            click.echo(f"File {file} already exists.")
            return 0
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in {file.name: workflow, **files, ".gitignore": _GITIGNORE}.items():
            _create(directory / path, text)
    except OSError as error:
        raise Conflict(f"{error.filename} cannot be made: {error.strerror}") from error
    path = shlex.quote(f"./{directory}" if str(directory).startswith("-") else str(directory))
    here = "" if directory.resolve() == Path.cwd() else f"`cd {path}` and then "
    click.echo(f"Done. Type {here}`digpy run {name}.dig` to run the workflow. Enjoy!")
    return 0


def _create(path: Path, text: str) -> None:
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    click.echo(f"  Creating {path}")
    if path.suffix == ".sh":
        path.chmod(0o755)
