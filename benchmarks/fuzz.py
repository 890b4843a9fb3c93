"""Looks for texts that digpy does not understand and does not refuse properly either.

    python benchmarks/fuzz.py --minutes 30             # all targets, one after another
    python benchmarks/fuzz.py reader template --seed 7

Whatever a file, a template or a command line contains, the answer is a value or an error of our own
that says where; both YAML parsers give the same one; nothing takes long. Everything else is a find:
it is printed once, shortened, and kept in ``--finds``, to become a file in tests/unit/dsl/corpus.

Guided by coverage if atheris (https://github.com/google/atheris) is installed; else texts are made
blindly, from the same seeds and words. It works on the digpy of this checkout.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
SLOW = 5.0
"""Seconds of the processor that no input of a few kilobytes may take."""
LONGEST = 4_096
"""Bytes of the longest input."""

WORDS = r"""
    a:~b:~|- ~&a ~*a~<<: *a~<<: [*a, *b]~? ~!!str ~!!int ~!!set ~!!omap ~!!binary ~!!timestamp ~
    !x ~!include : c.dig~!include : w.dig~%YAML 1.2~%TAG !e! tag:e,2000:~---~...~|~>-~|2+~"~'~#~
    \x41~\ud83d~\U00110000~[~]~{~}~, ~ # c~+t:~+a^b:~_export:~_parallel: ~_parallel: {limit: 2}~
    _retry: ~_error:~_check:~_do:~_after: [+a]~_background: true~_disable: true~sh>: ~echo>: ~
    call>: ~if>: ~loop>: ~for_each>: ~for_range>: ~require>: ~timezone: ~schedule:~
    cron>: "* * * * *"~daily>: ~sla:~time: ~0x1F~0b_~0123~1_0~1.5e9~12:30:45.5~.inf~null~true~
    2016-01-01 00:00:00~${a}~${a.b[0]}~${secret:a}~${JSON.stringify({a:1})}~$$~${~}~é~日~😀~
    1h 30m~9d~none~a.b=c~a=1~+w+a~^sub~\u0041~=
