"""The `Date` of expressions: local time is that of the workflow, by ECMAScript 5's rules."""

import pytest

from digpy.expr.quickjs_engine import QuickJS

LOS_ANGELES, LORD_HOWE, KATHMANDU = "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"


@pytest.fixture(scope="module")
def engine() -> QuickJS:
    return QuickJS()


def evaluate(engine: QuickJS, code: str, zone: str) -> str:
    return engine.render((code,), {}, zone, 0)[0]


@pytest.mark.parametrize(
    ("code", "zone", "expected"),
    [
        ("new Date(2016,2,13,1,59).toISOString()", LOS_ANGELES, "2016-03-13T09:59:00.000Z"),
        ("new Date(2016,2,13,2,30).toISOString()", LOS_ANGELES, "2016-03-13T09:30:00.000Z"),
        ("new Date(2016,2,13,3,0).toISOString()", LOS_ANGELES, "2016-03-13T10:00:00.000Z"),
        ("new Date(2016,9,2,2,15).toISOString()", LORD_HOWE, "2016-10-01T15:15:00.000Z"),
    ],
)
def test_a_skipped_local_time_is_the_same_time_before_the_change(
    engine: QuickJS, code: str, zone: str, expected: str
) -> None:
    assert evaluate(engine, code, zone) == expected


@pytest.mark.parametrize(
    ("code", "zone", "expected"),
    [
        ("new Date(2016,10,6,0,59).toISOString()", LOS_ANGELES, "2016-11-06T07:59:00.000Z"),
        ("new Date(2016,10,6,1,30).toISOString()", LOS_ANGELES, "2016-11-06T09:30:00.000Z"),
        ("new Date(2016,3,3,1,45).toISOString()", LORD_HOWE, "2016-04-02T15:15:00.000Z"),
    ],
)
def test_a_repeated_local_time_is_the_second_one(
    engine: QuickJS, code: str, zone: str, expected: str
) -> None:
    assert evaluate(engine, code, zone) == expected


def test_a_clock_change_of_half_an_hour_moves_the_fields_by_half_an_hour(engine: QuickJS) -> None:
    code = (
        "[0,1].map(function(n){var d=new Date(Date.UTC(2016,3,2,15,n-1));"
        "return d.getHours()+':'+d.getMinutes()+' '+d.getTimezoneOffset()})"
    )

    assert evaluate(engine, code, LORD_HOWE) == '["1:59 -660","1:30 -630"]'


@pytest.mark.parametrize(("year", "offset"), [(1985, "-330"), (1987, "-345"), (2020, "-345")])
def test_an_offset_of_three_quarters_of_an_hour_begins_when_it_did(
    engine: QuickJS, year: int, offset: str
) -> None:
    assert evaluate(engine, f"new Date({year},5,1).getTimezoneOffset()", KATHMANDU) == offset


def test_the_rules_in_force_go_on_for_ever(engine: QuickJS) -> None:
    code = "[new Date(2500,0,1), new Date(2500,6,1)].map(function(d){return d.getTimezoneOffset()})"

    assert evaluate(engine, code, LOS_ANGELES) == "[480,420]"


@pytest.mark.parametrize("code", ["new Date(1e308,0)", "new Date(Infinity)", "new Date(NaN,0)"])
def test_what_lies_outside_all_dates_is_invalid(engine: QuickJS, code: str) -> None:
    assert evaluate(engine, f"isNaN({code})", LOS_ANGELES) == "true"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-01-02", "2016-01-02T00:00:00.000Z"),
        ("2016-01-02T03:04:05", "2016-01-02T03:04:05.000Z"),
        ("2016-01-02T03:04:05+09:00", "2016-01-01T18:04:05.000Z"),
        ("2016-01-02 03:04:05", "2016-01-02T11:04:05.000Z"),
        ("2016/01/02", "2016-01-02T08:00:00.000Z"),
        ("Jan 2, 2016 3:04 PM", "2016-01-02T23:04:00.000Z"),
        ("2 Jan 2016 03:04:05 GMT", "2016-01-02T03:04:05.000Z"),
        ("Sat Jan 02 2016 03:04:05 GMT+0900 (JST)", "2016-01-01T18:04:05.000Z"),
    ],
)
def test_a_text_without_offset_is_local_unless_it_is_iso(
    engine: QuickJS, text: str, expected: str
) -> None:
    assert evaluate(engine, f"new Date('{text}').toISOString()", LOS_ANGELES) == expected


@pytest.mark.parametrize("text", ["", "garbage", "2016-13-01", "13/01/2016", "1st Jan 2016"])
def test_a_text_that_is_no_date_is_invalid(engine: QuickJS, text: str) -> None:
    assert evaluate(engine, f"Date.parse('{text}')", LOS_ANGELES) == "null"


def test_what_a_date_writes_is_read_as_the_same_instant(engine: QuickJS) -> None:
    code = (
        "['toString','toUTCString','toISOString'].map(function(f){var d=new Date(2016,6,1,2,3,4);"
    )
    code += "return Date.parse(d[f]()) - d})"

    assert evaluate(engine, code, LORD_HOWE) == "[0,0,0]"


def test_a_setter_works_on_local_time(engine: QuickJS) -> None:
    code = "(function(){var d=new Date(2016,2,12,2,30); d.setDate(14); return d.toString()})()"

    assert evaluate(engine, code, LOS_ANGELES) == "Mon Mar 14 2016 02:30:00 GMT-0700 (PDT)"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("new Date(0) instanceof Date", "true"),
        ("typeof new Date(0)", "object"),
        ("typeof Date()", "string"),
        ("Object.prototype.toString.call(new Date(0))", "[object Date]"),
        ("new Date(0).constructor === Date", "true"),
        ("Object.keys(Date.prototype)", "[]"),
        ("[new Date(0), new Date(NaN)]", '["1970-01-01T00:00:00.000Z",null]'),
    ],
)
def test_it_is_a_date_in_every_respect(engine: QuickJS, code: str, expected: str) -> None:
    assert evaluate(engine, code, LOS_ANGELES) == expected


def test_the_present_is_the_one_given(engine: QuickJS) -> None:
    now = 1_700_000_000_123_456
    codes = ("Date.now()", "new Date().toISOString()", "moment().toISOString()")

    found = engine.render(codes, {}, LOS_ANGELES, now)

    assert found == ["1700000000123", "2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20.123Z"]
