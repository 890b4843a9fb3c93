"""The C parser is loaded without ruamel.yaml's Python modules, and nobody notices."""

import subprocess
import sys
from textwrap import dedent


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reading_does_not_import_what_it_does_not_use() -> None:
    loaded = run(
        """
        import sys
        from digpy.dsl.reader import read_text
        from digpy.source import Source
        assert read_text(Source("w.dig", "a: 1")) == {"a": 1}
        print(*sorted(name for name in sys.modules if name.startswith("ruamel.yaml.")))
        """
    ).split()
    assert not {"ruamel.yaml.main", "ruamel.yaml.constructor", "ruamel.yaml.scanner"} & set(loaded)


def test_program_that_uses_ruamel_yaml_itself_finds_all_of_it() -> None:
    run(
        """
        from digpy.dsl.reader import read_text
        from digpy.source import Source
        read_text(Source("w.dig", "a: 1"))
        import ruamel.yaml
        from ruamel.yaml import YAML
        from ruamel.yaml.scanner import ScannerError
        assert YAML(typ="safe").load("a: [1, 2]") == {"a": [1, 2]}
        assert YAML(typ="safe", pure=True).load("a: [1, 2]") == {"a": [1, 2]}
        assert ruamel.yaml.error.YAMLError is ruamel.yaml.YAMLError
        for parser in (YAML(typ="safe"), YAML(typ="safe", pure=True)):
            try:
                parser.load('a: "')
            except ScannerError:
                continue
            raise AssertionError
        """
    )


def test_syntax_errors_are_understood_after_ruamel_yaml_was_imported_first() -> None:
    run(
        """
        import ruamel.yaml
        from digpy.dsl.reader import read_text
        from digpy.errors import YamlError
        from digpy.source import Source
        for text in ('a: "', "a: b: c", "a: \\x00"):
            try:
                read_text(Source("w.dig", text))
            except YamlError as error:
                assert error.problems[0].span is not None
                continue
            raise AssertionError(text)
        """
    )


def test_python_parser_is_used_where_the_extension_is_missing() -> None:
    run(
        """
        import sys
        sys.modules["_ruamel_yaml"] = None
        from digpy.dsl.reader import read_text
        from digpy.source import Source
        assert read_text(Source("w.dig", "a: [1, {b:c}]")) == {"a": [1, {"b:c": None}]}
        """
    )