"""
"""What the language is made of, for the mutations; separated by a tilde."""

sys.path.insert(0, str(ROOT))


class Find(NamedTuple):
    """An input that did what none may do. Two of the same `kind` are the same find."""

    target: str
    data: bytes
    kind: str
    error: str


def reader(data: bytes) -> None:
    """Files, a form feed between two, mean the same to both parsers, positions included."""
    from digpy.dsl.reader import read_text
    from digpy.source import Source

    texts = dict(zip(("w.dig", "c.dig", "d.dig"), _text(data).split("\f"), strict=False))

    def load(_: str, path: str) -> Source:
        return Source(path, texts.get(path, ""))

    def read(*, pure: bool) -> object:
        return _described(lambda: read_text(Source("w.dig", texts["w.dig"]), load=load, pure=pure))

    fast, slow = read(pure=False), read(pure=True)
    assert fast == slow, f"libyaml: {fast}\nPython:  {slow}"


def workflow(data: bytes) -> None:
    """A file as ``digpy check`` sees it, stored and read again."""
    from digpy.dsl.checker import check_workflow
    from digpy.dsl.compiler import compile_workflow
    from digpy.dsl.nodes import templates
    from digpy.dsl.reader import read_text
    from digpy.errors import SourceError
    from digpy.expr.template import problems
    from digpy.source import Source
    from digpy.values import to_json

    try:
        node = read_text(Source("w.dig", _text(data)))
        to_json(node)
        found = [*check_workflow(node)]
        for template, span in templates(node):
            assert span is not None
            found += problems(template, span)
        compile_workflow(node, "w", path="w.dig")
    except SourceError as error:
        found = list(error.problems)
    for problem in found:
        problem.render()


def template(data: bytes) -> None:
    """The grammar and the expression for plain paths see the same pieces."""
    from digpy.expr.path import plan
    from digpy.expr.template import Hole, parse

    text = _text(data)
    pieces = parse(text)
    steps = plan(text)
    if steps is not None:
        holes = [re.sub(r"\s", "", piece.code) for piece in pieces if isinstance(piece, Hole)]
        assert [_written(step) for step in steps if isinstance(step, tuple) and step] == holes
        literal = "".join(piece.text for piece in pieces if not isinstance(piece, Hole))
        assert "".join(step for step in steps if isinstance(step, str)) == literal


def scalar(data: bytes) -> None:
    """Whatever a scalar means can be written as JSON."""
    from digpy.dsl.scalars import key_text, plain, tagged
    from digpy.values import to_json

    text = _text(data)
    for kind in ("", "int", "float", "bool", "binary", "timestamp"):
        try:
            value = tagged(f"tag:yaml.org,2002:{kind}", text) if kind else plain(text)
        except ValueError:
            continue
        to_json(value)
        key_text(value)


def properties(data: bytes) -> None:
    """A configuration file."""
    from digpy.errors import ConfigError
    from digpy.properties import parse_properties

    try:
        for line, key, value in parse_properties(_text(data), "config"):
            assert line >= 1
            f"{key}={value}".encode()
    except ConfigError:
        return


def durations(data: bytes) -> None:
    """A length of time, as options, settings and workflows write it."""
    from digpy.config import duration
    from digpy.durations import in_units
    from digpy.errors import ConfigError

    text = _text(data)
    in_units(text)
    try:
        length = duration(text)
    except ConfigError:
        return
    assert length is None or length > 0


def parameters(data: bytes) -> None:
    """The arguments of ``-p``, one a line."""
    from digpy.cli.parameters import start_parameters
    from digpy.config import load
    from digpy.errors import UsageError
    from digpy.values import to_json

    pairs = [line for line in _text(data).split("\n") if "=" in line]
    try:
        to_json(start_parameters(load({}, None, ()), None, pairs))
    except UsageError:
        return


def patterns(data: bytes) -> None:
    """A task pattern, and the names it is compared with."""
    from digpy.dsl.subtree import match_task
    from digpy.errors import DigpyError

    pattern, *names = _text(data).split("\n")
    try:
        assert match_task(names, pattern) in names
    except DigpyError:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        reader,
        workflow,
        template,
        scalar,
        properties,
        durations,
        parameters,
        patterns,
    )
}


def attempt(target: str, data: bytes) -> Find | None:
    """Give `data` to a target; what it should not have done, if anything."""
    begin = time.process_time()
    try:
        TARGETS[target](data)
    except Exception as error:  # noqa: BLE001 - every exception is a find
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{target}: {type(error).__name__}, {place.filename}:{place.lineno}"
        return Find(target, data, kind, "".join(traceback.format_exception(error)[-3:]))
    spent = time.process_time() - begin
    return Find(target, data, f"{target}: slow", f"{spent:.1f} s") if spent > SLOW else None


def seeds(target: str) -> list[bytes]:
    """Texts to begin with: the workflows of this repository, recorded files, what was found."""
    found = [path.read_bytes() for path in sorted(ROOT.glob("tests/unit/dsl/corpus/*/*"))]
    if target in ("reader", "workflow"):
        found += [path.read_bytes() for path in sorted(ROOT.glob("workflows/**/*.dig"))]
        recorded = ROOT / "tests/compat/recorded/yaml.jsonl"
        found += [json.loads(line)["yaml"].encode() for line in recorded.open(encoding="utf-8")]
    return [*found, *(word.encode() for word in words())]


def words() -> list[str]:
    """The words of the language."""
    return [word.removeprefix("\n    ") for word in WORDS.strip("\n ").split("~") if word.strip()]


def mutate(seed_texts: Sequence[bytes], chance: random.Random) -> bytes:
    """A text made of `seed_texts` and words: pieces are put in, left out, doubled and mixed."""
    text = chance.choice(seed_texts)
    pieces = [word.encode() for word in words()]
    pieces += [
        b"\n",
        b"\n  ",
        b"\r\n",
        b"\r",
        b"\t",
        b" ",
        b":",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
        b"\\",
    ]
    for _ in range(chance.randint(1, 6)):
        at, to = sorted(chance.randint(0, len(text)) for _ in range(2))
        choice = chance.randrange(5)
        if choice == 0:
            text = text[:at] + text[to:]
        elif choice == 1:
            text = text[:to] + text[at:]
        elif choice == 2:
            other = chance.choice(seed_texts)
            text = text[:at] + other[chance.randint(0, len(other)) :]
        else:
            text = text[:at] + chance.choice(pieces) + text[at:]
    return text[:LONGEST]


def shorten(find: Find) -> Find:
    """The same find with as little text as possible."""
    size = max(1, len(find.data) // 2)
    until = time.process_time() + 10 * SLOW
    while size and time.process_time() < until:
        at = 0
        while at < len(find.data):
            shorter = attempt(find.target, find.data[:at] + find.data[at + size :])
            if shorter is not None and shorter.kind == find.kind:
                find = shorter
            else:
                at += size
        size //= 2
    return find


class Finds:
    """Every kind of find once: printed, and kept as a file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kinds: set[str] = set()

    def add(self, find: Find) -> None:
        """Print and keep a find, if it is of a new kind."""
        if find.kind in self._kinds:
            return
        self._kinds.add(find.kind)
        find = shorten(find)
        directory = self._directory / find.target
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / sha256(find.data).hexdigest()[:12]
        path.write_bytes(find.data)
        print(f"FIND {path}\n{find.data!a}\n{find.error}\n", flush=True)


