"""Splitting texts into literals and holes, and finding what is wrong with them."""

import pytest

from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate_text
from digpy.expr.template import Hole, Piece, Text, parse, problems
from digpy.source import Source, Span


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        ("a$b $$", (Text("a$b $"),)),
        ("x${a}y", (Text("x"), Hole("a", 3, 4), Text("y"))),
        ("${a}}", (Hole("a", 2, 3), Text("}"))),
        ("${ {x: {y: 1}}.x }", (Hole(" {x: {y: 1}}.x ", 2, 17),)),
        ('${"}"}', (Hole('"', 2, 3), Text('"}'))),
        ("${'{'} ${a}", (Text("${'{'} ${a}"),)),
        ("$$ ${a", (Text("$ ${a"),)),
        ("${", (Text("${"),)),
        ("${{", (Text("${{"),)),
        ("${a {b", (Text("${a {b"),)),
        ("${a{}}c${{}{", (Hole("a{}", 2, 5), Text("c${{}{"))),
        ("$${", (Text("${"),)),
        ("x${}y", (Text("x"), Text("y"))),
        ("${ }", (Hole(" ", 2, 3),)),
        ("${secret:a}", (Text("${secret:a}"),)),
        ("${secret:${k}}", (Text("${secret:"), Hole("k", 11, 12), Text("}"))),
        ("${A:b}", (Hole("A:b", 2, 5),)),
        ("a\n${b\n}", (Text("a\n"), Hole("b\n", 4, 6))),
    ],
)
def test_text_is_split_as_digdag_does(text: str, pieces: tuple[Piece, ...]) -> None:
    assert parse(text) == pieces


def whole(yaml: str, scalar: str) -> Span:
    start = yaml.index(scalar)
    return Span(Source("w.dig", yaml), start, start + len(scalar))


def test_valid_expressions_have_no_problem() -> None:
    text = "${a + 1} ${} ${secret:x} ${[1].map(function(v){return {v: v}})}"
    assert problems(text, whole(text, text)) == []


def test_syntax_error_is_shown_at_its_character() -> None:
    yaml = '+a:\n  echo>: "x ${a b}"\n'
    [problem] = problems("x ${a b}", whole(yaml, '"x ${a b}"'))
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (2, 17)
    assert problem.message == '"a b" is not a JavaScript expression'
    assert problem.severity == "error"


def test_syntax_error_in_a_block_scalar_is_shown_at_its_character() -> None:
    yaml = "+a:\n  sh>: |\n    echo 1\n    echo ${a b}\n"
    [problem] = problems("echo 1\necho ${a b}\n", whole(yaml, "|\n    echo 1\n    echo ${a b}\n"))
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (4, 14)


def test_syntax_error_in_a_file_from_windows_is_shown_at_its_character() -> None:
    yaml = "\ufeff+a:\r\n  sh>: |\r\n    echo 1\r\n    echo ${a b}\r\n"[1:]
    scalar = "|\r\n    echo 1\r\n    echo ${a b}\r\n"
    [problem] = problems("echo 1\necho ${a b}\n", whole(yaml, scalar))
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (4, 14)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["${" + "{" * 20_000, "${" + "{" * 20_000 + "}" * 20_001])
def test_braces_may_be_nested_as_deeply_as_anybody_likes(text: str) -> None:
    assert len(parse(text)) == 1


def test_syntax_error_on_a_later_line_of_an_expression_is_shown_there() -> None:
    text = "${a +\n  b c}"
    [problem] = problems(text, whole(text, text))
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (2, 5)


def test_text_that_does_not_stand_as_it_is_is_shown_as_a_whole() -> None:
    yaml = '+a:\n  echo>: "\\x24{a b}"\n'
    span = whole(yaml, '"\\x24{a b}"')
    assert problems("${a b}", span)[0].span == span


def test_hole_that_is_never_closed_is_a_warning() -> None:
    text = "x ${a ${b}"
    [problem] = problems(text, whole(text, text))
    assert problem.severity == "warning"
    assert problem.span is not None
    assert problem.span.column == 3


def test_all_problems_of_a_text_are_found() -> None:
    text = "${a b} ${c} ${d e}"
    assert len(problems(text, whole(text, text))) == 2


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("${({a: {b: 1}}).a.b}", "1"),
        ("${{a: 1}.a}", "1"),
        ("${'{}'}", "{}"),
        ("${`${1 + 1}`}", "2"),
        ("${`${`${3}`}`}", "3"),
        ("${/a{2}/.test('aa')}", "true"),
        ("${'aXb'.split(/[X{}]/)}", '["a","b"]'),
        ("${(function() { /* {} */ return '$' })()}", "$"),
        ("${1 // one\n}", "1"),
        ("${[1, 2].map(n => ({n}))}", '[{"n":1},{"n":2}]'),
        ("a${'$'}{b}$$c", "a${b}$c"),
    ],
)
def test_braces_that_balance_belong_to_the_expression(template: str, text: str) -> None:
    assert evaluate_text(template, {}) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${a +}", "the expression ends too early"),
        ("${f(}", "the expression ends too early"),
        ("${a ?\nb}", "the expression ends too early"),
        ("${a)}", 'a ")" closes nothing'),
    ],
)
def test_what_stands_around_an_expression_is_not_quoted(text: str, reason: str) -> None:
    [problem] = problems(text, whole(text, text))
    assert problem.reason == reason


def test_a_broken_expression_is_explained_by_its_own_text_when_it_is_evaluated() -> None:
    with pytest.raises(ExpressionError, match=r"\(SyntaxError: the expression ends too early\)"):
        evaluate_text("${1} ${1 +}", {})


def test_a_syntax_error_that_an_expression_throws_stays_its_own() -> None:
    with pytest.raises(ExpressionError, match="SyntaxError: of my own"):
        evaluate_text("${(function () { throw new SyntaxError('of my own') })()}", {})
