"""``digpy check``: every mistake that can be found without running anything, and what there is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from digpy.cli.check_report import Checked, as_json, report_lines
from digpy.cli.options import common, common_options, only_params_file, option, project_options
from digpy.cli.parameters import start_parameters
from digpy.cli.problems import report
from digpy.cli.steps import Step
from digpy.clock import SystemClock
from digpy.dsl.include import read_file
from digpy.dsl.model import Workflow
from digpy.dsl.nodes import MappingNode, templates, value_span
from digpy.dsl.project import load_project, workflow_files
from digpy.errors import NotFound, SourceError, UsageError
from digpy.source import Problem, sort_problems

_WRONG = SourceError.exit_code


@click.command("check", short_help="Look for mistakes in workflows; run nothing.")
@click.argument("workflow", metavar="[WORKFLOW.dig]", required=False)
@project_options
@option("--json", "as_json_", is_flag=True, help="Answer with one JSON object, problems included.")
@option("--tree", is_flag=True, help="Show the tasks, generated ones included, as a tree.")
@option(
    "--graph",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the tasks: FILE.svg, FILE.png or FILE.dot. Needs digpy[graph].",
)
@option(
    "--digdag",
    is_flag=True,
    help="Also say what digdag would not understand; that counts as wrong.",
)
@common_options
def command(  # noqa: PLR0913, PLR0917 - one for each option
    workflow: str | None,
    project: Path,
    params: tuple[str, ...],
    params_files: tuple[Path, ...],
    as_json_: bool,
    tree: bool,
    graph: Path | None,
    digdag: bool,
) -> int:
    """Read every workflow of the project, say what is wrong, and list what there is.

    Finds mistakes of YAML and of the language, expressions that are no JavaScript, operators that
    do not exist, and settings that have no effect. With WORKFLOW, lists only that one; a broken
    file beside it is still an error, because it would stop a run as well.

    Ends with 0 if nothing is wrong (warnings are not), with 3 if something is.
    """
    settings = common().settings()
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not project.is_dir():
        raise UsageError(f'there is no directory "{project}" (--project)')
    if as_json_ and tree:
        raise UsageError("--json and --tree are two forms of the same answer; choose one")
    parameters = start_parameters(settings, only_params_file(params_files), params)
    found = _find(project.resolve(), workflow, digdag=digdag)
    if found.problems and not as_json_:
        click.echo(report(found.problems), err=True)
    now = SystemClock().now()
    if as_json_:
        problems = found.problems
        click.echo(json.dumps(as_json(found.checked, parameters, problems, now), indent=2))
    if found.is_wrong:
        return _WRONG
    if graph is not None:
        from digpy.cli.graph import draw

        draw(found.steps(), graph)
    if tree:
        from digpy.cli.tree_view import show_trees

        show_trees(found.steps())
    elif not as_json_:
        click.echo("\n".join(report_lines(found.checked, parameters, now)))
    return 0


class _Found(NamedTuple):
    checked: list[Checked]
    problems: list[Problem]

    @property
    def is_wrong(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def steps(self) -> list[Step]:
        return [item.steps() for item in self.checked]


def _find(root: Path, wanted: str | None, *, digdag: bool) -> _Found:
    from digpy.operators import registry

    try:
        project = load_project(root, known_operators=registry.known())
    except SourceError as error:
        return _Found([], sort_problems([*error.problems, *_problems_besides(root)]))
    workflows = project.workflows
    problems = list(project.warnings)
    if wanted is not None:
        workflow = _named(workflows, wanted, root)
        others = {f"{name}.dig" for name in workflows} - {f"{workflow.name}.dig"}
        problems = [p for p in problems if p.span is None or p.span.source.name not in others]
        workflows = {workflow.name: workflow}
    checked = []
    for workflow in workflows.values():
        file_name = f"{workflow.name}.dig"
        node = read_file(root / file_name, root, file_name)
        problems += _template_problems(node)
        problems += _plugin_problems(workflow)
        if digdag:
            from digpy.dsl.portability import portability_problems

            problems += portability_problems(node)
        checked.append(Checked(workflow, node))
    return _Found(checked, sort_problems(problems))


def _problems_besides(root: Path) -> Iterator[Problem]:
    """Wrong expressions of every file that can be read, although something cannot be compiled."""
    for file_name in workflow_files(root):
        try:
            node = read_file(root / file_name, root, file_name)
        except SourceError:
            continue  # its problems are known
        yield from _template_problems(node)


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


def _template_problems(node: MappingNode) -> Iterator[Problem]:
    from digpy.expr.template import problems

    for template, span in templates(node):
        if span is not None:
            yield from problems(template, span)


def _plugin_problems(workflow: Workflow) -> Iterator[Problem]:
    from digpy.operators.registry import plugin_problems

    for task in workflow.definitions.tasks:
        span = value_span(task.export.get("plugin"), "dependencies")
        for message in plugin_problems(task.export):
            yield Problem(message, span)
