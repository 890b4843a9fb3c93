"""Both parsers of ruamel.yaml mean the same by every text: nodes, positions, refusals."""

from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from digpy.dsl.nodes import MappingNode, SequenceNode
from digpy.dsl.reader import read_text
from digpy.errors import YamlError
from digpy.source import Source

WORDS = "a|b|+t|sh>|1|0.5|1.5|0x1F|0b_|é|日本|😀|true|~|${x}|x y|=|a#b|http://x.y/?q=1|''|-|?x|:x"
SIGNS = """
 |  |: |:|- |? | # note|#|'|"|[|]|{|}|, |,|>+|>|&a |&b|*a|*a |<<: *a|<<: [*a]|!!str |!!int |!!set |
!x |!!omap |!e!y |!!!|!<tag:yaml.org,2002:str> |!include : |---|%|@|`|\\|\\n|\\x41|\\x4|\\/|\\u00e9|
\\ud83d|\\ud83d\\ude00|\\U00110000"""
LINES = "\n~\n~\n  ~\n    ~\n- ~\r\n~\r~---\n~...\n~|~|-~|2~\t~%YAML 1.1\n---\n~%YAML 1.2\n---\n"
LINES += "~%YAML 1.3\n---\n~%TAG !e! tag:e:\n---\n~%X\n---\n"
INVISIBLE = [*"\xa0\ufeff\x85\u2028\u2029\x00\x1b\x7f\ufffe\ud800"]

pieces = st.sampled_from(
    [*WORDS.split("|"), *SIGNS.replace("\n", "").split("|"), *LINES.split("~"), *INVISIBLE]
)
plain = st.sampled_from([*WORDS.split("|"), "a\tb", "a\n      b", "k: v", "\xa0", "\ufeff"])
quoted = st.sampled_from(["'it''s'", '"a\\n${b}"', '"é: [#"', '"\\ud83d\\ude00"', "'a\n      b'"])
comments = st.sampled_from([*[""] * 9, " # note", "  ", " # [é: '", "\t# tab"])
ends = st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\n# note\n"])
properties = st.sampled_from([*[""] * 9, "&a ", "&b ", "!!str ", "&a !!str ", "!!str &b ", "! "])
anchored = st.sampled_from([*[""] * 5, "&a ", "&b ", "!!map ", "!!seq &b "])
flow = st.recursive(
    st.one_of(plain, quoted, st.sampled_from(["*a", "&a x", "!!int '7'", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\t".join(items) + "\n      ]"),
        st.lists(inner, max_size=3).map(
            lambda items: (
                "{" + ", ".join(f"k{i}: {item or '~'}" for i, item in enumerate(items)) + "}"
            )
        ),
    ),
    max_leaves=6,
)


@st.composite
def block_scalars(draw: st.DrawFn, indent: int) -> str:
    header = draw(st.sampled_from(["|", ">", "|-", ">+", "|2", ">2-"])) + draw(comments)
    lines = draw(
        st.lists(st.sampled_from([*WORDS.split("|"), "", " ", "  x", "\tx", "# no note", "a: b"]))
    )
    margin = " " * (indent + 2)
    return "".join([header, *(f"{draw(ends)}{margin}{line}" for line in lines)])


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0) -> str:
    """The lines of a block mapping, or below the top of a list."""
    is_list = indent > 0 and draw(st.booleans())
    margin = " " * indent
    keys = st.sampled_from(["k", "k", "k", "k", '"k"', "? k", "é", "+k"])
    lines = []
    for number in range(draw(st.integers(1, 4))):
        begin = margin + "-"
        if not is_list:
            key = draw(keys)
            key = f'"k{number}"' if key == '"k"' else f"{key}{number}"
            begin = f"{margin}{key}" + (f"{draw(ends)}{margin}:" if key[0] == "?" else ":")
        shapes = ["flow", "flow", "block", "scalar", "alias"] if indent < 6 else ["flow"]
        shape = draw(st.sampled_from(shapes))
        if shape == "flow":
            value = f" {draw(properties)}{draw(flow)}{draw(comments)}"
        elif shape == "alias":
            value = f" {draw(st.sampled_from(['*a', '[*a, *b]', '{<<: *a}', '{<<: [*b, *a]}']))}"
        elif shape == "scalar":
            value = f" {draw(properties)}{draw(block_scalars(indent))}"
        else:
            value = f" {draw(anchored)}{draw(comments)}{draw(ends)}{draw(blocks(indent + 2))}"
        lines += [begin + value, draw(ends)]
    return "".join(lines)


def read(text: str, *, pure: bool) -> Any:
    """Values with their types and positions, or the problems with theirs."""
    try:
        return described(read_text(Source("w.dig", text), pure=pure))
    except YamlError as error:
        return [
            (problem.message, problem.reason, problem.span and problem.span[1:])
            for problem in error.problems
        ]


def described(value: Any) -> Any:
    if isinstance(value, MappingNode):
        return [(key, described(item), value.offsets[key][:4]) for key, item in value.items()]
    if isinstance(value, SequenceNode):
        return [[described(item) for item in value], value.offsets]
    return type(value).__name__, value


@given(st.sampled_from(["", "", "\ufeff", "# note\n", "%YAML 1.2\n---\n"]), blocks())
def test_parsers_agree_on_documents(begin: str, text: str) -> None:
    begin += "first: &a {x: 1, y: [&z 7, *z]}\nsecond: &b {y: 3}\n"
    assert read(begin + text, pure=False) == read(begin + text, pure=True)


@given(st.sampled_from(["", "", "a: ", "a:\n  "]), st.lists(pieces))
@example("a: ", ["!!str ", "&a ", "x"])  # the anchor behind the tag
@example("a: ", ["|#"])
@example("a: ", ["|", "\n \n  "])
@example("a:", ["\t"])
@example("a: ", ["&x?0"])
@example("a:", ["\n%YAML 1.1\n---"])
def test_parsers_agree_on_any_text(begin: str, words: list[str]) -> None:
    text = begin + "".join(words)
    assert read(text, pure=False) == read(text, pure=True)


@given(st.lists(pieces, max_size=10).map("".join))
def test_every_refusal_is_in_words_of_ours_and_stands_in_the_text(text: str) -> None:
    try:
        read_text(Source("w.dig", text))
    except YamlError as error:
        for problem in error.problems:
            assert problem.span is not None
            assert 0 <= problem.span.start <= len(text)
            assert problem.message != "this is not valid YAML"  # the last resort


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
)
def test_positions_count_characters_of_any_script(word: str) -> None:
    quoted_word = "'" + word.replace("'", "''") + "'"
    text = f"{quoted_word}: 1\nnext: {quoted_word}\n"
    node = read_text(Source("w.dig", text))
    assume(len(node) == 2)
    key_start, key_end, value_start, value_end = node.offsets["next"][:4]
    assert text[key_start:key_end] == "next"
    assert text[value_start:value_end] == quoted_word
