"""What reading gives beyond the recorded values: positions, templates, limits, problems."""

import pytest

from digpy.dsl.nodes import MappingNode, item_span, key_span, templates, value_span
from digpy.dsl.reader import MAX_DEPTH, read_text
from digpy.errors import YamlError
from digpy.source import Problem, Source, Span
from digpy.values import Template


def read(text: str) -> MappingNode:
    return read_text(Source("w.dig", text))


def problems(text: str) -> list[Problem]:
    with pytest.raises(YamlError) as refused:
        read(text)
    return list(refused.value.problems)


def written(span: Span | None) -> str:
    assert span is not None
    return span.source.text[span.start : span.end]


def test_keys_and_values_know_where_they_are_written() -> None:
    node = read('# é😀\n+a:\n  sh>: "日本 ${x}"\n  env: [1, zwei]\n')
    task = node["+a"]
    assert written(key_span(node, "+a")) == "+a"
    assert written(value_span(task, "sh>")) == '"日本 ${x}"'
    assert written(item_span(task["env"], 1)) == "zwei"  # type: ignore[call-overload,index]
    span = key_span(task, "sh>")
    assert span is not None
    assert (span.line, span.column) == (3, 3)


def test_plain_dict_has_no_positions() -> None:
    assert key_span({"a": 1}, "a") is None


def test_text_with_a_dollar_is_a_template_and_other_text_is_not() -> None:
    node = read("a: x${y}\nb: xy\nc: [$1]\n${k}: v\n")
    assert type(node["a"]) is Template
    assert type(node["b"]) is str
    assert type(node["c"][0]) is Template  # type: ignore[index]
    assert [type(key) for key in node] == [str] * 4


def test_template_behind_an_alias_is_a_template() -> None:
    assert type(read("a: &x ${y}\nb: *x\n")["b"]) is Template


def test_every_template_is_found_with_its_position() -> None:
    node = read("a: ${x}\nb:\n  c: [1, '${y}', {d: ${z}}]\n".replace("${z}", '"${z}"'))
    assert [(str(text), written(span)) for text, span in templates(node)] == [
        ("${x}", "${x}"),
        ("${y}", "'${y}'"),
        ("${z}", '"${z}"'),
    ]


def test_merged_keys_point_at_the_text_they_come_from() -> None:
    node = read("base: &b\n  x: one\ntask:\n  <<: *b\n  y: two\n")
    assert written(value_span(node["task"], "x")) == "one"


def test_byte_order_mark_and_windows_line_ends_do_not_shift_positions() -> None:
    node = read("\ufeffa: 1\r\nb: two\r\n")
    assert written(value_span(node, "b")) == "two"


def test_flow_mapping_without_blanks_is_read_although_libyaml_refuses_it() -> None:
    assert read("+a: {http>: https://example.com/x}\n+b: {k:v}\n") == {
        "+a": {"http>": "https://example.com/x"},
        "+b": {"k:v": None},
    }


def test_block_scalar_may_begin_with_a_tab() -> None:
    assert read("sh>: |\n  \tmake\n  x\n") == {"sh>": "\tmake\nx\n"}


def test_all_duplicate_keys_of_a_file_are_reported_with_the_line_of_the_first() -> None:
    found = problems("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n")
    assert [(problem.span.line, problem.reason) for problem in found if problem.span] == [
        (3, "the first one: line 1: a: 1"),
        (4, "the first one: line 4: c: {d: 1, d: 2}"),
    ]


def test_nested_aliases_that_would_fill_the_memory_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert (
        problems("\n".join(lines))[0].message
        == "the aliases of this file copy more than 1,000,000 values"
    )


def test_ten_thousand_aliases_of_one_mapping_are_fine() -> None:
    lines = ["base: &b {x: 1, y: 2}", *(f"t{n}: *b" for n in range(10_000))]
    assert len(read("\n".join(lines))) == 10_001


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 500 + "]" * 500,
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)),
    ],
    ids=["written", "by aliases"],
)
def test_depth_is_limited(text: str) -> None:
    assert problems(text)[-1].message == f"values are nested more than {MAX_DEPTH} deep"


def test_number_of_thousands_of_digits_is_a_problem_and_no_crash() -> None:
    assert "is not a number" in problems(f"a: {'9' * 10_000}\n")[0].message


def test_include_without_a_way_to_load_files_is_refused() -> None:
    assert problems("!include : x.dig\n")[0].message == "!include is not possible here"


def test_syntax_error_does_not_hide_problems_found_before_it() -> None:
    assert [problem.message for problem in problems('a: 1\na: 2\nb: "\n')] == [
        '"a" is written twice in the same mapping',
        "this quote is never closed",
    ]
