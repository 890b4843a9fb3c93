"""Text in, YAML events out, by ruamel.yaml.

There are two parsers. libyaml (package ``ruamel.yaml.clib``) is ten times as fast and reads what is
fine. ruamel's Python parser (`digpy.dsl.yaml_python`) reads where that has no wheel, and it alone
says what is wrong and where; so a text means the same everywhere, which a property test holds. Both
speak of character offsets (``event.start_mark.index``), so their users need not know which it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

NextEvent = Callable[[], Any]

_ERRORS_OF = {
    "ruamel.yaml.reader": "ReaderError",
    "ruamel.yaml.scanner": "ScannerError",
    "ruamel.yaml.parser": "ParserError",
    "ruamel.yaml.composer": "ComposerError",
    "ruamel.yaml.constructor": "ConstructorError",
    "ruamel.yaml.emitter": "EmitterError",
    "ruamel.yaml.serializer": "SerializerError",
    "ruamel.yaml.representer": "RepresenterError",
}
"""What the C extension wants of Python modules it does not use otherwise."""


_LAX = re.compile(
    # a tab between two tokens of a block
    r"""(?:(?<![^\r\n])(?:%.*)?|[:?"'\]}.-]|[|>][-+0-9]*|[&*!]\S{0,99})[ ]*\t
      | [|>][-+0-9]*\#  # a comment that touches the sign of a block scalar
      | (?<![^\s\[{,])!(?:(?:!|\w{0,99}[^\s\w!])\S{0,99}!|\S{0,99}%)  # a tag with odd signs
    """,
    re.VERBOSE,
)
"""What libyaml may accept although it is no YAML 1.1, or read differently. Scripts have it, too."""

_UNREADABLE = re.compile(
    # Those that are fine are so many that it would take longer to compile.
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|(?<![^\r\n])\ufeff"
)
"""Control characters, the line ends of other worlds, a byte order mark at the start of a line.

The parsers refuse most of them, and disagree about the rest.
"""


class SyntaxFault(Exception):  # noqa: N818 - becomes a `YamlError` once it has been explained
    """The parser refused the text. `offset` may be None; `context` is where the thing began."""

    def __init__(self, problem: str, offset: int | None, context: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset
        self.context = context


def needs_python(text: str) -> bool:
    """Whether only the Python parser can be trusted with `text`, or there is no other."""
    return _c_parser() is None or _LAX.search(text) is not None


def open_events(text: str, *, pure: bool = False) -> NextEvent:
    """Return a function that gives the next event; both raise `SyntaxFault`.

    `pure` asks for the Python parser. What the other one refuses is not refused yet: its positions
    are others, and it knows no ``{a:b}``, no directive but two, and no escaped surrogates.
    """
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        raise SyntaxFault("an unreadable character", unreadable.start(), None)
    if pure:
        return _pure_events(text)
    parser = _c_parser()
    assert parser is not None  # noqa: S101 - see `needs_python`
    next_event = parser(text).get_event
    error = import_module("ruamel.yaml.error").YAMLError

    def guarded() -> Any:
        try:
            return next_event()
        except error as fault:
            raise _described(fault) from None

    return guarded


def _described(fault: Any) -> SyntaxFault:
    mark = getattr(fault, "problem_mark", None)
    context = getattr(fault, "context_mark", None)
    problem = getattr(fault, "problem", None) or str(fault.args[-1])  # the reason of a ReaderError
    offset = mark.index if mark is not None else None
    return SyntaxFault(problem, offset, context.index if context is not None else None)


def _c_parser() -> Callable[[str], Any] | None:
    extension = sys.modules.get("_ruamel_yaml") or _load_extension()
    parser: Callable[[str], Any] | None = getattr(extension, "CParser", None)
    return parser


def _load_extension() -> ModuleType | None:
    """Import the extension without the 20 ms of Python modules that it would drag in.

    It imports the whole of ``ruamel.yaml``, but only to name the error classes of eight modules.
    While it is being imported it finds stand-ins that have those classes and nothing else;
    `_Deferred` afterwards makes a program that uses ``ruamel.yaml`` itself find everything in its
    usual place.
    """
    if "ruamel.yaml" in sys.modules:
        return _import_or_none("_ruamel_yaml")
    package = _Deferred.create()
    if package is None:
        return None
    sys.modules["ruamel.yaml"] = package
    stand_ins = {}
    try:
        error = import_module("ruamel.yaml.error")
        for module_name, class_name in _ERRORS_OF.items():
            base = error.YAMLError if class_name == "ReaderError" else error.MarkedYAMLError
            stand_in = ModuleType(module_name)
            setattr(stand_in, class_name, type(class_name, (base,), {}))
            sys.modules[module_name] = stand_ins[module_name] = stand_in
        return _import_or_none("_ruamel_yaml")
    finally:
        for module_name in stand_ins:
            del sys.modules[module_name]


def _import_or_none(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


class _Deferred(ModuleType):
    """The package ``ruamel.yaml``, executed when more than a submodule is wanted of it."""

    @classmethod
    def create(cls) -> _Deferred | None:
        from importlib.machinery import PathFinder

        parent = import_module("ruamel")
        spec = PathFinder.find_spec("ruamel.yaml", parent.__path__)
        if spec is None or spec.loader is None:
            return None
        package = cls("ruamel.yaml")
        package.__spec__ = spec
        package.__loader__ = spec.loader
        package.__file__ = spec.origin
        package.__package__ = "ruamel.yaml"
        package.__path__ = spec.submodule_search_locations or []
        setattr(parent, "yaml", package)  # noqa: B010 - as the import system would do
        return package

    def __getattr__(self, name: str) -> Any:
        self.__class__ = ModuleType  # type: ignore[assignment]  # from here on an ordinary module
        assert self.__spec__ is not None  # noqa: S101 - `create` set both
        assert self.__spec__.loader is not None  # noqa: S101
        self.__spec__.loader.exec_module(self)
        extension = sys.modules.get("_ruamel_yaml")
        for module_name, class_name in _ERRORS_OF.items() if extension else ():
            setattr(extension, class_name, getattr(import_module(module_name), class_name))
        return getattr(self, name)


def _pure_events(text: str) -> NextEvent:
    from ruamel.yaml.error import YAMLError

    from digpy.dsl.yaml_python import parse

    events = parse(text)

    def next_event() -> Any:
        try:
            return next(events, None)
        except YAMLError as fault:
            raise _described(fault) from None

    return next_event
