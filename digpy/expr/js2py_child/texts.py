"""``String.prototype.replace`` and the escaping of URIs."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from js2py import base

_UTF_16 = codecs.lookup("utf-16-be")  # found now: an expression may not import


def replace(this: Any, pattern: Any, replacement: Any) -> str:
    """Replace the first match, or all matches of a global expression (ECMAScript 15.5.4.11)."""
    this.cok()
    text = str(this.to_string().value)
    if pattern.Class == "RegExp":
        matches: Iterable[re.Match[str]] = pattern.pat.finditer(text)
        if not pattern.glob:
            matches = [found for found in [pattern.pat.search(text)] if found]
    else:
        found = re.compile(re.escape(pattern.to_string().value)).search(text)
        matches = [found] if found else []
    pieces = []
    at = 0
    template = None if replacement.is_callable() else replacement.to_string().value
    for match in matches:
        pieces.append(text[at : match.start()])
        if template is None:
            given = (match[0], *match.groups(), match.start(), text)
            pieces.append(replacement.call(base.undefined, given).to_string().value)
        else:
            pieces.append(_filled(template, match))
        at = match.end()
    return "".join(pieces) + text[at:]


def _filled(template: str, match: re.Match[str]) -> str:
    def fill(found: re.Match[str]) -> str:
        sign = found[1]
        if sign == "$":
            return "$"
        if sign == "&":
            return match[0]
        if sign in "`'":
            return match.string[: match.start()] if sign == "`" else match.string[match.end() :]
        for digits in (sign, sign[:1]):
            if 0 < int(digits) <= len(match.groups()):
                return (match[int(digits)] or "") + sign[len(digits) :]
        return found[0]

    return re.sub(r"\$([$&`']|[0-9]{1,2})", fill, template)


def _decoded(kept: str) -> Callable[[Any, Any], str]:
    """``decodeURI`` and its like; the characters `kept` stay escaped."""

    def decode(_this: Any, value: Any) -> str:
        text = value.to_string().value
        if re.search("%(?![0-9a-fA-F]{2})", text):
            raise base.MakeError("URIError", "URI malformed")
        if kept:
            text = re.sub(
                "%[0-9a-fA-F]{2}", lambda at: "%25" + at[0][1:] if _of(at) in kept else at[0], text
            )
        try:
            return unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise base.MakeError("URIError", "URI malformed") from None

    return decode


def _of(escaped: re.Match[str]) -> str:
    return chr(int(escaped[0][1:], 16))


def _escape(_this: Any, value: Any) -> str:
    def encode(found: re.Match[str]) -> str:
        units, _ = _UTF_16.encode(found[0], "surrogatepass")
        codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
        return "".join(f"%{code:02X}" if code < 256 else f"%u{code:04X}" for code in codes)

    return re.sub(r"[^A-Za-z0-9@*_+\-./]", encode, value.to_string().value)


def _unescape(_this: Any, value: Any) -> str:
    text = value.to_string().value
    return re.sub(
        r"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})", lambda at: chr(int(at[1] or at[2], 16)), text
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "decodeURI": _decoded(";/?:@&=+$,#"),
    "decodeURIComponent": _decoded(""),
    "escape": _escape,
    "unescape": _unescape,
}
