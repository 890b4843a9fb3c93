"""``digpy check``: every mistake that can be found without running anything, and what there is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from digpy.cli.options import common, common_options, only_params_file, option, project_options
from digpy.cli.parameters import start_parameters
from digpy.cli.problems import report
from digpy.control.yaml_text import yaml_lines
from digpy.dsl.include import FileReader
from digpy.dsl.model import Workflow
from digpy.dsl.nodes import templates
from digpy.dsl.project import load_project
from digpy.dsl.reader import read_text
from digpy.errors import NotFound, SourceError, UsageError
from digpy.source import Problem, sort_problems
from digpy.values import Json, Params

_WRONG = SourceError.exit_code


@click.command("check", short_help="Look for mistakes in workflows; run nothing.")
@click.argument("workflow", metavar="[WORKFLOW.dig]", required=False)
@project_options
@option("--json", "as_json", is_flag=True, help="Answer with one JSON object, problems included.")
@common_options
def command(
    workflow: str | None,
    project: Path,
    params: tuple[str, ...],
    params_files: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Read every workflow of the project, say what is wrong, and list what there is.

    Finds mistakes of YAML and of the language, expressions that are no JavaScript, operators that
    do not exist, and settings that have no effect. With WORKFLOW, lists only that one; a broken
    file beside it is still an error, because it would stop a run as well. Schedules are shown as
    they are written; their times are not computed.

    Ends with 0 if nothing is wrong (warnings are not), with 3 if something is.
    """
    settings = common().settings()
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not project.is_dir():
        raise UsageError(f'there is no directory "{project}" (--project)')
    parameters = start_parameters(settings, only_params_file(params_files), params)
    found = _find(project.resolve(), workflow)
    if as_json:
        click.echo(json.dumps(_as_json(found, parameters), ensure_ascii=False, indent=2))
    else:
        if not found.is_wrong:
            click.echo("\n".join(_report(found.workflows, parameters)))
        if found.problems:
            click.echo(report(found.problems), err=True)
    return _WRONG if found.is_wrong else 0


class _Found(NamedTuple):
    workflows: list[Workflow]
    problems: list[Problem]

    @property
    def is_wrong(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def _find(root: Path, wanted: str | None) -> _Found:
    from digpy.operators import registry

    try:
        project = load_project(root, known_operators=registry.known())
    except SourceError as error:
        return _Found([], sort_problems(error.problems))
    workflows = project.workflows
    problems = list(project.warnings)
    if wanted is not None:
        workflow = _named(workflows, wanted, root)
        others = {f"{name}.dig" for name in workflows} - {f"{workflow.name}.dig"}
        problems = [p for p in problems if p.span is None or p.span.source.name not in others]
        workflows = {workflow.name: workflow}
    for workflow in workflows.values():
        problems += _template_problems(root, workflow.name)
        problems += _plugin_problems(workflow)
    return _Found(list(workflows.values()), sort_problems(problems))


def _named(workflows: dict[str, Workflow], wanted: str, root: Path) -> Workflow:
    name = os.path.normpath(wanted).removesuffix(".dig")
    if Path(name).is_absolute() and Path(name).is_relative_to(root):
        name = str(Path(name).relative_to(root))
    if name in workflows:
        return workflows[name]
    from digpy.dsl.suggest import did_you_mean

    there_are = ", ".join(f"{known}.dig" for known in workflows) or "none"
    hint = did_you_mean(name, workflows) or f"there are: {there_are}"
    raise NotFound(f'there is no workflow "{name}" in {root}\n    help: {hint}')


def _template_problems(root: Path, name: str) -> Iterator[Problem]:
    from digpy.expr.template import problems

    files = FileReader(root)
    file_name = f"{name}.dig"
    node = read_text(files.source(root / file_name, file_name), load=files.load)
    for template, span in templates(node):
        if span is not None:
            yield from problems(template, span)


def _plugin_problems(workflow: Workflow) -> Iterator[Problem]:
    from digpy.operators.registry import plugin_problems

    for task in workflow.definitions.tasks:
        for message in plugin_problems(task.export):
            yield Problem(f"{workflow.name}.dig: {message}")


def _report(workflows: list[Workflow], parameters: Params) -> Iterator[str]:
    """The report in digdag's layout, a line at a time."""
    yield f"  System default timezone: {_system_timezone()}"
    yield ""
    yield f"  Definitions ({len(workflows)} workflows):"
    for workflow in workflows:
        yield f"    {workflow.name} ({workflow.definitions.static_count(0)} tasks)"
        yield from (f"      -> {target}" for target in _required(workflow))
    yield ""
    yield "  Parameters:"
    yield from (f"    {line}" for line in yaml_lines(parameters))
    yield ""
    scheduled = [workflow for workflow in workflows if workflow.schedule is not None]
    yield f"  Schedules ({len(scheduled)} entries):"
    for workflow in scheduled:
        yield f"    {workflow.name}:"
        yield from (f"      {line}" for line in yaml_lines(workflow.schedule))
    yield ""


def _required(workflow: Workflow) -> list[str]:
    """The workflows that ``require>`` names, as written, each once."""
    targets: dict[str, None] = {}
    for task in workflow.definitions.tasks:
        target = task.config.get("require>")
        if task.config.get("_type") == "require":
            target = task.config.get("_command")
        if isinstance(target, str):
            targets[target] = None
    return list(targets)


def _as_json(found: _Found, parameters: Params) -> Params:
    return {
        "timezone": _system_timezone(),
        "workflows": [_workflow_as_json(workflow) for workflow in found.workflows],
        "parameters": parameters,
        "problems": [_problem_as_json(problem) for problem in found.problems],
    }


def _workflow_as_json(workflow: Workflow) -> Params:
    requires: list[Json] = [*_required(workflow)]
    return {
        "name": workflow.name,
        "timezone": workflow.timezone,
        "tasks": workflow.definitions.static_count(0),
        "requires": requires,
        "schedule": workflow.schedule,
    }


def _problem_as_json(problem: Problem) -> Params:
    span = problem.span
    return {
        "severity": problem.severity,
        "message": problem.message,
        "reason": problem.reason,
        "help": problem.help,
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
    }


def _system_timezone() -> str:
    zone = os.environ.get("TZ", "").removeprefix(":")
    if zone:
        return zone
    _, found, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    return name if found else time.tzname[0]
