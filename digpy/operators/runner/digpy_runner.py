"""Calls the target of a ``py>`` task with INPUT, and writes OUTPUT.

One file, the standard library only, valid since Python 3.6, and as few imports as possible: each
``py>`` task pays for them, and json takes half as long as Python's own start. So INPUT is the
parameters in the format of marshal. OUTPUT is JSON: ``subtask_config``, ``export_params`` and
``store_params`` as far as they are not empty, or ``error`` with ``class``, ``message`` and
``backtrace`` of a target that failed.

Follows digdag 0.10.5. Differs: ``sys.exit(0)`` is a success and other exits keep their code;
keyword-only and positional-only parameters are filled; every class is run, whatever its metaclass;
a missing module is reported as what it is; this file does not hide a module of the project called
``runner``.
"""

# Importing pathlib costs more than all that is done with paths here:
# ruff: noqa: PTH100, PTH109, PTH110, PTH118, PTH123
import marshal
import os
import sys

try:
    from _json import encode_basestring_ascii as quoted  # what json itself uses
except ImportError:  # another Python than CPython
    quoted = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FUNCTION = type(lambda: None)
MODULE = type(sys)

POSITIONAL_ONLY, NORMAL, KEYWORD_ONLY, ALL_KEYWORDS = range(4)
_FLAG_VAR_KEYWORDS = 8  # CO_VARKEYWORDS of `inspect`


class Env:
    """``digdag.env``: what a program reads, and what it leaves for other tasks."""

    def __init__(self, params: "dict[str, Any]") -> None:
        self.params = params
        self.subtask_config = {}  # type: dict[str, Any]
        self.export_params = {}  # type: dict[str, Any]
        self.store_params = {}  # type: dict[str, Any]
        self.state_params = {}  # type: dict[str, Any]
        self.subtask_index = 0

    def set_state(self, params: "dict[str, Any]" = {}, **kwds: "Any") -> None:  # noqa: B006
        """Accepted for old programs; nothing is kept."""
        self.state_params.update(params)
        self.state_params.update(kwds)

    def export(self, params: "dict[str, Any]" = {}, **kwds: "Any") -> None:  # noqa: B006
        """Give parameters to the subtasks of this task."""
        self.export_params.update(_serializable(dict(params, **kwds)))

    def store(self, params: "dict[str, Any]" = {}, **kwds: "Any") -> None:  # noqa: B006
        """Give parameters to all later tasks."""
        self.store_params.update(_serializable(dict(params, **kwds)))

    def add_subtask(self, function: "Any" = None, **params: "Any") -> None:
        """Add a task that calls `function`, or is that mapping, with `params` on it."""
        if function is None or isinstance(function, dict):
            config = dict(function or {}, **params)
        else:
            config = dict(params)
            config["py>"] = f"{function.__module__}.{function.__qualname__}"
        self.subtask_config[f"+subtask{self.subtask_index}"] = _serializable(config)
        self.subtask_index += 1


METHOD = type(Env({}).store)  # type: Any


def to_json(value: "dict[str, Any]") -> bytes:
    """JSON text. Raises `TypeError` or `ValueError` for what JSON cannot say."""
    try:
        text = plain_json(value)
    except (Unusual, RecursionError):
        import json

        text = json.dumps(value, allow_nan=False)
    return text.encode("ascii")


class Unusual(Exception):  # noqa: N818 - not an error
    """A value about which json knows more."""


