"""``digpy tasks``: the tasks of an attempt, how each stands and what it left."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.options import common_options
from digpy.cli.records import json_text, optional_time, record
from digpy.cli.stored import attempt_options, chosen, installation, json_option, opened
from digpy.control.resources import load_task_tree, task_as_json
from digpy.engine.tree import Task, TaskTree
from digpy.values import to_json


@click.command("tasks", short_help="List the tasks of an attempt.")
@attempt_options
@json_option
@common_options
def command(
    attempt: int | None, last: bool, project: Path, save: Path | None, as_json: bool
) -> int:
    """List the tasks of an attempt, with what each was, left and waits for, and why it failed."""
    with opened(installation(project, save)) as database:
        wanted = chosen(database, attempt, last=last)
        with database.reading() as tx:
            tree = load_task_tree(tx, wanted)
    tasks = [tree[number] for number in sorted(tree.tasks)]
    if as_json:
        found = {"tasks": [task_as_json(tree, task) for task in tasks]}
        click.echo(json_text(found))
        return 0
    for task in tasks:
        click.echo("\n".join(record(_fields(tree, task), indent=3)))
    click.echo(f"{len(tasks)} entries.")
    return 0


def _fields(tree: TaskTree, task: Task) -> dict[str, object]:
    """What digdag shows of a task, and how it came to be so."""
    shape = task_as_json(tree, task)
    error = shape["error"]
    fields: dict[str, object] = {
        "id": task.number,
        "name": task.full_name,
        "state": task.state,
        "started": optional_time(task.started_at),
        "updated": optional_time(task.ended_at or task.started_at),
        "config": to_json(shape["config"]),
        "parent": "null" if task.parent is None else task.parent,
        "upstreams": list(task.upstreams),
        "export params": to_json(shape["exportParams"]),
        "store params": to_json(shape["storeParams"]),
        "state params": to_json(shape["stateParams"]),
        "how": task.how,
        "claims": task.fence,
        "retries": task.retries,
    }
    if task.losses:
        fields["losses"] = task.losses
    if task.retry_at is not None:
        fields["waits until"] = optional_time(task.retry_at)
    if task.awaits is not None:
        fields["waits for attempt"] = task.awaits
    if isinstance(error, dict) and error:
        fields["error"] = error.get("message")
    return fields
