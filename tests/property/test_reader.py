"""Both parsers of ruamel.yaml give the same nodes, at the same positions."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from digpy.dsl.nodes import MappingNode, SequenceNode
from digpy.dsl.reader import read_text
from digpy.errors import YamlError
from digpy.source import Source

WORDS = ["a", "+t", "sh>", "1", "0.5", "1.5", "0x1F", "é", "日本", "😀", "true", "~", "${x}", "x y"]
# No "|", ">", tabs or tags: there the two differ in what they accept, or where they point.
SIGNS = [" ", "  ", "\n", "\n  ", "\n    ", "\r\n", ": ", ": ", "- ", "\n- ", " # note", "'", '"']
SIGNS += ["[", "]", "{", "}", ", ", "&a ", "*a", "<<: *a", "? ", "---"]

scalars = st.sampled_from([*WORDS, "'it''s'", '"a\\n${b}"', '"é: [#"', ""])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(
            lambda items: (
                "{" + ", ".join(f"k{i}: {item or '~'}" for i, item in enumerate(items)) + "}"
            )
        ),
    ),
    max_leaves=6,
)


@st.composite
def block_mappings(draw: st.DrawFn, indent: int = 0) -> str:
    lines = []
    for number in range(draw(st.integers(1, 4))):
        key = f"{' ' * indent}k{number}:"
        shape = draw(
            st.sampled_from(["value", "mapping", "list", "text"] if indent < 6 else ["value"])
        )
        if shape == "value":
            lines.append(f"{key} {draw(values)}")
        elif shape == "mapping":
            lines += [key, draw(block_mappings(indent + 2))]
        elif shape == "list":
            lines.append(key)
            lines += [f"{' ' * indent}- {item}" for item in draw(st.lists(values, max_size=3))]
        else:
            lines += [
                f"{key} |",
                *(f"{' ' * (indent + 2)}{word}" for word in draw(st.lists(scalars))),
            ]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def read(text: str, *, pure: bool) -> Any:
    """Values with their types and positions, or "refused"."""
    try:
        return described(read_text(Source("w.dig", text), pure=pure))
    except YamlError:
        return "refused"


def described(value: Any) -> Any:
    if isinstance(value, MappingNode):
        return [(key, described(item), value.offsets[key][:4]) for key, item in value.items()]
    if isinstance(value, SequenceNode):
        return [[described(item) for item in value], value.offsets]
    return type(value).__name__, value


@given(block_mappings())
def test_parsers_agree_on_workflow_like_files(text: str) -> None:
    assert read(text, pure=False) == read(text, pure=True)


@given(st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=10).map("".join))
def test_parsers_agree_on_any_text_that_both_accept(text: str) -> None:
    fast, slow = read(text, pure=False), read(text, pure=True)
    assert fast == slow or "refused" in (fast, slow)


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
)
def test_positions_count_characters_of_any_script(word: str) -> None:
    quoted = "'" + word.replace("'", "''") + "'"
    text = f"{quoted}: 1\nnext: {quoted}\n"
    node = read_text(Source("w.dig", text))
    assume(len(node) == 2)
    key_start, key_end, value_start, value_end = node.offsets["next"][:4]
    assert text[key_start:key_end] == "next"
    assert text[value_start:value_end] == quoted
