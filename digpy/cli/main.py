"""The ``digpy`` command: finds the command that is meant, and says how it ended.

Commands are imported when they are asked for. Whatever goes wrong ends here, as a message on
standard error and an exit code; only what nobody expected is shown with its traceback.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

import digpy
from digpy.cli.options import Common, common_options, name_variables
from digpy.cli.streams import drop_what_comes
from digpy.errors import DigpyError, InternalError, NotFound, SourceError, Unavailable

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM."""

BUG = InternalError.exit_code
"""Exit code for what should not have happened."""


class _Entry(NamedTuple):
    module: str
    summary: str
    aliases: tuple[str, ...]


COMMANDS = {
    "init": _Entry("digpy.cli.init", "Make a new project with a workflow that runs.", ("new",)),
    "check": _Entry("digpy.cli.check", "Look for mistakes in workflows; run nothing.", ("c",)),
    "run": _Entry("digpy.cli.run", "Run a workflow here, or continue where it stopped.", ("r",)),
    "attempts": _Entry("digpy.cli.attempts", "List what was run, and how it ended.", ()),
    "attempt": _Entry("digpy.cli.attempt", "Show how one attempt stands.", ()),
    "tasks": _Entry("digpy.cli.tasks", "List the tasks of an attempt.", ("task",)),
    "log": _Entry("digpy.cli.log", "Show what an attempt printed.", ("logs",)),
    "events": _Entry("digpy.cli.events", "Tell what happened to an attempt.", ()),
    "notifications": _Entry("digpy.cli.notifications", "List what people were told.", ()),
    "kill": _Entry("digpy.cli.kill", "Stop an attempt.", ()),
    "limit": _Entry("digpy.cli.limit", "Change the limits of an attempt that runs.", ()),
    "scheduler": _Entry("digpy.cli.scheduler", "Run sessions whenever they are due.", ("sched",)),
    "schedules": _Entry("digpy.cli.schedules", "List which sessions are next.", ("schedule",)),
    "enable": _Entry("digpy.cli.enable", "Let a schedule start sessions again.", ()),
    "disable": _Entry("digpy.cli.disable", "Let a schedule start nothing for now.", ()),
    "reschedule": _Entry("digpy.cli.reschedule", "Skip sessions of a schedule.", ()),
    "backfill": _Entry("digpy.cli.backfill", "Run sessions of the past.", ()),
    "doctor": _Entry("digpy.cli.doctor", "Look for what is wrong here, and mend it.", ()),
}
"""Every command: the module that holds it as ``command``, and its line in the help."""

_ALIASES = {alias: name for name, entry in COMMANDS.items() for alias in entry.aliases}

_OF_DIGDAG = frozenset(
    {
        "archive", "delete", "download", "migrate", "project",
        "projects", "push", "retry",
        "secret", "secrets", "selfupdate", "server", "session", "sessions", "start", "upload",
        "version", "workflow", "workflows",
    }
)  # fmt: skip
"""Commands that people know from digdag."""

_SHORT_HELP = """\
Run digdag's .dig workflows: durable, supervised, without a JVM.

\b
A workflow is a file:                  # hello.dig
  timezone: UTC
  +prepare:
    sh>: echo "data of ${session_date}" > data.txt
  +report:
    sh>: cat data.txt

\b
Look for mistakes, run it, run it for another day:
  digpy check hello.dig
  digpy run hello.dig
  digpy run hello.dig --session 2024-03-05

When a run fails, repair the cause and give the same command again: what succeeded is not repeated.
"""

_EPILOG = """\
\b
Exit codes:
    0  success
    1  the workflow failed, or what was asked for cannot be done
    2  the command line is wrong
    3  a workflow, parameter or configuration file is wrong; nothing was started
   70  a bug in digpy
   74  the database or a file of digpy is damaged or out of reach
   75  this worker was replaced by another one
  130  canceled with Ctrl-C or SIGTERM

\b
Where to go next:
  digpy init my_project     a project to begin with
  digpy COMMAND --help      what a command does and its options
Each option can be an environment variable (DIGPY_RUN_PROJECT=dir); each setting, too
(agent.stop_grace: DIGPY_AGENT_STOP_GRACE=30s). Settings live in ~/.config/digpy/config.
"""


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name or alias, None if there is none."""
        from importlib import import_module

        entry = COMMANDS.get(_ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        command = import_module(entry.module).command
        assert isinstance(command, click.Command)  # noqa: S101 - what COMMANDS promises
        if not gc.isenabled():  # see `digpy.__main__`: from here on what comes is looked through
            gc.freeze()
            gc.enable()
        name_variables(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, by the name under which it is known; a hint for one that does not exist."""
        name = _ALIASES.get(args[0], args[0])
        command = self.get_command(ctx, name)
        if command is not None:
            if not ctx.resilient_parsing:  # a shell asks for completions
                _warn_of_variables(command)
            return name, command, args[1:]
        if not name.startswith("-"):
            raise click.UsageError(f'there is no command "{name}"{_hint(name)}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (", ".join((name, *entry.aliases)), entry.summary)
                    for name, entry in COMMANDS.items()
                ]
            )


