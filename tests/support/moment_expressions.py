"""Random uses of ``moment``, written as JavaScript: what the comparison with the real library asks.

The same seed gives the same expressions. They cover what workflows write and what they might:
instants in many ways, chains of changes, and questions whose answer is a text, a number or a list.
"""

from __future__ import annotations

import json
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


_UNITS = _words(
    "year years y month months M week weeks w day days d hour hours h minute minutes m second s "
    "millisecond ms quarter quarters Q isoWeek date"
)
_SETTABLE = _words(
    "year month date hour minute second millisecond day weekday isoWeekday week isoWeek dayOfYear "
    "quarter weekYear isoWeekYear"
)
_YEARS = ("year", "weekYear", "isoWeekYear")
_TOKENS = _words(
    "M Mo MM MMM MMMM Q Qo D Do DD DDD DDDo DDDD d do dd ddd dddd e E w wo ww W Wo WW YY YYYY "
    "YYYYYY Y gg gggg GG GGGG A a H HH h hh k kk m mm s ss S SS SSS SSSS SSSSSS Z ZZ X x LT LTS "
    "L LL LLL LLLL l ll lll llll hmm hmmss Hmm Hmmss z zz N y"
)
_READABLE = [
    *_words(
        "YYYY-MM-DD YYYY/M/D DD.MM.YYYY MM-DD-YYYY YYYYMMDD "
        "YYYY-MM-DDTHH:mm:ss YYYY-MM-DD[T]HH:mm:ssZ "
        "YYYY-MM-DDTHH:mm:ss.SSSZZ YYYY-DDDD GGGG-[W]WW-E gggg-ww-e X x YYYY-MM HH:mm H:m:s hmm "
        "hmmss Hmm Hmmss LT L Q YYYY"
    ),
    "D MMM YYYY",
    "MMMM Do, YYYY",
    "dddd, MMMM D, YYYY h:mm A",
    "h:mm:ss a",
    "YYYY-MM-DD hh:mm A",
    "DD MMM YY HH:mm",
    "[Q]Q YYYY",
    "YYYY-MM-DD kk:mm",
    "ddd D MMM YYYY",
    "Y-M-D",
]
_ODD = (
    "",
    "x",
    "2016",
    "201601",
    "20160131T1030",
    "2016-13-01",
    "2016-02-30",
    "2016-01-01T24:00",
    "2016-01-01T24:01",
    "2016-W01",
    "2016-W53-1",
    "2015-W53-7",
    "2016-366",
    "2015-366",
    "2016-1-1",
    "+002016-01-01",
    "-000001-01-01",
    "2016-01-01 10:30:15,123",
    "2016-01-01T10:30:15.1234567Z",
    "2016-01-01T10:30+09",
    "2016-01-01T10:30 +09:00",
    "12:30",
    "Jan 5, 2016",
    "5 Jan 2016 10:00",
    "Tue, 05 Jan 2016 10:00:00 +0900",
    "Mon, 05 Jan 2016 10:00:00 GMT",
    "1/2/2016",
    "/Date(1198908717056)/",
    "2016-01-01T10:30:15-0330",
    "not a date",
    "2016-01-01garbage",
    "1st Jan 2016",
)


def expressions(count: int, seed: int) -> list[str]:
    """`count` expressions; none begins with a brace, all end without a semicolon."""
    random = Random(seed)  # the same for the same seed
    return [_expression(random) for _ in range(count)]


def _expression(random: Random) -> str:
    if random.random() < 0.2:
        return _duration_question(random)
    moment = _moment(random)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        moment += _change(random)
    return moment + _question(random)


def _text(value: object) -> str:
    return json.dumps(value)


def _instant(random: Random) -> int:
    if random.random() < 0.1:
        return random.randrange(-62_000_000_000_000, 250_000_000_000_000)
    return random.randrange(0, 2_145_000_000_000, random.choice((1, 1000, 60_000, 86_400_000)))


