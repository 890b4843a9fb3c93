"""What reading gives beyond the recorded values: positions, templates, limits, problems."""

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.nodes import MappingNode, item_span, key_span, templates, value_span
from digpy.dsl.reader import MAX_DEPTH, read_text
from digpy.errors import YamlError
from digpy.source import Problem, Source, Span
from digpy.values import Template, to_json


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


def test_lone_carriage_returns_end_lines() -> None:
    span = value_span(read("a: 1\rb: two\r"), "b")
    assert span is not None
    assert (span.line, span.column) == (2, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_a_script_end_as_on_every_system(end: str) -> None:
    assert read(end.join(["sh>: |", "  echo 1", "  echo 2", ""])) == {"sh>": "echo 1\necho 2\n"}


def test_json_with_tabs_and_escaped_surrogates_is_read() -> None:
    assert read('{\n\t"a": "\\ud83d\\ude00",\n\t"b": [1,\t2]\n}') == {"a": "😀", "b": [1, 2]}


def test_byte_order_mark_inside_a_value_is_text() -> None:
    assert read("a: x\ufeffy\n") == {"a": "x\ufeffy"}


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


def test_each_of_many_mappings_may_merge_the_one_before() -> None:
    lines = ["m0: &m0 {k0: 0}"]
    lines += [f"m{n}: &m{n} {{<<: *m{n - 1}, k{n}: 0}}" for n in range(1, 500)]
    last = read("\n".join(lines))["m499"]
    assert isinstance(last, MappingNode)
    assert len(last) == 500


@pytest.mark.parametrize("merge", ["*a", "[*a]"])
def test_what_is_merged_counts_with_its_depth(merge: str) -> None:
    deep = "[" * 90 + "]" * 90
    text = f"a: &a {{k: {deep}}}\nb: &b {{<<: {merge}}}\nc: {'[' * 20}*b{']' * 20}\n"
    assert problems(text)[0].message == f"values are nested more than {MAX_DEPTH} deep"


def test_deepest_file_that_is_read_can_be_compiled_and_written() -> None:
    depth = MAX_DEPTH - 1
    lines = [f"{' ' * level}+t:" for level in range(depth)]
    node = read("\n".join([*lines, f"{' ' * depth}echo>: x"]))
    assert compile_workflow(node, "w", path="w.dig").definitions.static_count(0) == depth + 1
    assert to_json(node)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "k: 1\n" * 50_000,
        "".join(f"k{n}: *a\n" for n in range(50_000)),
        "a: " + "[" * 100_000,
        "a: {" * 100_000,
        "? " * 100_000,
        "\n".join(" " * n + "a:" for n in range(2_000)),
        "a: !!int " + "1:" * 200_000 + "1",
        'a: "' + "x " * 200_000,
        "x" * 1_000_000 + ": 1",
        "+t:\n  " + "x" * 1_000_000 + ">: 1\n" + "a: b: c\n",
    ],
    ids=lambda text: f"{text[:9]}...",
)
def test_hostile_text_is_refused_in_seconds_and_a_few_lines(text: str) -> None:
    for problem in problems(text)[:1000]:
        assert len(problem.render()) < 4_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{n}: 1\n" for n in range(100_000)),
        "a: [" + ",".join(["x"] * 200_000) + "]",
        "b: &b [1]\na:\n" + "- *b\n" * 100_000,
        "a: " + "x" * 5_000_000,
        "a: " + "${x} " * 200_000,
        "\n" * 1_000_000 + "a: 1",
        "a: x" + "&!*%,[|" * 50_000,
        "".join(f"+t{n}:\n  sh>: echo {n}\n" for n in range(10_000)),
        "".join(f"+t{n}:\n  sh>: {{a:b}}\n" for n in range(2_500)),
    ],
    ids=lambda text: f"{text[:9]}...",
)
def test_large_text_is_read_in_seconds(text: str) -> None:
    assert read(text)


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
    assert problems(f"a: {'9' * 10_000}\n")[0].message == "a number of more than 3,000 characters"


def test_longest_number_can_be_written_and_be_a_key() -> None:
    node = read(f"a: 0x{'F' * 2_998}\n0x{'F' * 900}: 1\n")
    assert to_json(node)


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00 +20:00", "9999-12-31 23:00:00 -20:00"])
def test_timestamp_beyond_the_calendar_does_not_suit_its_tag(text: str) -> None:
    assert "does not suit the tag" in problems(f"a: !!timestamp {text}\n")[0].message


def test_include_without_a_way_to_load_files_is_refused() -> None:
    assert problems("!include : x.dig\n")[0].message == "!include is not possible here"


def test_syntax_error_does_not_hide_problems_found_before_it() -> None:
    assert [problem.message for problem in problems('a: 1\na: 2\nb: "\n')] == [
        '"a" is written twice in the same mapping',
        "this quote is never closed",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a:\tb\n",
        "- \ta\n",
        'a: "x"\t# note\n',
        "a: |#\n",
        "a: &* 1\n",
        "a: !!!str x\n",
        'a: "\\ud83d"\n',
        "a: 1\n \tb\n",
        "%YAML 1.3\n---\na: 1\n",
    ],
)
@pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "Python"])
def test_what_one_parser_accepts_and_digdag_does_not_is_refused(text: str, pure: bool) -> None:
    with pytest.raises(YamlError):
        read_text(Source("w.dig", text), pure=pure)


@pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "Python"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: {b:c}\n", {"b:c": None}),
        ("a: [http://x.y]\n", ["http://x.y"]),
        ("a: x\ty\t# note\n", "x\ty"),
        ("a: |\n  \tx\n", "\tx\n"),
        ("a: >\n \n  x\n", "\nx\n"),
        ('a: "\\ud83d\\ude00"\n', "😀"),
        ("%YAML 1.2\n---\na: 0123\n", 83),
        ("%X y\n---\na: 1\n", 1),
    ],
)
def test_what_one_parser_refuses_and_digdag_does_not_is_read(
    text: str, value: object, pure: bool
) -> None:
    assert read_text(Source("w.dig", text), pure=pure) == {"a": value}
