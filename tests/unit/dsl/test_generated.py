"""What operators add below their tasks: ``^sub`` and ``^check``."""

import pytest

from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import Definitions, Subtasks, TaskDefinition
from digpy.errors import CompileError
from digpy.values import Params, Template


def owner(**config: object) -> TaskDefinition:
    written: Params = {"loop>": 2, **config}  # type: ignore[dict-item]
    return TaskDefinition(3, "+a", 0, (), False, written)


def generated(subtasks: Subtasks | None, **config: object) -> Definitions:
    definitions = compile_generated(owner(**config), "+w+a", subtasks)
    assert definitions is not None
    return definitions


def rows(definitions: Definitions) -> list[tuple[str, int | None, tuple[int, ...], Params]]:
    return [(task.name, task.parent, task.upstreams, task.config) for task in definitions.tasks]


def failure(subtasks: Subtasks | None, **config: object) -> str:
    with pytest.raises(CompileError) as failed:
        compile_generated(owner(**config), "+w+a", subtasks)
    return str(failed.value)


def test_nothing_is_generated_from_nothing() -> None:
    assert compile_generated(owner(), "+w+a", None) is None
    assert compile_generated(owner(), "+w+a", Subtasks({})) is None


def test_operator_as_subtask_is_sub_itself() -> None:
    assert rows(generated(Subtasks({"echo>": "x"}))) == [("^sub", None, (), {"echo>": "x"})]


def test_check_waits_for_sub() -> None:
    definitions = generated(Subtasks({"+x": {"sh>": "1"}}), _check={"echo>": "c"})
    assert rows(definitions) == [
        ("^sub", None, (), {}),
        ("+x", 0, (), {"sh>": "1"}),
        ("^check", None, (0,), {"echo>": "c"}),
    ]


def test_check_alone_waits_for_nothing() -> None:
    assert rows(generated(None, _check={"echo>": "c"})) == [("^check", None, (), {"echo>": "c"})]


def test_repeat_makes_a_child_for_each_name_with_its_data_over_the_export() -> None:
    body: Params = {
        "_export": {"i": Template("${old}"), "k": 1},
        "+x": {"sh>": "1"},
        "+y": {"sh>": "2"},
    }
    definitions = generated(Subtasks(body, (("+loop-0", {"i": "$a"}), ("+loop-1", {"i": 1}))))
    assert rows(definitions) == [
        ("^sub", None, (), {}),
        ("+loop-0", 0, (), {"_export": {"i": "$a", "k": 1}}),
        ("+x", 1, (), {"sh>": "1"}),
        ("+y", 1, (2,), {"sh>": "2"}),
        ("+loop-1", 0, (1,), {"_export": {"i": 1, "k": 1}}),
        ("+x", 4, (), {"sh>": "1"}),
        ("+y", 4, (5,), {"sh>": "2"}),
    ]
    assert definitions[0].children == (1, 4)
    assert type(definitions[1].config["_export"]["i"]) is str  # type: ignore[call-overload,index]
    assert body["_export"] == {"i": "${old}", "k": 1}


def test_copies_share_one_handler() -> None:
    body: Params = {"+x": {"sh>": "1", "_error": {"echo>": "e"}}}
    definitions = generated(Subtasks(body, (("+loop-0", {}), ("+loop-1", {}))))
    assert [task.name for task in definitions.tasks] == [
        "^sub",
        "+loop-0",
        "+x",
        "+loop-1",
        "+x",
        "^error",
    ]
    assert definitions[2].handlers == definitions[4].handlers == {"^error": 5}


def test_data_is_added_behind_what_the_body_has() -> None:
    definitions = generated(Subtasks({"echo>": "x"}, (("+loop-0", {"i": 0}),)))
    assert list(definitions[1].config) == ["echo>", "_export"]


@pytest.mark.parametrize("parallel", [True, "true", {"limit": 0}])
def test_parallel_copies_do_not_wait(parallel: object) -> None:
    subtasks = Subtasks({"echo>": "x"}, (("+loop-0", {}), ("+loop-1", {})), parallel)  # type: ignore[arg-type]
    definitions = generated(subtasks)
    assert definitions[0].config == {"_parallel": parallel}
    assert definitions[2].upstreams == ()


