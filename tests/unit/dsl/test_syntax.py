"""What people are told about a file that is not YAML: the drawing, line by line."""

from textwrap import dedent

import pytest

from digpy.dsl.reader import read_text
from digpy.errors import YamlError
from digpy.source import Source

CASES = {
    "conditional without quotes": (
        "+a:\n  if>: ${é ? a : b}\n",
        """\
        w.dig:2:16: error: ": " inside a text that is not quoted
            2 |   if>: ${é ? a : b}
              |                ^
            a colon followed by a space ends a key, so this line would have two
            help: quote the value: '${é ? a : b}'""",
    ),
    "quote inside the value": (
        "sh>: echo 'a: b'\n",
        """\
        w.dig:1:13: error: ": " inside a text that is not quoted
            1 | sh>: echo 'a: b'
              |             ^
            a colon followed by a space ends a key, so this line would have two
            help: quote the value: "echo 'a: b'\"""",
    ),
    "tab as indentation": (
        "+a:\n\tsh>: x\n",
        """\
        w.dig:2:1: error: a tab character
            2 | \tsh>: x
              | ^
            YAML indents with spaces only
            help: replace the tab by spaces""",
    ),
    "value begins with percent": (
        "date: %Y\n",
        """\
        w.dig:1:7: error: a text cannot begin with "%"
            1 | date: %Y
              |       ^
            help: quote the value: "..." or '...'""",
    ),
    "cron without quotes": (
        "schedule:\n  cron>: */5 * * * *\n",
        """\
        w.dig:2:10: error: a text cannot begin with "*"
            2 |   cron>: */5 * * * *
              |          ^
            "*" begins an alias and "&" an anchor
            help: quote the value: "..." or '...'""",
    ),
    "unclosed bracket": (
        "+a:\n  list: [1, 2\n  sh>: x\n",
        """\
        w.dig:3:6: error: expected "," or the end of "["
            3 |   sh>: x
              |      ^
            it begins in line 2""",
    ),
    "unclosed bracket at the end": (
        "list: [1, 2\n",
        """\
        w.dig:1:7: error: this "[" is never closed
            1 | list: [1, 2
              |       ^""",
    ),
    "unclosed quote": (
        'a: 1\nb: "x\nc: 2\n',
        """\
        w.dig:2:4: error: this quote is never closed
            2 | b: "x
              |    ^
            help: close it, or double a quote that is part of the text""",
    ),
    "template in brackets": (
        "list: [${a}, 2]\n",
        """\
        w.dig:1:8: error: ${...} without quotes inside brackets
            1 | list: [${a}, 2]
              |        ^^
            inside [...] and {...} a "{" begins a mapping
            help: quote the value: "..." or '...'""",
    ),
    "include without space": (
        "_export:\n  a: 1\n!include: x.dig\n+a: {sh>: x}\n",
        """\
        w.dig:3:1: error: !include needs a space before the colon
            3 | !include: x.dig
              | ^^^^^^^^^
            help: write "!include : path\"""",
    ),
    "include as a value": (
        "d: !include d.dig\n",
        """\
        w.dig:1:4: error: !include cannot stand here
            1 | d: !include d.dig
              |    ^^^^^^^^^^^^^^
            help: write it as a key, with a space before the colon: "!include : path\"""",
    ),
    "escape in double quotes": (
        'path: "C:\\data"\n',
        """\
        w.dig:1:10: error: "\\d" is not an escape sequence
            1 | path: "C:\\data"
              |          ^^
            help: double the backslash, or use single quotes, where it means itself""",
    ),
    "list item in a value": (
        "a: - b\n",
        """\
        w.dig:1:4: error: "- " in a value
            1 | a: - b
              |    ^
            the items of a list begin on lines of their own
            help: move it to the next line, or quote it if it is text""",
    ),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        """\
        w.dig:2:1: error: a second YAML document begins here
            2 | ---
              | ^^^
            a file holds one document
            help: remove the line "---", or move what follows to a file of its own""",
    ),
    "a list": (
        "- a\n",
        """\
        w.dig:1:1: error: the file must be a mapping of "key: value" lines, but holds a list
            1 | - a
              | ^""",
    ),
    "line end nobody sees": (
        'a: 1\nb: "x\u2028y"\n',
        """\
        w.dig:2:6: error: the line end U+2028
            2 | b: "x\u2028y"
              |      ^
            help: remove it, or write it in double quotes as "\\u2028\"""",
    ),
    "control character": (
        "a: \x1b[31mred\n",
        """\
        w.dig:1:4: error: the control character U+001B
            1 | a: ␛[31mred
              |    ^
            help: remove it, or write it in double quotes as "\\u001b\"""",
    ),
    "byte order mark in a file": (
        "a: 1\n\ufeffb: 2\n",
        """\
        w.dig:2:1: error: the byte order mark U+FEFF
            2 | \ufeffb: 2
              | ^
            help: remove it, or write it in double quotes as "\\ufeff\"""",
    ),
    "half of a character": (
        'a: "\\ud83d\\ude00 \\ude00"\n',
        """\
        w.dig:1:18: error: "\\ude00" is not an escape sequence
            1 | a: "\\ud83d\\ude00 \\ude00"
              |                  ^^^^^^
            help: double the backslash, or use single quotes, where it means itself""",
    ),
    "directive": (
        "%YAML 2.0\n---\na: 1\n",
        """\
        w.dig:1:1: error: YAML of another version, or a broken % line
            1 | %YAML 2.0
              | ^^^^^^^^^
            help: remove the line, or quote the text if it is one""",
    ),
    "nothing but the end of a document": (
        "...\n",
        """\
        w.dig:1:1: error: a document ends here, by "..."
            1 | ...
              | ^^^
            help: remove the line, or quote the text if it is one""",
    ),
    "windows line ends and wide characters": (
        "日本: 1\r\n名前: 東京 : x\r\n",
        """\
        w.dig:2:8: error: ": " inside a text that is not quoted
            2 | 名前: 東京 : x
              |            ^
            a colon followed by a space ends a key, so this line would have two
            help: quote the value: '東京 : x'""",
    ),
    "a tag": (
        "a: !secret x\n",
        """\
        w.dig:1:4: error: unknown tag "!secret"
            1 | a: !secret x
              |    ^^^^^^^^^
            a value that begins with "!" names a YAML tag
            help: quote the value if it is text""",
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_refused_file_is_explained(text: str, expected: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_text(Source("w.dig", text))
    drawn = "\n".join(problem.render() for problem in refused.value.problems)
    assert drawn == dedent(expected)
