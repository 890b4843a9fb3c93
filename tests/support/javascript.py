"""The JavaScript engines, for tests that both must pass."""

from __future__ import annotations

import sys

import pytest

from digpy.expr.javascript import JavaScript

NEEDS_JS2PY = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="js2py does not import on Python 3.12 and later"
)
ENGINES = [pytest.param("quickjs"), pytest.param("js2py", marks=NEEDS_JS2PY)]


def make_engine(name: str) -> JavaScript:
    """An engine of its own; the process of js2py ends with it."""
    if name == "js2py":
        from digpy.expr.js2py_engine import Js2Py

        return Js2Py()
    from digpy.expr.quickjs_engine import QuickJS

    return QuickJS()
