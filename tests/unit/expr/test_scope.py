from digpy.expr.scope import Scope
from digpy.values import Template


def test_layers_merge_deeply_and_in_order() -> None:
    scope = Scope({"m": {"a": 1}, "x": 1}).export({"m": {"b": 2}}).store({"x": [2]})
    assert scope.params == {"m": {"a": 1, "b": 2}, "x": [2]}


def test_reset_comes_before_the_store_of_the_same_layer() -> None:
    scope = Scope({"m": {"a": 1, "b": 2}}).store({"m": {"a": 3}}, reset=["m"])
    assert scope.params == {"m": {"a": 3}}


def test_adding_a_layer_changes_no_other_scope() -> None:
    base = Scope({"m": {"a": 1}})
    first, second = base.export({"m": {"b": 1}}), base.export({"c": 1})
    assert (base.params, first.params, second.params) == (
        {"m": {"a": 1}},
        {"m": {"a": 1, "b": 1}},
        {"m": {"a": 1}, "c": 1},
    )


def test_siblings_share_what_they_have_in_common() -> None:
    common = Scope({"big": {"a": 1}}).export({"x": 1})
    assert common.export({"y": 1}).params["big"] is common.export({"z": 1}).params["big"]


def test_long_chain_is_merged_without_recursion() -> None:
    scope = Scope({})
    for number in range(10_000):
        scope = scope.store({"n": number})
    assert scope.params == {"n": 9_999}


def test_origin_of_a_value_is_its_newest_layer() -> None:
    scope = Scope({"a": 1, "b": 1}, "-p").export({"a": 2}, "+g").store({"c": 3}, (), "+g+x")
    assert scope.origins("a") == ["+g"]
    assert scope.origins("b") == ["-p"]
    assert scope.origins("c") == ["+g+x"]
    assert scope.origins("d") == []


def test_merged_mapping_has_all_its_origins() -> None:
    scope = (
        Scope({"m": {"a": 1}}, "-p").export({"m": {"b": 2}}, "+g").store({"m": {"c": 3}}, (), "+x")
    )
    assert scope.origins("m") == ["+x", "+g", "-p"]


def test_reset_hides_earlier_origins() -> None:
    scope = Scope({"m": {"a": 1}}, "-p").store({}, ["m"], "+x").export({"m": {"b": 1}}, "+g")
    assert scope.origins("m") == ["+g"]


def test_few_scopes_of_a_long_chain_hold_their_parameters() -> None:
    chain = [Scope({"first": 0})]
    for number in range(500):
        chain.append(chain[-1].store({f"n{number}": number}))
        assert len(chain[-1].params) == number + 2
    assert sum(scope._params is not None for scope in chain) < 100
    assert len(chain[250].params) == 251


def test_what_is_exported_may_hold_templates_and_what_is_stored_does_not() -> None:
    scope = Scope({"m": {"a": 1}}).store({"x": ["${m}"]}).export({"t": Template("${x}"), "n": 1})
    assert scope.templates == ("m", "t")


def test_templates_stand_in_the_order_of_the_parameters() -> None:
    scope = Scope({}).store({"b": 1}).export({"a": Template("${b}")}).export({"b": Template("$")})
    assert scope.templates == ("b", "a")


def test_a_template_that_comes_back_stands_at_its_new_place() -> None:
    template = Template("${x}")
    scope = Scope({"a": template, "b": template}).store({}, ["a"]).export({"a": template})
    assert scope.templates == ("b", "a")


def test_a_template_that_was_reset_is_none_any_more() -> None:
    template = Template("${x}")
    assert Scope({"a": template, "b": template}).store({}, ["a"]).templates == ("b",)
