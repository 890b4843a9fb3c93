"""ruamel.yaml's Python parser, held to YAML 1.1 as SnakeYAML and libyaml read it.

Imported where libyaml is missing or refuses a text; see `digpy.dsl.yaml_events`. Each override is a
point where ruamel.yaml reads a document differently from both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scanner import Scanner, ScannerError

_NAME = re.compile(r"[A-Za-z0-9_-]+(?=[\0 \t\r\n?:,\]}%@`])")


def parse(text: str) -> Iterator[Any]:
    """The events of `text`. Raises ruamel.yaml's ``YAMLError``."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    yaml.Resolver = _Resolver
    yaml.top_level_block_style_scalar_no_indent_error_1_1 = True
    yield from yaml.parse(text)


class _Resolver(VersionedResolver):
    processing_version = (1, 1)  # whatever the document says, as libyaml and SnakeYAML


class _Scanner(Scanner):
    def scan_yaml_directive_value(self, start_mark: Any) -> tuple[int, int]:
        """The version may be 1.1 or 1.2, which is read as 1.1."""
        try:
            version: tuple[int, int] = super().scan_yaml_directive_value(start_mark)
        except ValueError:  # thousands of digits
            version = (0, 0)
        if version not in ((1, 1), (1, 2)):
            problem = "found incompatible YAML document"
            raise ScannerError("while scanning a directive", start_mark, problem, start_mark)
        return version

    def scan_flow_scalar(self, style: str) -> Any:
        r"""JSON writes a character beyond the first 65,536 as two escapes, ``"\ud83d\ude00"``."""
        token = super().scan_flow_scalar(style)
        try:
            token.value = token.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            start = token.start_mark
            raise ScannerError(None, start, "found half of a surrogate pair", start) from None
        return token

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Any) -> list[str]:
        """An escape may name no character."""
        try:
            chunks: list[str] = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            problem, mark = "found unknown escape character", self.reader.get_mark()
            raise ScannerError(None, start_mark, problem, mark) from None
        return chunks

    def scan_anchor(self, TokenClass: Any) -> Any:  # noqa: N803 - overrides
        """A name consists of ASCII letters, digits, ``_`` and ``-``."""
        start = self.reader.get_mark()
        name = _NAME.match(self.reader.buffer, self.reader.pointer + 1)
        if name is None:
            problem = "expected alphabetic or numeric character"
            raise ScannerError("while scanning an anchor or alias", start, problem, start)
        self.reader.forward(1 + len(name.group()))
        return TokenClass(name.group(), start, self.reader.get_mark())

    def scan_tag(self) -> Any:
        """``!!!x`` and ``!!<x>`` are no tags."""
        if self.reader.prefix(3) in ("!!!", "!!<"):
            start = self.reader.get_mark()
            raise ScannerError("while scanning a tag", start, "expected URI", start)
        return super().scan_tag()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str]:
        """Tabs may stand inside a plain scalar, and behind it."""
        reader = self.reader
        length = 0
        while reader.peek(length) in " \t":
            length += 1
        if reader.peek(length) in "\r\n":
            reader.forward(length)
            spaces: list[str] = super().scan_plain_spaces(indent, start_mark)
            return spaces
        blanks = reader.prefix(length)
        reader.forward(length)
        return [blanks] if blanks else []

    def scan_block_scalar_indentation(self) -> tuple[list[str], int, Any]:
        """The first lines of a block scalar may be empty, and of any length."""
        reader = self.reader
        breaks = []
        indent = 0
        end = reader.get_mark()
        while reader.peek() in " \r\n":
            if reader.peek() == " ":
                reader.forward()
                indent = max(indent, reader.column)
            else:
                breaks.append(self.scan_line_break())
                end = reader.get_mark()
        return breaks, indent, end
