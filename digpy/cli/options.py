"""Options: those of every command, those of commands that read a project, and those of ``run``.

Names follow digdag's. Every option can also be given as an environment variable, which the help
shows; the command line wins. Contradictions are found here, so that a command starts with what
makes sense.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from digpy import config
from digpy.config import Settings, duration
from digpy.errors import ConfigError, UsageError
from digpy.expr.javascript import choose_engine
from digpy.log import LEVELS, Level, Log

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_COMMON = "digpy.cli.common"


class Common(NamedTuple):
    """What was given with the options of every command; they may stand before or after its name.

    Attributes:
        log: file for digpy's own lines, None: standard error.
        level: the least important level that is shown.
        overrides: the ``KEY=VALUE`` of every ``-X``, in order.
        config: configuration file that replaces the default ones.
    """

    log: Path | None = None
    level: Level = "info"
    overrides: tuple[str, ...] = ()
    config: Path | None = None

    def settings(self) -> Settings:
        """Read the settings, and choose the engine for ``${...}``. Raises `ConfigError`."""
        settings = config.load(os.environ, self.config, self.overrides)
        engine = "eval.js-engine-type"
        choose_engine(settings.text(engine), settings.origin(engine))
        return settings

    def words(self) -> list[str]:
        """The words of a command line that lead to the same settings, but for `secrets`."""
        words = [] if self.config is None else ["-c", str(self.config)]
        for pair in self.overrides:
            if not config.is_secret(_key(pair)):
                words += ["-X", pair]
        return words

    def secrets(self) -> list[str]:
        """The keys that were set with ``-X`` to what must not be shown."""
        keys = map(_key, self.overrides)
        return list(dict.fromkeys(key for key in keys if config.is_secret(key)))

    def open_log(self) -> Log:
        """Open the log. Raises `UsageError` where its file cannot be written."""
        try:
            return Log(self.level, self.log)
        except OSError as error:
            raise UsageError(f"the log {self.log} cannot be written: {error.strerror}") from None


def _key(pair: str) -> str:
    return pair.partition("=")[0].strip()


def common() -> Common:
    """What was given with the common options of the running command."""
    context = click.get_current_context(silent=True)
    found = Common() if context is None else context.meta.get(_COMMON, Common())
    assert isinstance(found, Common)  # noqa: S101 - only this module writes it
    return found


def key_value(text: str) -> str:
    """Check ``KEY=VALUE``; the value is everything behind the first ``=``, commas and all."""
    if "=" not in text:
        raise click.BadParameter(f'"{text}" has no "="; write KEY=VALUE')
    return text


_KEY_VALUE = click.types.FuncParamType(key_value)
_KEY_VALUE.envvar_list_splitter = "\n"  # type: ignore[misc] # one a line: values contain blanks


def length_of_time(text: str) -> int:
    """Microseconds of ``1h 30m`` or of whole seconds; 0 is off, because None is "not given"."""
    try:
        return duration(text, "the limit") or 0
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None


def length_of_some_time(text: str) -> int:
    """Microseconds as of `length_of_time`, of what cannot be switched off."""
    return length_of_time(text) or _refuse_off(text)


def _refuse_off(text: str) -> int:
    raise click.BadParameter(
        f'"{text}" would switch the limit off; an attempt must be able to end, so 1s is the least'
    )


def option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.option` whose help shows the environment variable."""
    return click.option(*names, show_envvar=True, **attributes)


def name_variables(command: click.Command) -> None:
    """Name the variable of each option after command and option, as people write them.

    ``DIGPY_RUN_PARAM`` is ``--param`` of ``run``; click would name it after our argument.
    """
    for declared in command.params:
        if isinstance(declared, click.Option) and declared.envvar is None and not declared.hidden:
            word = next(name for name in declared.opts if name.startswith("--"))
            declared.envvar = config.variable(f"{command.name}.{word[2:]}")


def common_options(command: Decorated) -> Decorated:
    """Give a command the options that every command has; read them with `common`."""
    for declare in reversed(_COMMON_OPTIONS):
        command = declare(command)
    return command


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or value == ():
        return
    found = context.meta.get(_COMMON, Common())
    name = parameter.name or ""
    is_variable = context.get_parameter_source(name) is ParameterSource.ENVIRONMENT
    if name == "overrides" and is_variable:
        # Read before and after the name of the command; what is written out wins over it.
        known = found.overrides[: len(value)] == value
        value = found.overrides if known else (*value, *found.overrides)
    elif name == "overrides":
        value = (*found.overrides, *value)
    elif value == Path("-"):
        value = None
    context.meta[_COMMON] = found._replace(**{name: value})