def plain_json(value: "Any") -> str:
    """JSON of the usual types, as json writes it; raises `Unusual` for others.

    json takes long to import, and what the program has put on `sys.path` may hide it.
    """
    kind = type(value)
    if kind is str and quoted is not None:
        return quoted(value)
    if kind is int:
        return repr(value)
    if value is None or kind is bool:
        return "null" if value is None else "true" if value else "false"
    if kind is list or kind is tuple:
        return "[" + ", ".join(map(plain_json, value)) + "]"
    if kind is dict and all(type(name) is str for name in value):
        pairs = [plain_json(name) + ": " + plain_json(item) for name, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if kind is float and value - value == 0:  # else it is no number, or infinite
        return repr(value)
    raise Unusual


def _serializable(config: "dict[str, Any]") -> "dict[str, Any]":
    try:
        to_json(config)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Parameters must be serializable using JSON: {error}") from None
    return config


def install(env: "Env") -> None:
    """Make ``import digdag`` and the older ``import digdag_env`` work."""
    digdag = MODULE("digdag")
    digdag.env = env  # type: ignore[attr-defined]
    old = MODULE("digdag_env")
    for name in ("params", "subtask_config", "export_params", "store_params", "state_params"):
        setattr(old, name, getattr(env, name))
    sys.modules["digdag"] = digdag
    sys.modules["digdag_env"] = old


def resolve(target: str, params: "dict[str, Any]") -> "Callable[[], Any]":
    """What to call for ``a.b.c.name``.

    A function, or ``run`` of a class, in the module ``a.b.c``; or a method of the class ``c`` in
    the module ``a.b``.
    """
    module_name, _, name = target.rpartition(".")
    try:
        module = load(module_name)
    except ImportError as error:
        owner, _, class_name = module_name.rpartition(".")
        if not owner or not is_about(error, module_name):
            raise
        return bind(instance(getattr(load(owner), class_name), params), name, params)
    found = getattr(module, name)
    if isinstance(found, type):
        return bind(instance(found, params), "run", params)
    return lambda: call(found, params)


def load(name: str) -> "Any":
    """Import a module, and say so if it hides one of the project."""
    __import__(name)
    first = name.partition(".")[0]
    origin = getattr(sys.modules[first], "__file__", None)
    for candidate in (first + ".py", os.path.join(first, "__init__.py")):
        here = os.path.abspath(candidate)
        if os.path.exists(here) and (origin is None or os.path.abspath(origin) != here):
            other = origin or "built into Python"
            sys.stderr.write(
                f"warning: {first!r} is not {candidate} of the project but {other}, found first\n"
            )
    return sys.modules[name]


def is_about(error: ImportError, module: str) -> bool:
    """Whether `error` says that `module` itself, or a package it is in, does not exist."""
    missing = error.name
    return missing is not None and (module == missing or module.startswith(missing + "."))


def instance(class_: "Any", params: "dict[str, Any]") -> "Any":
    """A new instance of a class, its constructor's arguments taken from the parameters."""
    return call(class_, params)


def bind(owner: "Any", name: str, params: "dict[str, Any]") -> "Callable[[], Any]":
    """The call of a method of `owner`."""
    method = getattr(owner, name)
    return lambda: call(method, params)


def call(function: "Any", params: "dict[str, Any]") -> "Any":
    """Call `function` with the parameters it names; a mapping of all of them for ``**kwargs``."""
    positional = []  # type: list[Any]
    named = {}  # type: dict[str, Any]
    for name, kind, default in signature(function):
        if kind == ALL_KEYWORDS:
            named = dict(params)
        elif name in params and kind == POSITIONAL_ONLY:
            positional.append(params[name])
        elif name in params:
            named[name] = params[name]
        elif default is None:
            raise TypeError(f"Method '{name_of(function)}' requires parameter '{name}' but not set")
        elif kind == POSITIONAL_ONLY:
            positional.append(default[0])
    return function(*positional, **named)


def name_of(function: "Any") -> str:
    """What messages call a function; a class stands for its constructor."""
    return (
        "__init__" if isinstance(function, type) else getattr(function, "__name__", repr(function))
    )


def signature(function: "Any") -> "list[tuple[str, int, tuple[Any] | None]]":
    """Name, kind and default (None, or a tuple of it) of each parameter but ``*args``."""
    kind = type(function)  # type: Any
    plain, bound = function, 0
    if kind is type and function.__new__ is object.__new__:
        plain, bound = function.__init__, 1
        if plain is object.__init__:
            return []
    elif kind is METHOD:
        plain, bound = function.__func__, 1
    if type(plain) is not FUNCTION or plain.__dict__:
        return inspected(function)
    code = plain.__code__
    if getattr(code, "co_posonlyargcount", 0) or code.co_argcount < bound:
        return inspected(function)
    names = code.co_varnames[: code.co_argcount]
    defaults = plain.__defaults__ or ()
    required = len(names) - len(defaults)
    found = [
        (name, NORMAL, (defaults[place - required],) if place >= required else None)
        for place, name in enumerate(names)
    ][bound:]  # type: list[tuple[str, int, tuple[Any] | None]]
    keyword_defaults = plain.__kwdefaults__ or {}
    for name in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]:
        given = (keyword_defaults[name],) if name in keyword_defaults else None
        found.append((name, KEYWORD_ONLY, given))
    if code.co_flags & _FLAG_VAR_KEYWORDS:
        found.append(("", ALL_KEYWORDS, None))
    return found


def inspected(function: "Any") -> "list[tuple[str, int, tuple[Any] | None]]":
    """As `signature`, for what is no plain function; `inspect` is slow to import."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return []  # a built-in that does not tell; it may still take no arguments
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD: NORMAL,
        inspect.Parameter.KEYWORD_ONLY: KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD: ALL_KEYWORDS,
    }
    return [
        (p.name, kinds[p.kind], None if p.default is inspect.Parameter.empty else (p.default,))
        for p in parameters
        if p.kind in kinds
    ]


def describe(error: BaseException) -> "dict[str, Any]":
    """The ``error`` of the output."""
    import traceback

    message = str(error)
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        message = f"sys.exit({error.code!r}) was called"
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "class": type(error).__name__,
        "message": message,
        "backtrace": "".join(lines).splitlines(),
    }


def main(target: str, input_file: str, output_file: str) -> None:
    """Run `target`; a failure is written down and goes on as the exception it is."""
    sys.path.append(os.getcwd())  # last, as in digdag
    with open(input_file, "rb") as file:
        env = Env(marshal.loads(file.read()))  # noqa: S302 - written by digpy
    install(env)
    output = {
        "subtask_config": env.subtask_config,
        "export_params": env.export_params,
        "store_params": env.store_params,
    }  # type: dict[str, Any]
    try:
        try:
            resolve(target, env.params)()
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                raise
        text = to_json({name: part for name, part in output.items() if part})
    except BaseException as error:
        write(output_file, to_json({"error": describe(error)}))
        raise
    write(output_file, text)


def write(path: str, content: bytes) -> None:
    """Write a file."""
    with open(path, "wb") as file:
        file.write(content)
