"""Settings: defaults < files < environment < command line, each value with the place it came from.

Owns the places that are read and the table of known keys; the format is `digpy.properties`.
What a setting *does* is the business of whoever asks for it. Importing this module reads nothing.

Order, weakest first: the default of the key; digdag's configuration file; digpy's own;
``DIGDAG_CONFIG`` (whole properties text); ``DIGPY_<KEY>`` variables; the file given with ``-c``
(which replaces both default files); ``-X key=value``. Follows digdag 0.10.5, except that there
``-c`` beats ``-X``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from digpy.durations import LONGEST, length
from digpy.errors import ConfigError
from digpy.values import SECOND, Params


class Secret(str):
    """Text that must not appear in messages by accident: its ``repr`` is ``***``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class Key(NamedTuple):
    """A setting that digpy knows; `default` is written as a person would, "" means none.

    `minimum` bounds integers, and durations (in microseconds, which then cannot be switched off).
    """

    name: str
    type: Literal["integer", "duration", "flag", "choice", "text"]
    default: str
    doc: str
    choices: tuple[str, ...] = ()
    minimum: int = 0


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("executor.task_max_run", "integer", "1000", "tasks that one attempt may have", (), 1),
        Key("executor.attempt_max_run", "integer", "100", "attempts unfinished at once", (), 1),
        Key("executor.attempt_ttl", "duration", "7d", "time from an attempt's creation to its end"),
        Key(
            "executor.task_ttl",
            "duration",
            "1d",
            "time from a task's first start to its end, retries and polls included",
        ),
        Key(
            "executor.task_max_losses",
            "integer",
            "3",
            "runs of a task that may be lost in a row before the task fails",
            (),
            1,
        ),
        Key(
            "queue.max_active_attempts",
            "integer",
            "16",
            "attempts that run at once; others wait in the queue",
            (),
            1,
        ),
        Key(
            "agent.max-task-threads",
            "integer",
            "0",
            "programs at once; 0: eight for each processor, at least 32",
        ),
        Key(
            "agent.heartbeat-interval",
            "duration",
            "10s",
            "how often a worker says that it is alive",
            (),
            SECOND,
        ),
        Key(
            "agent.lock-retention-time",
            "duration",
            "300s",
            "time after which a worker that says nothing is killed and replaced; at least three "
            "heartbeats",
            (),
            SECOND,
        ),
        Key(
            "agent.stop_grace",
            "duration",
            "10s",
            "time between SIGTERM and SIGKILL when a program is stopped",
        ),
        Key(
            "agent.drain_timeout",
            "duration",
            "60s",
            "time that programs get to finish when a scheduler stops",
        ),
        Key(
            "supervisor.enabled",
            "choice",
            "true",
            "every attempt is supervised by the process that runs it; there is no other way",
            ("true",),
        ),
        Key(
            "supervisor.start_timeout",
            "duration",
            "180s",
            "time in which an attempt's worker must report",
        ),
        Key("supervisor.queue_timeout", "duration", "none", "time an attempt may wait in a queue"),
        Key("supervisor.run_timeout", "duration", "none", "time an attempt may run"),
        Key(
            "supervisor.max_run_timeout",
            "duration",
            "none",
            "cap for the time an attempt may run, whoever set it",
        ),
        Key(
            "supervisor.cancel_timeout",
            "duration",
            "180s",
            "time after which a canceled attempt is ended by force",
            (),
            SECOND,
        ),
        Key(
            "supervisor.max_cancel_timeout",
            "duration",
            "none",
            "cap for the cancel timeout, whoever set it",
        ),
        Key(
            "supervisor.max_resumes",
            "integer",
            "3",
            "workers that may be lost in a row, without progress between, before an attempt fails",
        ),
        Key(
            "supervisor.max_resumes_total",
            "integer",
            "",
            "workers that an attempt may lose in its life; not set: any number",
        ),
        Key(
            "supervisor.retry.max",
            "integer",
            "0",
            "how often a failed attempt is tried again, where _attempt_retry says nothing",
        ),
        Key(
            "supervisor.retry.on",
            "text",
            "infra",
            "after which failures: infra, limit, user, separated by commas",
        ),
        Key(
            "supervisor.poll_interval",
            "duration",
            "5s",
            "longest time between two looks of the supervisor; it sleeps to deadlines exactly",
            (),
            SECOND,
        ),
        Key(
            "supervisor.lease",
            "duration",
            "15s",
            "time after which a leader that says nothing may be replaced",
            (),
            SECOND,
        ),
        Key(
            "supervisor.clock_tolerance",
            "duration",
            "2s",
            "a clock that is set by more than this does not change the time that has passed",
            (),
            SECOND,
        ),
        Key(
            "disk.min_free",
            "integer",
            "512",
            "MiB; with less room, and less than 5 % of the disk, nothing new starts; 0: unwatched",
        ),
        Key("disk.reserve", "integer", "16", "MiB kept for finishing when the disk is full"),
        Key(
            "eval.js-engine-type",
            "choice",
            "quickjs",
            "engine for ${...}; digdag's names graal and nashorn mean the default; "
            "js2py is slow and knows ECMAScript 5",
            ("quickjs", "js2py", "graal", "nashorn"),
        ),
        Key(
            "database.durability",
            "choice",
            "full",
            "full: a result that was acknowledged survives a power loss; relaxed: it may not",
            ("full", "relaxed"),
        ),
        Key(
            "notification.type",
            "choice",
            "",
            "how notifications are sent; none: not at all",
            ("mail", "http", "shell"),
        ),
        Key("notification.retries", "integer", "10", "how often a notification is tried again"),
        Key("notification.min_retry_wait", "integer", "1000", "first wait between tries, in ms"),
        Key("notification.max_retry_wait", "integer", "30000", "longest wait between tries, in ms"),
        Key(
            "notification.on",
            "text",
            "failure, sla, crash",
            "what digpy sends by itself: failure, sla, crash, recovery, separated by commas",
        ),
        Key("notification.shell.command", "text", "", "run by sh -c, JSON on standard input"),
        Key(
            "notification.shell.timeout",
            "integer",
            "30000",
            "limit for the command, in ms",
            (),
            1,
        ),
        Key("notification.http.url", "text", "", "where the JSON is sent"),
        Key("notification.http.method", "text", "POST", "HTTP method"),
        Key(
            "notification.http.format",
            "choice",
            "json",
            "json: everything that is known, in digdag's keys; slack: one text, as web hooks of "
            "Slack take it",
            ("json", "slack"),
        ),
        Key("notification.mail.host", "text", "", "mail server"),
        Key("notification.mail.port", "integer", "", "its port", (), 1),
        Key("notification.mail.username", "text", "", "user of the mail server"),
        Key("notification.mail.password", "text", "", "password of the mail server"),
        Key(
            "notification.mail.tls",
            "choice",
            "true",
            "use STARTTLS if the server offers it; required: send nothing without",
            ("true", "false", "required"),
        ),
        Key("notification.mail.ssl", "flag", "false", "use TLS from the first byte"),
        Key("notification.mail.from", "text", "", "sender"),
        Key("notification.mail.to", "text", "", "recipients, separated by commas"),
        Key("notification.mail.cc", "text", "", "copies"),
        Key("notification.mail.bcc", "text", "", "blind copies"),
        Key("notification.mail.subject", "text", "digpy notification", "subject"),
        Key("notification.mail.body_template_file", "text", "", "file with the text, a template"),
        Key("notification.mail.html", "flag", "false", "whether the text is HTML"),
        Key("notification.mail.debug", "flag", "false", "log the conversation"),
    )
}
"""Every setting of a local run, by name."""