@pytest.mark.parametrize("parallel", [None, False, "false"])
def test_copies_run_one_after_the_other_otherwise(parallel: object) -> None:
    subtasks = Subtasks({"echo>": "x"}, (("+loop-0", {}), ("+loop-1", {})), parallel)  # type: ignore[arg-type]
    definitions = generated(subtasks)
    assert definitions[0].config == {}
    assert definitions[2].upstreams == (1,)


def test_no_names_generate_an_empty_group_only_in_parallel() -> None:
    assert compile_generated(owner(), "+w+a", Subtasks({"echo>": "x"}, ())) is None
    definitions = generated(Subtasks({"echo>": "x"}, (), parallel=True))
    assert rows(definitions) == [("^sub", None, (), {"_parallel": True})]


def test_background_in_the_body_makes_every_copy_start_at_once() -> None:
    body: Params = {"echo>": "x", "_background": True}
    definitions = generated(Subtasks(body, (("+loop-0", {}), ("+loop-1", {}))))
    assert definitions[2].upstreams == ()
    assert "_background" not in definitions[1].config
    assert body["_background"] is True


def test_disabled_body_makes_disabled_copies() -> None:
    definitions = generated(Subtasks({"_disable": True, "fail>": "x"}, (("+loop-0", {"i": 0}),)))
    assert definitions[1].config == {"_disable": True}
    assert definitions[1].is_group


def test_text_in_subtasks_stays_what_it_is() -> None:
    definitions = generated(Subtasks({"echo>": "${x}", "k": Template("${y}")}))
    assert type(definitions[0].config["echo>"]) is str
    assert type(definitions[0].config["k"]) is Template


def test_two_operators_fail_with_the_text_of_digdag() -> None:
    assert failure(Subtasks({"echo>": 1, "sh>": 2})) == (
        'A task can\'t have more than one operator: {"echo>":1,"sh>":2}'
    )


def test_problem_of_a_repeated_body_is_told_as_if_the_copies_had_been_written() -> None:
    body: Params = {"foo": 1}
    assert failure(Subtasks(body, (("+loop-0", {"i": 0}), ("+loop-1", {"i": 1})))) == (
        "io.digdag.core.repository.ModelValidationException: Validating workflow failed\n"
        '+w+a^sub+loop-0 contains invalid keys: \'foo\': "{"foo":1,"_export":{"i":0}}"\n'
        '+w+a^sub+loop-1 contains invalid keys: \'foo\': "{"foo":1,"_export":{"i":1}}"'
    )


def test_bad_name_of_a_copy_fails_with_the_text_of_digdag() -> None:
    assert failure(Subtasks({"echo>": 1}, (("+for-0=x=0=a*", {}),))) == (
        "io.digdag.core.repository.ModelValidationException: Validating workflow task failed\n"
        "name must not contain character '*': \"+for-0=x=0=a*\""
    )


def test_bad_check_fails_the_task() -> None:
    assert failure(None, _check={"sh>": "y", "echo>": "z"}) == (
        'A task can\'t have more than one operator: {"sh>":"y","echo>":"z"}'
    )
    assert failure(None, _check="text") == "Parameter '_check' must be an object"


def test_export_that_is_no_mapping_fails() -> None:
    assert (
        failure(Subtasks({"+x": {"sh>": "1", "_export": 1}}))
        == "Parameter '_export' must be an object"
    )
    repeated = Subtasks({"sh>": "1", "_export": 1}, (("+loop-0", {"i": 0}),))
    assert failure(repeated) == "Parameter '_export' must be an object"


def test_unusable_parallel_fails() -> None:
    assert failure(Subtasks({"sh>": "1"}, (("+loop-0", {}),), 5)) == "Invalid _parallel format: 5"


def test_ten_thousand_copies_share_their_configuration() -> None:
    repeat: tuple[tuple[str, Params], ...] = tuple((f"+loop-{n}", {"i": n}) for n in range(10_000))
    definitions = generated(Subtasks({"+x": {"sh>": "1"}}, repeat))
    assert len(definitions) == 20_001
    assert definitions[2].config is definitions[20_000].config
