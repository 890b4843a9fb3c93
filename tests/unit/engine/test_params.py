"""Which layers feed a task: one test a line of the rules."""

from __future__ import annotations

from typing import Any

from digpy.engine.params import Kind, Layer, Layers, error_sources
from digpy.engine.tree import Task
from tests.support.engine import LEAF, Play, fail, ok, postpone

Line = tuple[str, str]


def layers(play: Play, name: str) -> list[Line]:
    """What feeds the newest task of that name, oldest first: kind and full name."""
    return shown(play, Layers().of(play.tree, play.task(name)))


def shown(play: Play, layer: Layer | None) -> list[Line]:
    lines = []
    while layer is not None:
        lines.append((layer.kind.name, play.tree[layer.task].full_name))
        layer = layer.previous
    return lines[::-1]


def exporting(task: dict[str, Any]) -> dict[str, Any]:
    return {"_export": {"e": 1}, **task}


STORES = ok(store={"s": 1})


def store(name: str) -> Line:
    return ("STORE", name)


def export(name: str) -> Line:
    return ("EXPORT", name)


class TestExports:
    def test_those_of_the_ancestors_come_from_the_root_down_and_the_own_one_last(self) -> None:
        play = Play(exporting({"+g": exporting({"+a": exporting(LEAF)})}))
        assert layers(play, "+w+g+a") == [export("+w"), export("+w+g"), export("+w+g+a")]

    def test_a_sibling_does_not_see_them(self) -> None:
        play = Play({"+a": exporting(LEAF), "+b": LEAF}).run()
        assert layers(play, "+w+b") == []

    def test_what_an_operator_exports_stands_over_its_written_export(self) -> None:
        play = Play({"+a": exporting(LEAF)}, {"+w+a": ok(LEAF, export={"e": 2}, store={"s": 1})})
        play.run()
        assert layers(play, "+w+a^sub") == [
            export("+w+a"),
            ("RESULT_EXPORT", "+w+a"),
            store("+w+a"),
        ]

    def test_a_task_does_not_see_what_it_exported_in_an_earlier_run(self) -> None:
        play = Play({"+a": {"sh>": "x", "_retry": 1}})
        play.play("+w+a", ok(LEAF, export={"e": 2}, store={"s": 1}))
        play.play("+w+a^sub", fail())
        play.due("+w+a")
        assert layers(play, "+w+a") == []