def _iso(random: Random) -> str:
    year, month, day = (
        random.randrange(1970, 2038),
        random.randrange(1, 13),
        random.randrange(1, 31),
    )
    date = random.choice(
        (
            f"{year}-{month:02}-{day:02}",
            f"{year}{month:02}{day:02}",
            f"{year}-W{random.randrange(1, 54):02}-{random.randrange(1, 8)}",
            f"{year}-{random.randrange(1, 367):03}",
            f"{year}-{month:02}",
        )
    )
    if random.random() < 0.3:
        return date
    clock = f"{random.randrange(25):02}:{random.randrange(61):02}"
    clock += random.choice(
        ("", f":{random.randrange(60):02}", f":{random.randrange(60):02}.{random.randrange(10**3)}")
    )
    return (
        date + random.choice("TT ") + clock + random.choice(("", "", "Z", "+09:00", "-0330", "+05"))
    )


def _moment(random: Random) -> str:  # noqa: PLR0911 - one for each way
    made = random.randrange(12)
    if made < 4:
        return f"moment({_instant(random)})"
    if made == 4:
        return f"moment.utc({_instant(random)})"
    if made == 5:
        return f"moment({_instant(random)}).utcOffset({_offset(random)})"
    if made == 6:
        return f"moment.parseZone({_text(_iso(random))})"
    if made == 7:
        return f"moment{random.choice(('', '.utc'))}({_text(_iso(random))})"
    if made == 8:
        parts = [
            random.randrange(1900, 2100),
            random.randrange(13),
            random.randrange(33),
            random.randrange(26),
            random.randrange(62),
            random.randrange(62),
        ]
        return f"moment{random.choice(('', '.utc'))}({parts[: random.randrange(1, 7)]})"
    if made == 9:
        return f"moment{random.choice(('', '.utc'))}({_text(random.choice(_ODD))})"
    if made == 10:
        units = random.sample(("year", "months", "day", "hours", "m", "s", "ms"), 3)
        return f"moment({_text({unit: random.randrange(1, 40) for unit in units})})"
    return _read(random)


def _read(random: Random) -> str:
    form = random.choice(_READABLE)
    if random.random() < 0.7:  # what it wrote itself
        text = f"moment.utc({_instant(random)}).format({_text(form)})"
    else:
        text = _text(random.choice((*_ODD, _iso(random))))
    if random.random() < 0.1:
        forms = random.sample(_READABLE, 2)
        return f"moment({text}, {_text(forms)})"
    strict = random.choice(("", "", ", true", ", 'en'"))
    return f"moment{random.choice(('', '.utc', '.parseZone'))}({text}, {_text(form)}{strict})"


def _offset(random: Random) -> str:
    return random.choice(
        (
            str(random.randrange(-16, 17)),
            str(random.randrange(-900, 900, 15)),
            "'+09:00'",
            "'-0330'",
        )
    )


def _number(random: Random) -> str:
    return random.choice(
        (
            "1",
            "-1",
            "0",
            str(random.randrange(-100, 100)),
            str(random.randrange(-5000, 5000)),
            "1.5",
            "-0.5",
        )
    )


def _change(random: Random) -> str:
    made = random.randrange(10)
    if made < 4:
        unit = _text(random.choice(_UNITS))
        return f".{random.choice(('add', 'subtract'))}({_number(random)}, {unit})"
    if made < 6:
        return f".{random.choice(('startOf', 'endOf'))}({_text(random.choice(_UNITS))})"
    if made < 8:
        unit = random.choice(_SETTABLE)
        # The year 0 is 1900 to the setters of weeks in moment.js, which count its leap day wrongly.
        value = random.randrange(1, 2200) if unit in _YEARS else random.randrange(-3, 70)
        return f".set({_text(unit)}, {value})" if made == 6 else f".{unit}({value})"
    if made == 8:
        return random.choice(
            (".utc()", ".local()", ".utc(true)", ".clone()", f".utcOffset({_offset(random)}, true)")
        )
    amounts = {unit: random.randrange(-40, 40) for unit in random.sample(_UNITS[:18], 2)}
    return f".add({_text(amounts)})"


