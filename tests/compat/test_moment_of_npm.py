"""Our `moment` and our `Date` beside the real ones: moment.js 2.21.0 from npm, and node's clock.

Both sides of the first comparison stand on our `Date`, since digdag's engine differs from node's
where a clock is changed, and in texts it cannot read; the second compares that `Date` itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from digpy.expr.javascript import library
from digpy.expr.quickjs_engine import QuickJS
from digpy.expr.transitions import transitions
from tests.support.moment_expressions import expressions

NOW = 1_700_000_000_000_000
_COUNT = 2000
_CHUNK = 100  # expressions in one text, which may take a second

_MOMENT = """
const fs = require("fs"), vm = require("vm");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const context = vm.createContext({settings: JSON.stringify(job.settings)});
vm.runInContext(job.date, context);
vm.runInContext("__digpy_install(JSON.parse(settings))", context);
vm.runInContext(fs.readFileSync(job.moment, "utf8"), context);
vm.runInContext("moment.suppressDeprecationWarnings = true", context);
console.log(JSON.stringify(job.codes.map(code => vm.runInContext(code, context))));
"""
_SHOWN = (
    "(function(){{ try {{ var value = ({});"
    " return typeof value === 'string' ? value : '' + JSON.stringify(value) }}"
    " catch (error) {{ return 'throws ' + error.name }} }})()"
)

_CLOCK = """(function() {
  var random = 42, lines = [], near = 4 * 3600000;
  function next(limit) {
    random = (random * 1103515245 + 12345) % 2147483648;
    return random % limit;
  }
  function offset(time) { return new Date(time).getTimezoneOffset(); }
  for (var i = 0; i < 2000; i++) {
    var time = next(2145916800) * 1000 + next(1000), date = new Date(time);
    var y = date.getFullYear(), mo = date.getMonth(), d = date.getDate(), h = date.getHours();
    var mi = date.getMinutes(), s = date.getSeconds(), ms = date.getMilliseconds();
    var line = [time, y, mo, d, date.getDay(), h, mi, s, ms, offset(time)];
    if (offset(time - near) === offset(time + near)) { // else the local time may be one of two
      line.push(new Date(y, mo, d, h, mi, s, ms).getTime() - time);
      line.push(date.toString().slice(0, 33), date.setHours(12, 0, 0, 0));
    }
    lines.push(line.join(" "));
  }
  return lines;
})()"""


def needs(reason: str) -> Any:
    """Skip on a laptop; in CI what is missing is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def node(script: str, given: str = "", **environment: str) -> Any:
    """What `script` prints, which is JSON."""
    if shutil.which("node") is None:
        needs("node is not installed")
    ended = subprocess.run(
        ["node", "-e", script],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def moment_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        needs("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "moment@2.21.0"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ended.returncode != 0:
        needs(f"moment.js cannot be fetched from npm: {ended.stderr}")
    return folder / "node_modules" / "moment" / "moment.js"


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "+05:45"]
)
def test_random_uses_of_moment_give_what_moment_js_gives(zone: str, moment_js: Path) -> None:
    asked = expressions(_COUNT, seed=sum(zone.encode()))
    codes = [_SHOWN.format(code) for code in asked]
    job = {
        "codes": codes,
        "date": dict(library())["date.js"],
        "moment": str(moment_js),
        "settings": {"zone": zone, "transitions": transitions(zone), "now": NOW // 1000},
    }
    expected = node(_MOMENT, json.dumps(job))
    engine = QuickJS()

    found = []
    for at in range(0, len(codes), _CHUNK):
        found += engine.render(codes[at : at + _CHUNK], {}, zone, NOW)

    different = [row for row in zip(asked, expected, found, strict=True) if row[1] != row[2]]
    assert different == []


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Asia/Tokyo",
    ],
)
def test_the_clock_of_a_zone_is_that_of_node(zone: str) -> None:
    expected = node(f"console.log(JSON.stringify({_CLOCK}))", TZ=zone)

    (found,) = QuickJS().render((_CLOCK,), {}, zone, NOW)

    assert json.loads(found) == expected