_DAGSTER = "supervisor.dagster."

OPEN_FAMILIES = ("params.", "secrets.", "notification.http.headers.")
"""Beginnings of keys that people name themselves."""

_SECRET_KEYS = (
    "secrets.",
    "notification.http.headers.",
    "notification.http.url",  # whoever knows the address of a web hook may use it
    "notification.mail.password",
    "notification.shell.command",
)

_DIGDAG_FAMILIES = (
    "agent.", "api.", "archive.", "basicauth.", "client.", "config.", "database.", "digdag.",
    "eval.", "executor.", "log-server.", "metrics.", "param_server.", "plugin.", "queue-server.",
    "queue.", "schedule.", "server.", "system-plugin.", "tmpdir",
)  # fmt: skip
"""Families of digdag's keys: no mistake in its file, even where a local run has no use for them."""

_VARIABLE_FAMILIES = tuple(
    sorted({"DIGPY_" + name.partition(".")[0].upper() + "_" for name in (*KEYS, *OPEN_FAMILIES)})
)


class Entry(NamedTuple):
    """One value as written, and where: ``/home/a/.config/digdag/config:3`` or ``-X params.a``."""

    value: str
    origin: str


class Settings(NamedTuple):
    """All settings of one command. Immutable; every value was checked when it was read.

    Attributes:
        entries: what was set, without the defaults.
        home: digdag's configuration directory, where secrets are kept as files.
        warnings: keys of digdag's files that digpy does not know, as sentences.
        notes: how keys of Dagster were read, as sentences; see `digpy.dagster`.
    """

    entries: Mapping[str, Entry]
    home: Path
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self, key: str) -> str | None:
        """The value as text; None if it is not set and has no default, or is empty."""
        entry = self.entries.get(key)
        return (KEYS[key].default if entry is None else entry.value) or None

    def integer(self, key: str) -> int:
        """A number. Raises `KeyError` for a key that has neither value nor default."""
        value = self.text(key)
        if value is None:
            raise KeyError(key)
        return int(value)

    def duration(self, key: str) -> int | None:
        """Microseconds; None: switched off."""
        return duration(self.text(key) or "none", key, self.origin(key))

    def flag(self, key: str) -> bool:
        """True or false."""
        return (self.text(key) or "false").lower() == "true"

    def origin(self, key: str) -> str:
        """Where the value of `key` was written; ``default`` if nowhere."""
        entry = self.entries.get(key)
        return "default" if entry is None else entry.origin

    def lines(self, prefix: str) -> dict[str, str]:
        """Settings whose key begins with `prefix`, as written, with defaults: for operators."""
        found = {k.name: k.default for k in KEYS.values() if k.default}
        found.update((key, entry.value) for key, entry in self.entries.items())
        return {key: value for key, value in found.items() if key.startswith(prefix)}

    def params(self) -> Params:
        """The ``params.*`` lines as a nested mapping. Raises `ConfigError` where two clash."""
        params: Params = {}
        for key, entry in self.entries.items():
            if key.startswith("params."):
                try:
                    nest(params, key.removeprefix("params."), entry.value)
                except ValueError as error:
                    raise ConfigError(f"{entry.origin}: {key}: {error}") from None
        return params

    def secret(self, key: str) -> str | None:
        """The local secret `key`, None if there is none.

        A line ``secrets.KEY`` wins over the file ``<home>/secrets/KEY``, of which one newline at
        the end is dropped. Raises `ConfigError` for a file that exists and cannot be read.
        """
        entry = self.entries.get("secrets." + key)
        if entry is not None:
            return entry.value
        if not _SECRET_NAME.fullmatch(key):
            return None  # also keeps a key from naming a file elsewhere
        path = self.home / "secrets" / key
        try:
            return Secret(path.read_bytes().decode().removesuffix("\n"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: the secret cannot be read: {error}") from None

    def replace(self, key: str, value: str, origin: str) -> Settings:
        """A copy in which `key` is `value`, checked: how a command's own option sets it."""
        _check(KEYS[key], value, origin)
        return self._replace(entries={**self.entries, key: Entry(value, origin)})


_SECRET_NAME = re.compile(r"[a-zA-Z](?:[\w.\-]*\w)?", re.ASCII)


def load(
    environment: Mapping[str, str], config: Path | None = None, overrides: Sequence[str] = ()
) -> Settings:
    """Read every place that settings come from; `config` is ``-c``, `overrides` follow ``-X``.

    Raises `ConfigError` that names the place: a value that does not fit its key, a key that digpy
    does not know in its own file, a variable or ``-X``, and a file that cannot be read.
    """
    home = _home(environment)
    reader = _Reader()
    if config is None:
        reader.file(home / "config", "iso-8859-1", of_digdag=True)
        reader.file(_xdg(environment) / "digpy" / "config", "utf-8-sig", of_digdag=False)
    text = environment.get("DIGDAG_CONFIG")
    if text:
        reader.properties(text, "DIGDAG_CONFIG", of_digdag=True)
    reader.variables(environment)
    if config is not None:
        if not config.exists():
            raise ConfigError(f"{config}: there is no such configuration file (-c)")
        reader.file(config, "iso-8859-1", of_digdag=True)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f'-X {override}: has no "="; write -X KEY=VALUE')
        reader.put(key.strip(), value, f"-X {key.strip()}", of_digdag=False)
    return Settings(reader.entries, home, tuple(reader.warnings), tuple(reader.notes.values()))


def is_secret(key: str) -> bool:
    """Whether what is set under `key` must not be shown."""
    return key.startswith(_SECRET_KEYS)


def variable(key: str) -> str:
    """The variable that sets `key`: ``agent.stop_grace`` → ``DIGPY_AGENT_STOP_GRACE``."""
    return "DIGPY_" + re.sub(r"[^A-Z0-9]", "_", key.upper())


def is_of_settings(name: str) -> bool:
    """Whether `load` answers for a variable of this name: a setting, or what begins like one."""
    return name.startswith(_VARIABLE_FAMILIES) or name in map(variable, KEYS)


class _Reader:
    """Collects entries; what comes later replaces what came before."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.warnings: list[str] = []
        self.notes: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def file(self, path: Path, encoding: str, *, of_digdag: bool) -> None:
        try:
            text = path.read_bytes().decode(encoding)
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from None
        self.properties(text, str(path), of_digdag=of_digdag)

    def properties(self, text: str, name: str, *, of_digdag: bool) -> None:
        from digpy.properties import parse_properties  # on use: most runs have no file

        for line, key, value in parse_properties(text, name):
            self.put(key, value, f"{name}:{line}", of_digdag=of_digdag)

    def variables(self, environment: Mapping[str, str]) -> None:
        known = {variable(name): name for name in KEYS}
        for name, value in environment.items():
            if name in known:
                self.put(known[name], value, name, of_digdag=False)
            elif name.startswith(variable(_DAGSTER)):
                key = name.removeprefix(variable(_DAGSTER)).lower()
                self.put(_DAGSTER + key, value, name, of_digdag=False)
            elif name.startswith(("DIGPY_PARAMS_", "DIGPY_SECRETS_")):
                raise ConfigError(
                    f"{name}: the name of a parameter or secret does not survive in upper case; "
                    "write it into DIGDAG_CONFIG or a file"
                )
            # Other variables are options of commands (DIGPY_RUN_...) or what digpy tells programs.
            elif name.startswith(_VARIABLE_FAMILIES):
                raise ConfigError(f"{name}: there is no such setting{_suggestion(name, known)}")

    def put(self, key: str, value: str, origin: str, *, of_digdag: bool) -> None:
        written = key
        if key.startswith(_DAGSTER):
            from digpy.dagster import translate  # on use: few come from there

            translated = translate(key, value, origin)
            self.notes[key] = f"{origin}: {translated.note}"
            if translated.key is None:
                return
            key, value = translated.key, translated.value
            origin = origin if written in origin else f"{origin}, {written}"
        if (other := self._written.setdefault(key, written)) != written:
            place = self.entries[key].origin
            raise ConfigError(f"{origin}: {written} and {other} ({place}) are the same: keep one")
        known = KEYS.get(key)
        if known is not None:
            value = value.strip()
            _check(known, value, origin)
        elif not key.startswith(OPEN_FAMILIES):
            if not of_digdag:
                raise ConfigError(f'{origin}: there is no setting "{key}"{_suggestion(key, KEYS)}')
            if not key.startswith(_DIGDAG_FAMILIES) or _close(key, KEYS):
                message = f'{origin}: the setting "{key}" is not known and was ignored'
                self.warnings.append(message + _suggestion(key, KEYS))
            return
        if is_secret(key):
            value = Secret(value)
        self.entries[key] = Entry(value, origin)


def _check(key: Key, value: str, origin: str) -> None:
    if not value and not key.default:
        return
    if key.type == "duration":
        length = duration(value, key.name, origin)
        if key.minimum and (length is None or length < key.minimum):
            least = key.minimum // SECOND
            raise ConfigError(f'{origin}: {key.name} is "{value}"; it must be at least {least}s')
        return
    wrong = ""
    if key.type == "integer":
        if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
            wrong = "a whole number is needed"
        elif int(value) < key.minimum:
            wrong = f"it must be at least {key.minimum}"
    elif key.type == "flag" and value.lower() not in ("true", "false"):
        wrong = "write true or false"
    elif key.type == "choice" and value not in key.choices:
        one_of = "choose one of " + ", ".join(key.choices)
        wrong = one_of if len(key.choices) > 1 else f"only {key.choices[0]} is possible: {key.doc}"
    if wrong:
        raise ConfigError(f'{origin}: {key.name} is "{value}"; {wrong}')


def duration(text: str, key: str = "duration", origin: str = "") -> int | None:
    """Microseconds of a length of time: ``1h 30m`` (days, hours, minutes, seconds), or seconds.

    ``0`` and ``none`` mean off: None. Anything else, a negative number too, raises `ConfigError`,
    which names `key` and `origin` (where it was written).
    """
    plain = text.strip()
    if plain.lower() == "none":
        return None
    where = f"{origin}: " if origin else ""
    microseconds = length(plain)
    if microseconds is None:
        raise ConfigError(
            f'{where}{key} is "{text}"; a length of time is written like 1h 30m, or in whole '
            "seconds like 90; 0 or none switches it off"
        )
    if microseconds > LONGEST:
        raise ConfigError(f'{where}{key} is "{text}"; a thousand years is the limit')
    return microseconds or None


_MAX_STEPS = 100
"""How deeply a parameter may be nested; the same holds for files."""


def nest(params: Params, path: str, value: str) -> None:
    """Set a dotted `path`: ``a.b`` puts `value` into the mapping ``a``.

    Raises `ValueError` where a step of the path is there already and is no mapping, where `value`
    would replace one, or for a path of more than 100 steps.
    """
    *steps, last = path.split(".")
    if len(steps) >= _MAX_STEPS:
        raise ValueError(f"it is nested more than {_MAX_STEPS} deep")
    inner = params
    for done, step in enumerate(steps, 1):
        below = inner.setdefault(step, {})
        if not isinstance(below, dict):
            taken = ".".join(steps[:done])
            raise ValueError(f'"{taken}" is set to a value, so it cannot contain "{path}"')  # noqa: TRY004 - of the text, not of a type
        inner = below
    if isinstance(inner.get(last), dict):
        raise ValueError(f'"{path}" contains other parameters, so it cannot be set to a value')  # noqa: TRY004
    inner[last] = value


def _home(environment: Mapping[str, str]) -> Path:
    home = environment.get("DIGDAG_CONFIG_HOME")
    return Path(home) if home else _xdg(environment) / "digdag"


def _xdg(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_CONFIG_HOME")
    if base:
        return Path(base)
    user = environment.get("HOME")
    return (Path(user) if user else Path.home()) / ".config"


def _close(word: str, known: Mapping[str, object]) -> list[str]:
    import difflib

    return difflib.get_close_matches(word, known, 1, 0.8)


def _suggestion(word: str, known: Mapping[str, object]) -> str:
    close = _close(word, known)
    return f'; did you mean "{close[0]}"?' if close else ""
