"""The format of digdag's configuration: Java properties."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digpy.errors import ConfigError


def parse_properties(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    r"""Read Java properties: (line number, key, value) of every entry, in order.

    Follows ``java.util.Properties``: comments with ``#`` or ``!``, ``=``, ``:`` or blanks between
    key and value, a backslash at the end of a line goes on in the next one without its indentation,
    and escapes in both key and value. Raises `ConfigError` for a broken ``\uXXXX``.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    number = 0
    while number < len(lines):
        start = number + 1
        line = lines[number].lstrip(" \t\f")
        number += 1
        if not line or line[0] in "#!":
            continue
        while _continues(line):
            line = line[:-1]
            if number < len(lines):
                line += lines[number].lstrip(" \t\f")
                number += 1
        key, value = _split(line)
        yield start, _unescape(key, name, start), _unescape(value, name, start)


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


_KEY = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")


def _split(line: str) -> tuple[str, str]:
    key = _KEY.match(line)
    assert key is not None  # noqa: S101 - it matches the empty text
    separator = _SEPARATOR.match(line, key.end())
    assert separator is not None  # noqa: S101 - likewise
    return key.group(), line[separator.end() :]


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def _unescape(text: str, name: str, line: int) -> str:
    if "\\" not in text:
        return text

    def character(match: re.Match[str]) -> str:
        code, other = match.groups()
        if code is not None:
            return chr(int(code, 16))
        if other == "u":
            raise ConfigError(f"{name}:{line}: \\u must be followed by four hexadecimal digits")
        return _CONTROLS.get(other, other)

    plain = _ESCAPE.sub(character, text)
    # Java writes a character beyond the first 65,536 as two surrogates; Python wants the one meant.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