def _common(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return option(*names, expose_value=False, callback=_keep, **attributes)


_COMMON_OPTIONS: Sequence[Callable[[Any], Any]] = (
    _common(
        "-c",
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        envvar="DIGPY_CONFIG",
        help="Configuration file (Java properties); replaces the default ones.",
    ),
    _common(
        "-X",
        "overrides",
        type=_KEY_VALUE,
        multiple=True,
        metavar="KEY=VALUE",
        envvar="DIGPY_X",
        help="Set one configuration key, over any file. May be given several times.",
    ),
    _common(
        "-L",
        "--log",
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        metavar="FILE",
        envvar="DIGPY_LOG",
        help="Write digpy's own lines to FILE, not to standard error (-).",
    ),
    _common(
        "-l",
        "--log-level",
        "level",
        type=click.Choice(LEVELS),
        envvar="DIGPY_LOG_LEVEL",
        help="How much digpy says; info by default. With debug, errors come with a stack trace.",
    ),
)


def project_options(command: Decorated) -> Decorated:
    """Give a command ``--project``, ``-p`` and ``-P``."""
    for declare in reversed(_PROJECT_OPTIONS):
        command = declare(command)
    return command


_PROJECT_OPTIONS: Sequence[Callable[[Any], Any]] = (
    option(
        "--project",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        metavar="DIR",
        help="Directory of the project: where .dig files are and where tasks run. Default: here.",
    ),
    option(
        "-p",
        "--param",
        "params",
        type=_KEY_VALUE,
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a parameter, over --params-file. A dot nests: -p a.b=1. May be given several "
        "times (in the variable: one a line).",
    ),
    option(
        "-P",
        "--params-file",
        "params_files",
        type=click.Path(dir_okay=False, path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Read parameters from a YAML or JSON file.",
    ),
)


class RunOptions(NamedTuple):
    """What ``digpy run`` was asked for; contradictions are gone.

    Attributes:
        workflow: ``name.dig``, a path, or a name; as written. task: pattern of the only subtree to
        run, None: all. project: root of the project, as written. params: the ``KEY=VALUE`` of every
        ``-p``; params_file: of ``-P``. `digpy.cli.parameters` merges them. rerun: ignore what
        earlier runs finished. start, goal, end: patterns, as written. save: state directory, None:
        ``.digpy`` in the project. no_save: keep the state in a directory that is removed at the
        end. session: ``last`` and so on, or a time; see `digpy.control.session_times`.
        max_task_threads: None: as configured. limits: supervision limits given for this attempt
        only, by the name of their setting (``run_timeout`` ...); durations in microseconds, None:
        switched off. What was not given is missing. show_params: of every task, or, if it is a
        pattern, of that task, with where each of them comes from.
    """

    workflow: str
    task: str | None
    project: Path
    params: tuple[str, ...]
    params_file: Path | None
    rerun: bool
    start: str | None
    goal: str | None
    end: str | None
    save: Path | None
    no_save: bool
    dry_run: bool
    show_params: bool | str
    session: str
    max_task_threads: int | None
    limits: dict[str, int | None]

    def words_to_continue(self) -> list[str]:
        """The words, besides the session, with which the same run is continued.

        Not among them: what runs tasks again that have succeeded, and what is the same by itself
        or may differ.
        """
        goal = [] if self.goal is None else ["--goal", self.goal]
        return [*self.words_to_repeat(), *goal]

    def words_to_repeat(self) -> list[str]:
        """The words, besides session and ``--rerun``, with which all of it is run again."""
        workflow = self.workflow
        words = [f"./{workflow}" if workflow.startswith("-") else workflow]
        if self.task is not None:
            words.append(self.task)
        if self.project != Path():
            words += ["--project", str(self.project)]
        for name, value in (("--save", self.save), ("-P", self.params_file)):
            if value is not None:
                words += [name, str(value)]
        for pair in self.params:
            words += ["-p", pair]
        if self.end is not None:
            words += ["--end", self.end]
        return words


def run_options(run: Callable[[RunOptions], int]) -> Callable[..., int]:
    """Give a command the arguments and options of ``run``; it is called with one `RunOptions`."""

    @functools.wraps(run)
    def command(**given: Any) -> int:
        return run(_run_options(given))

    decorated: Any = command
    for declare in reversed(_RUN_OPTIONS):
        decorated = declare(decorated)
    return decorated  # type: ignore[no-any-return] # click's decorators return what they were given


class RunCommand(click.Command):
    """``run``, whose ``--show-params`` takes a value only if one that begins with ``+`` follows."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Find the value: click would take any word that follows, the workflow for one."""
        words: list[str] = []
        for word in args:
            if words[-1:] == [_SHOW] and word.startswith("+"):
                words += [_SHOW_OF, word]
            elif word.startswith(f"{_SHOW}=+"):
                words += [_SHOW, _SHOW_OF, word.removeprefix(f"{_SHOW}=")]
            else:
                words.append(word)
        return super().parse_args(context, words)


_SHOW, _SHOW_OF = "--show-params", "--show-params-of"


def only_params_file(files: Sequence[Path]) -> Path | None:
    """The one ``-P``. Raises `UsageError` for a second one, as digdag does."""
    if len(files) > 1:
        raise UsageError("-P, --params-file can be given only once; merge the files, or use -p")
    return files[0] if files else None


_TIMEOUTS = ("run_timeout", "start_timeout", "cancel_timeout")


def _run_options(given: dict[str, Any]) -> RunOptions:
    for first, second in (
        ("start", "goal"),
        ("goal", "end"),
        ("rerun", "start"),
        ("rerun", "goal"),
    ):
        if given[first] and given[second]:
            raise UsageError(
                f"{_SPELLING[first]} and {_SPELLING[second]} contradict each other\n"
                "    help: digpy run --help explains what each one runs"
            )
    if given["no_save"] and given["save"]:
        raise UsageError(
            "--no-save and -o, --save contradict each other\n"
            "    help: --save DIR keeps the state in DIR, --no-save keeps none"
        )
    if given.pop("timezone"):
        click.echo("warning: --timezone has no effect; write timezone: into the file", err=True)
    if given.pop("task_log"):
        raise UsageError(
            "-O, --task-log is an option of digdag that digpy does not have yet\n"
            "    help: the log of each task is kept in .digpy/logs, and the summary names it"
        )
    limits: dict[str, int | None] = {
        name: given[name] or None for name in _TIMEOUTS if given[name] is not None
    }
    if given["max_resumes"] is not None:
        limits["max_resumes"] = given["max_resumes"]
    for name in (*_TIMEOUTS, "max_resumes"):
        del given[name]
    params_file = only_params_file(given.pop("params_files"))
    given["show_params"] = given.pop("show_params_of") or given["show_params"]
    return RunOptions(**given, params_file=params_file, limits=limits)


_SPELLING = {
    "start": "-s, --start",
    "goal": "-g, --goal",
    "end": "-e, --end",
    "rerun": "-a, --rerun",
}

_RUN_OPTIONS: Sequence[Callable[[Any], Any]] = (
    click.argument("workflow", metavar="WORKFLOW.dig"),
    click.argument("task", metavar="[+TASK]", required=False),
    project_options,
    option(
        "-t",
        "--session",
        "--session-time",
        "session",
        metavar="TIME",
        default="last",
        show_default=True,
        help="Session time: last (the newest one there is, else as schedule, else today), schedule "
        "(the one before now), daily or today (midnight), hourly, now, or "
        '"yyyy-MM-dd[ HH:mm:ss]", in the time zone of the workflow.',
    ),
    option(
        "-a",
        "--rerun",
        "--all",
        "rerun",
        is_flag=True,
        help="Run everything, also what earlier runs of the session finished.",
    ),
    option(
        "-s",
        "--start",
        metavar="+NAME",
        help="Run +NAME and everything after it again; what finished before it is taken over.",
    ),
    option(
        "-g",
        "--goal",
        metavar="+NAME",
        help="Run +NAME and its children again, and nothing after it.",
    ),
    option(
        "-e",
        "--end",
        metavar="+NAME",
        help="Stop before +NAME: it and everything after it is skipped.",
    ),
    option(
        "-o",
        "--save",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep state, logs and history in DIR, seen from the project.  [default: .digpy]",
    ),
    option(
        "--no-save",
        is_flag=True,
        help="Keep nothing: state lives in a temporary directory. The run cannot be continued.",
    ),
    option(
        "-d",
        "--dry-run",
        is_flag=True,
        help="Evaluate everything but run no operator, and leave no trace.",
    ),
    option(
        "-E",
        _SHOW,
        is_flag=True,
        help="Show the parameters of each task before it runs. -dE: without running it. "
        "--show-params +NAME: of that task only, with where each of them comes from.",
    ),
    click.option(_SHOW_OF, hidden=True),
    option(
        "--max-task-threads",
        type=click.IntRange(min=0),
        metavar="N",
        help="How many programs may run at once; 0: eight for each processor, at least 32.",
    ),
    option(
        "--run-timeout",
        type=length_of_time,
        metavar="DURATION",
        help="Stop the attempt after this time: 2h, 1h 30m, 90 (seconds). 0: no limit. Wins over "
        "_run_timeout in the file and supervisor.run_timeout.",
    ),
    option(
        "--start-timeout",
        type=length_of_time,
        metavar="DURATION",
        help="Give up when the attempt's worker has not reported for this long.",
    ),
    option(
        "--cancel-timeout",
        type=length_of_some_time,
        metavar="DURATION",
        help="After a cancel, wait this long for tasks to stop, then end them by force.",
    ),
    option(
        "--max-resumes",
        type=click.IntRange(min=0),
        metavar="N",
        help="How often in a row a lost worker is replaced before the attempt fails.",
    ),
    click.option("--timezone", hidden=True),
    click.option("-O", "--task-log", hidden=True),
)