@click.group(
    "digpy",
    cls=LazyGroup,
    help=_SHORT_HELP,
    epilog=_EPILOG,
    no_args_is_help=False,
    invoke_without_command=True,
    options_metavar="[OPTIONS]",
    context_settings={
        "max_content_width": 100,
        "help_option_names": ["--help"],
    },
)
@click.option("--version", is_flag=True, expose_value=False, help="Print the version and exit.")
@common_options
@click.pass_context
def group(context: click.Context) -> None:
    """``digpy`` alone is a question, so it is answered with the help."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _warn_of_variables(command: click.Command) -> None:
    if any(name.startswith("DIGPY_") for name in os.environ):
        from digpy.cli.variables import unknown_variables  # on use: most runs have none

        for warning in unknown_variables(os.environ, command, COMMANDS):
            click.echo(f"warning: {warning}", err=True)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    if "_DIGPY_COMPLETE" in os.environ:  # a shell asks for completions
        group.main(list(arguments), "digpy")
    try:
        code = _invoke(["--help" if word == "-help" else word for word in arguments])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this, the flush at exit would complain.
        drop_what_comes(1)
        return 1
    except Unavailable as error:  # the end of the output cannot be written
        return _failed(error, Common())
    return code


def _invoke(arguments: list[str]) -> int:  # noqa: PLR0911 - one for each way to end
    # Anywhere on the line, as with digdag, and before anything could be wrong with the rest.
    if "--version" in arguments:
        click.echo(digpy.__version__)
        return 0
    common = Common()
    try:
        with group.make_context("digpy", arguments) as context:
            try:
                code = group.invoke(context)
            finally:
                common = context.meta.get("digpy.cli.common", common)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return _wrong_usage(error)
    except DigpyError as error:
        return _failed(error, common)
    except (KeyboardInterrupt, click.Abort):
        click.echo("error: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the top: nothing ends without a message and a code
        return _unforeseen(error, common)
    return code if isinstance(code, int) else 0


def _unforeseen(error: Exception, common: Common) -> int:
    if isinstance(error, FileNotFoundError) and not _is_somewhere():
        return _failed(_nowhere(), common)
    if isinstance(error, OSError):
        from digpy.access import out_of_reach

        if (unavailable := out_of_reach(error)) is not None:
            return _failed(unavailable, common)
    return _bug()


def _wrong_usage(error: click.ClickException) -> int:
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption):
        message = f"there is no option {error.option_name}"
        if error.possibilities:
            message += f"; did you mean {' or '.join(sorted(error.possibilities))}?"
    elif isinstance(error, click.MissingParameter) and error.param is not None:
        message = f"{_parameter(error.param)} is missing"
    elif isinstance(error, click.BadParameter) and error.param is not None:
        wrong = error.message.replace("a valid integer range.", "a whole number")
        message = f"{_parameter(error.param)}: {wrong}"
    else:
        message = message[:1].lower() + message[1:].rstrip(".")
    click.echo(f"error: {message}", err=True)
    if context is not None:
        click.echo(context.get_usage(), err=True)
        click.echo(f"    help: {context.command_path} --help shows what is possible", err=True)
    return 2


def _parameter(parameter: click.Parameter) -> str:
    """As the help shows it: ``-t, --session``, ``ATTEMPT-ID``."""
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or parameter.name or "").strip("[]")
    return ", ".join(parameter.opts)


def _failed(error: DigpyError, common: Common) -> int:
    if isinstance(error, InternalError):
        return _bug()
    if common.level in ("debug", "trace"):
        import traceback

        traceback.print_exc()
    if isinstance(error, SourceError):
        from digpy.cli.problems import report

        click.echo(report(error.problems), err=True)
    else:
        click.echo(f"error: {error}", err=True)
    return error.exit_code


def _is_somewhere() -> bool:
    """Whether there is a current directory; without one no path can be understood."""
    try:
        os.getcwd()  # noqa: PTH109 - only whether it can be found
    except FileNotFoundError:
        return False
    return True


def _nowhere() -> NotFound:
    return NotFound(
        "the current directory was removed\n    help: cd to a directory that exists, and try again"
    )


def _bug() -> int:
    import platform
    import traceback

    traceback.print_exc()
    click.echo(
        f"\nerror: this is a bug in digpy. Please report it with the text above.\n"
        f"    digpy {digpy.__version__}, Python {platform.python_version()}, {platform.platform()}",
        err=True,
    )
    return BUG


def _hint(name: str) -> str:
    import difflib

    if name in _OF_DIGDAG:
        return "; digdag has it, digpy does not have it yet"
    close = difflib.get_close_matches(name, [*COMMANDS, *_OF_DIGDAG], 1)
    if close and close[0] in COMMANDS:
        return f'; did you mean "{close[0]}"?'
    if name.endswith(".dig"):
        return f"; did you mean digpy run {name}?"
    return ""