def guided(target: str, directory: Path, seconds: float, seed: int) -> None:
    """Fuzz with atheris, which ends the process."""
    import atheris  # type: ignore[import-untyped, unused-ignore]  # optional

    with atheris.instrument_imports(include=["digpy", "ruamel.yaml"]):
        attempt(target, b"a: {b:c}")  # imports what the target uses, the Python parser included
    finds = Finds(directory)

    def one(data: bytes) -> None:
        find = attempt(target, data)
        if find is not None:
            finds.add(find)

    work = directory / "work" / target
    corpus = work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(text)
    dictionary = work / "words"
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in words())
    dictionary.write_text("".join(f'"{word}"\n' for word in escaped), "ascii")
    options = {
        "max_total_time": max(1, int(seconds)),
        "seed": seed,
        "max_len": LONGEST,
        "dict": dictionary,
        "timeout": 600,
        "rss_limit_mb": 4_096,
        "artifact_prefix": f"{work}/",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    atheris.Setup(
        ["fuzz", *(f"-{key}={value}" for key, value in options.items()), str(corpus)], one
    )
    atheris.Fuzz()


def blind(target: str, directory: Path, seconds: float, seed: int) -> None:
    """Fuzz without knowing what was reached, and say how many texts were tried."""
    finds = Finds(directory)
    until = time.monotonic() + seconds
    executions = 0
    for data in _texts(seeds(target), random.Random(seed)):
        if time.monotonic() >= until:
            break
        executions += 1
        find = attempt(target, data)
        if find is not None:
            finds.add(find)
    print(f"{executions:,} texts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz. The exit code is 1 if something was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--minutes", type=float, default=1.0, help="in all (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same texts (1)")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="directory for them")
    parser.add_argument("--blind", action="store_true", help="without atheris")
    given = parser.parse_args(arguments)
    targets = given.targets or list(TARGETS)
    unknown = set(targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    seconds = given.minutes * 60 / len(targets)
    fuzz = blind if given.blind or find_spec("atheris") is None else guided
    before = _kept(given.finds)
    failed = False
    for target in targets:
        print(f"{target}: {fuzz.__name__}, {seconds:,.0f} s", flush=True)
        # A process of its own: atheris ends it, and what is imported there is watched there.
        process = get_context("spawn").Process(
            target=fuzz, args=(target, given.finds, seconds, given.seed)
        )
        process.start()
        process.join()
        if process.exitcode:
            print(f"{target}: ended with {process.exitcode}", flush=True)
            failed = True
    return 1 if failed or _kept(given.finds) - before else 0


def _kept(directory: Path) -> set[Path]:
    return {path for target in TARGETS for path in directory.glob(f"{target}/*")}


def _text(data: bytes) -> str:
    """As a file is read; a byte that is no UTF-8 is another character here."""
    return data.decode("utf-8", "replace")


def _texts(seed_texts: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from seed_texts
    while True:
        yield mutate(seed_texts, chance)


def _described(read: Callable[[], Any]) -> object:
    """Values with their types and positions, or the problems with theirs."""
    from digpy.errors import YamlError

    try:
        return _node(read())
    except YamlError as error:
        for problem in error.problems:
            assert problem.span is not None
            assert 0 <= problem.span.start <= len(problem.span.source.text)
            assert "this is not valid YAML" not in problem.message, problem
            problem.render()
        return [(problem.message, problem.span[1:]) for problem in error.problems if problem.span]


def _node(value: Any) -> object:
    from digpy.dsl.nodes import MappingNode, SequenceNode

    if isinstance(value, MappingNode):
        return [(key, _node(item), value.offsets[key][:4]) for key, item in value.items()]
    if isinstance(value, SequenceNode):
        return [[_node(item) for item in value], value.offsets]
    return type(value).__name__, value


def _written(path: tuple[str | int, ...]) -> str:
    first, *rest = path
    return str(first) + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest
    )


if __name__ == "__main__":
    sys.exit(main())