class TestStores:
    def test_a_group_export_beats_a_store_before_the_group(self) -> None:
        workflow = {"+a": LEAF, "+g": exporting({"+x": LEAF})}
        play = Play(workflow, {"+w+a": STORES}).run()
        assert layers(play, "+w+g+x") == [store("+w+a"), export("+w+g")]

    def test_a_store_inside_the_group_beats_its_export(self) -> None:
        workflow = {"+g": exporting({"+y": LEAF, "+z": LEAF})}
        play = Play(workflow, {"+w+g+y": STORES}).run()
        assert layers(play, "+w+g+z") == [export("+w+g"), store("+w+g+y")]

    def test_the_own_export_beats_all_stores(self) -> None:
        play = Play({"+a": LEAF, "+b": exporting(LEAF)}, {"+w+a": STORES}).run()
        assert layers(play, "+w+b") == [store("+w+a"), export("+w+b")]

    def test_a_later_sibling_sees_all_below_an_earlier_one_and_not_its_exports(self) -> None:
        workflow = {"+g": exporting({"+x": LEAF, "+h": {"+y": LEAF}}), "+z": LEAF}
        play = Play(workflow, {"+w+g+x": STORES, "+w+g+h+y": STORES}).run()
        assert layers(play, "+w+z") == [store("+w+g+x"), store("+w+g+h+y")]

    def test_upstreams_of_upstreams_count_the_farther_first(self) -> None:
        steps = {"+w+a": STORES, "+w+b": STORES}
        play = Play({"+a": LEAF, "+b": LEAF, "+c": {"+x": LEAF}}, steps).run()
        assert layers(play, "+w+c+x") == [store("+w+a"), store("+w+b")]

    def test_parallel_siblings_do_not_see_each_other(self) -> None:
        workflow = {"_parallel": True, "+a": LEAF, "+b": LEAF, "+c": {"_after": ["+a"], **LEAF}}
        play = Play(workflow, {"+w+a": STORES}).run()
        assert layers(play, "+w+b") == []
        assert layers(play, "+w+c") == [store("+w+a")]

    def test_a_chunk_sees_the_chunks_before(self) -> None:
        workflow = {"_parallel": {"limit": 2}, **{f"+{name}": LEAF for name in "abcdef"}}
        play = Play(workflow, {f"+w+{name}": STORES for name in "abcdef"}).run()
        seen = [store(f"+w+{name}") for name in "abcd"]
        assert layers(play, "+w+e") == seen
        assert layers(play, "+w+f") == seen
        assert layers(play, "+w+c") == seen[:2]

    def test_a_background_task_sees_nothing_earlier_and_the_next_one_sees_it(self) -> None:
        workflow = {"+a": LEAF, "+b": {"_background": True, **LEAF}, "+c": LEAF}
        play = Play(workflow, {"+w+a": STORES, "+w+b": STORES}).run()
        assert layers(play, "+w+b") == []
        assert layers(play, "+w+c") == [store("+w+a"), store("+w+b")]

    def test_after_a_join_the_order_is_that_of_the_file(self) -> None:
        workflow = {
            "+p": {"_parallel": True, "+a": LEAF, "+b": {"_after": ["+a"], **LEAF}, "+c": LEAF},
            "+z": LEAF,
        }
        play = Play(workflow, {f"+w+p+{name}": STORES for name in "abc"})
        play.play("+w+p+c")
        play.run()
        assert layers(play, "+w+z") == [store(f"+w+p+{name}") for name in "abc"]

    def test_an_upstream_that_is_reached_twice_counts_once(self) -> None:
        workflow = {
            "_parallel": True,
            "+a": LEAF,
            "+b": LEAF,
            "+c": {"_after": ["+a"], **LEAF},
            "+d": {"_after": ["+b", "+a"], **LEAF},
            "+e": {"_after": ["+d", "+c"], **LEAF},
        }
        play = Play(workflow, {f"+w+{name}": STORES for name in "abcd"}).run()
        assert layers(play, "+w+e") == [store(f"+w+{name}") for name in "acbd"]

    def test_subtasks_and_check_see_what_their_operator_stored(self) -> None:
        play = Play({"+a": {"sh>": "x", "_check": LEAF}}, {"+w+a": ok(LEAF, store={"s": 1})}).run()
        assert layers(play, "+w+a^sub") == [store("+w+a")]

    def test_a_check_sees_what_the_subtasks_stored(self) -> None:
        steps = {"+w+a": ok({"+x": LEAF}), "+w+a^sub+x": STORES}
        play = Play({"+a": {"sh>": "x", "_check": LEAF}}, steps).run()
        assert layers(play, "+w+a^check") == [store("+w+a^sub+x")]

    def test_a_reset_without_a_store_is_a_layer_too(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": ok(reset=("k",))}).run()
        assert layers(play, "+w+b") == [store("+w+a")]

    def test_a_failed_round_is_invisible_to_the_next_one(self) -> None:
        workflow = {"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF, "+c": LEAF}}
        steps = {"+w+g+b": STORES, "+w+g+c": [fail(), ok()]}
        play = Play(workflow, steps)
        for name in ("a", "b", "c"):
            play.play(f"+w+g+{name}")
        play.due("+w+g")
        assert layers(play, "+w+g+a") == []

    def test_after_the_group_all_rounds_are_visible_the_newest_last(self) -> None:
        workflow = {"+g": {"_retry": 1, "+b": LEAF, "+c": LEAF}, "+z": LEAF}
        steps = {"+w+g+b": STORES, "+w+g+c": [fail(), ok()]}
        play = Play(workflow, steps).run()
        first, second = play.named("+w+g+b")
        layer = Layers().of(play.tree, play.task("+w+z"))
        assert layer is not None
        assert layer.previous is not None
        assert [layer.previous.task, layer.task] == [first.number, second.number]

    def test_a_new_run_replaces_what_the_old_one_stored(self) -> None:
        steps = {"+w+e": [ok(LEAF, store={"old": 1}), ok()], "+w+e^sub": fail()}
        play = Play({"+e": {"sh>": "x", "_retry": 1}, "+z": LEAF}, steps).run()
        assert layers(play, "+w+z") == []

    def test_a_run_that_failed_leaves_what_the_run_before_stored(self) -> None:
        steps = {
            "+w+g+e": [ok(LEAF, store={"old": 1}), fail(), ok(), ok()],
            "+w+g+e^sub": fail(),
        }
        workflow = {"+g": {"_retry": 1, "+e": {"sh>": "x", "_retry": 1}}, "+z": LEAF}
        play = Play(workflow, steps).run()
        assert layers(play, "+w+z") == [store("+w+g+e")]

    def test_a_run_that_failed_after_one_without_result_leaves_nothing(self) -> None:
        workflow = {
            "+g": {"_retry": 1, "+e": {"sh>": "x", "_retry": 1, "_check": LEAF}},
            "+z": LEAF,
        }
        steps = {"+w+g+e": [ok(), fail(), ok()], "+w+g+e^check": [fail(), ok()]}
        assert layers(Play(workflow, steps).run(), "+w+z") == []


class TestHandlers:
    def test_error_stands_over_the_handlers_own_export(self) -> None:
        workflow = {"+a": exporting({"sh>": "x", "_error": exporting(LEAF)})}
        play = Play(workflow, {"+w+a": fail()}).run()
        assert layers(play, "+w+a^error") == [
            export("+w+a"),
            export("+w+a^error"),
            ("HANDLER", "+w+a^error"),
        ]

    def test_tasks_of_a_handler_inherit_it(self) -> None:
        play = Play({"+a": {"sh>": "x", "_error": {"+m": LEAF}}}, {"+w+a": fail()}).run()
        assert layers(play, "+w+a^error+m") == [("HANDLER", "+w+a^error")]

    def test_of_a_task_that_failed_its_own_error_counts(self) -> None:
        play = Play({"+a": {"sh>": "x", "_error": LEAF}}, {"+w+a": fail("no")}).run()
        assert _sources(play, "+w+a^error") == [("+w+a", {}, "no")]

    def test_of_a_group_everything_below_it_counts_in_the_order_of_numbers(self) -> None:
        workflow = {
            "+g": {
                "_error": LEAF,
                "+s": LEAF,
                "+p": {"_parallel": True, "+a": {"sh>": "x", "_error": LEAF}, "+b": LEAF},
            }
        }
        steps = {
            "+w+g+s": STORES,
            "+w+g+p+a": fail("A"),
            "+w+g+p+a^error": STORES,
            "+w+g+p+b": fail("B"),
        }
        play = Play(workflow, steps).run()
        assert _sources(play, "+w+g^error") == [
            ("+w+g+s", {"s": 1}, None),
            ("+w+g+p+a", {}, "A"),
            ("+w+g+p+a^error", {"s": 1}, None),
            ("+w+g+p+b", {}, "B"),
        ]

    def test_earlier_rounds_count(self) -> None:
        workflow = {"+g": {"_retry": 1, "_error": LEAF, "+a": LEAF}}
        play = Play(workflow, {"+w+g+a": [fail("first"), fail("second")]}).run()
        assert [line[2] for line in _sources(play, "+w+g^error")] == ["first", "second"]

    def test_neither_the_alert_nor_the_handler_itself_counts(self) -> None:
        workflow = {"_error": {"+m": LEAF, "+n": LEAF}, "+a": LEAF}
        steps = {"+w+a": fail("no"), "+w^failure-alert": fail("alert"), "+w^error+m": STORES}
        play = Play(workflow, steps).run()
        assert _sources(play, "+w^error") == [("+w+a", {}, "no")]

    def test_a_failed_check_is_a_failure_below_its_owner(self) -> None:
        workflow = {"+a": {"sh>": "x", "_check": LEAF, "_error": LEAF}}
        steps = {"+w+a": ok(store={"s": 1}), "+w+a^check": fail("bad")}
        play = Play(workflow, steps).run()
        assert _sources(play, "+w+a^error") == [("+w+a^check", {}, "bad")]

    def test_a_task_that_failed_in_a_later_round_counts_with_what_it_had_stored(self) -> None:
        workflow = {"+g": {"_error": LEAF, "+e": {"sh>": "x", "_retry": 1}}}
        steps = {"+w+g+e": [ok(LEAF, store={"s": 1}), fail("late")], "+w+g+e^sub": fail("early")}
        play = Play(workflow, steps).run()
        assert _sources(play, "+w+g^error") == [
            ("+w+g+e", {"s": 1}, None),
            ("+w+g+e", {}, "late"),
            ("+w+g+e^sub", {}, "early"),
        ]


def _sources(play: Play, name: str) -> list[tuple[str, object, object]]:
    return [
        (play.tree[o.number].full_name, o.store, None if o.error is None else o.error["message"])
        for o in error_sources(play.tree, play.task(name))
    ]


class TestSharing:
    def test_siblings_share_what_they_have_in_common(self) -> None:
        play = Play(exporting({"_parallel": True, "+a": LEAF, "+b": LEAF}))
        known = Layers()
        first = known.of(play.tree, play.task("+w+a"))
        assert first is not None
        assert first is known.of(play.tree, play.task("+w+b"))

    def test_what_is_remembered_stays_right_while_the_attempt_goes_on(self) -> None:
        workflow = exporting({"_retry": 1, "+a": LEAF, "+g": {"_retry": 1, "+b": LEAF, "+c": LEAF}})
        steps = {"+w+a": STORES, "+w+g+b": STORES, "+w+g+c": [fail(), fail(), ok()]}
        play = Play(workflow)
        known = Layers()
        asked: list[str] = []

        def script(tree: Any, task: Task) -> Any:
            fresh = Layers()
            assert shown(play, known.of(tree, task)) == shown(play, fresh.of(tree, task))
            asked.append(task.full_name)
            step = steps.get(task.full_name, ok())
            return step.pop(0) if isinstance(step, list) else step

        play.script = script
        play.run()
        assert len(asked) == 8

    def test_a_poll_does_not_change_what_a_task_sees(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": STORES, "+w+b": postpone()})
        play.play("+w+a")
        known = Layers()
        before = known.of(play.tree, play.task("+w+b"))
        play.play("+w+b")
        assert known.of(play.tree, play.task("+w+b")) is before

    def test_kinds_are_four(self) -> None:
        assert [kind.name for kind in Kind] == ["EXPORT", "RESULT_EXPORT", "STORE", "HANDLER"]