def _question(random: Random) -> str:  # noqa: PLR0911 - one for each kind
    made = random.randrange(20)
    if made < 6:
        marks = ("-", "/", " ", ":", "T", ", ", "[at]", "[M]", "")
        form = "".join(
            random.choice(_TOKENS) + random.choice(marks) for _ in range(random.randrange(1, 6))
        )
        return f".format({_text(form)})"
    unit = random.choice(_UNITS)
    if made < 9:
        exact = random.choice(("", ", true", ", false"))
        return f".diff({_moment(random)}, {_text(unit)}{exact})"
    if made == 9:
        return f".{random.choice(('from', 'to'))}({_moment(random)}{random.choice(('', ', true'))})"
    if made == 10:
        return f".calendar({_moment(random)})"
    if made == 11:
        word = random.choice(("isBefore", "isAfter", "isSame", "isSameOrBefore", "isSameOrAfter"))
        return f".{word}({_moment(random)}, {_text(unit)})"
    if made == 12:
        ends = random.choice(("()", "[]", "(]", "[)"))
        return f".isBetween({_moment(random)}, {_moment(random)}, {_text(unit)}, '{ends}')"
    if made == 13:
        return f".get({_text(random.choice(_SETTABLE))})"
    return random.choice(
        (
            ".format()",
            ".toISOString()",
            ".toISOString(true)",
            ".toJSON()",
            ".valueOf()",
            ".unix()",
            ".utcOffset()",
            ".isDST()",
            ".isLeapYear()",
            ".weeksInYear()",
            ".isoWeeksInYear()",
            ".daysInMonth()",
            ".toArray()",
            ".toObject()",
            ".isValid()",
            ".toString()",
            ".inspect()",
            ".week()",
            ".isoWeek()",
            ".parsingFlags()",
            ".invalidAt()",
            ".isUtc()",
            ".isLocal()",
            ".isUtcOffset()",
            ".quarter()",
            ".weekYear()",
            ".isoWeekYear()",
            ".dayOfYear()",
            ".weekday()",
            ".isoWeekday()",
            ".zoneAbbr()",
            ".hasAlignedHourOffset()",
            ".toDate()",
            "",
        )
    )


def _duration(random: Random) -> str:
    units = _UNITS[:22]
    made = random.randrange(5)
    if made == 0:
        return f"moment.duration({_number(random)}, {_text(random.choice(units))})"
    if made == 1:
        parts = {unit: random.randrange(-200, 200) for unit in random.sample(units, 3)}
        return f"moment.duration({_text(parts)})"
    if made == 2:
        text = random.choice(
            (
                "P1Y2M3DT4H5M6S",
                "-P1D",
                "PT36H",
                "P2W",
                "P0.5Y",
                "PT1.5S",
                "P-3M",
                "7.23:59:59.999",
                "23:59:59",
                "1 02:03",
                "-10:30",
                "",
                "x",
                "P",
                "PT",
                "P1Y-2M",
                "00:00:00.1234567",
            )
        )
        return f"moment.duration({_text(text)})"
    if made == 3:
        return f"moment.duration({_moment(random)}.diff({_moment(random)}))"
    return f"moment.duration({random.randrange(-(10**11), 10**11)})"


def _duration_question(random: Random) -> str:
    duration = _duration(random)
    for _ in range(random.choice((0, 0, 1, 2))):
        duration += f".{random.choice(('add', 'subtract'))}({_duration(random)})"
    if random.random() < 0.1:
        duration += ".abs()"
    unit = random.choice(
        ("years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds")
    )
    return duration + random.choice(
        (
            ".humanize()",
            ".humanize(true)",
            f".as('{unit}')",
            f".get('{unit}')",
            f".{unit}()",
            ".toISOString()",
            ".toJSON()",
            ".valueOf()",
            f".as{unit.capitalize()}()",
            ".isValid()",
            "",
            ".toString()",
        )
    )
