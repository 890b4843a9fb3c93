"""Secrets in the text of operators: ``${secret:key}``, in the few places where it means something.

Such a reference survives the evaluation of templates. It is replaced at the last moment, so a
secret is never a parameter, and what it was replaced by goes nowhere but into the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from digpy.dsl.coercion import sample
from digpy.errors import TaskFailed
from digpy.values import Json, Params

_REFERENCE = re.compile(r"\$\{([a-z]+):([^}]*)\}")
_KEY = re.compile(r"[A-Za-z](?:[\w-]*[A-Za-z0-9])?(?:\.[A-Za-z](?:[\w-]*[A-Za-z0-9])?)*", re.ASCII)
_LONGEST_KEY = 255

Lookup = Callable[[str], str | None]


def substitute(text: str, lookup: Lookup) -> str:
    """Replace every ``${secret:key}``.

    Raises `TaskFailed` for a missing secret and for any other ``${word:...}``.
    """

    def secret(match: re.Match[str]) -> str:
        namespace, key = match[1], match[2].strip()
        if namespace != "secret" or len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
            raise TaskFailed(f"Invalid parametrization: '{match[0]}'", "config")
        value = lookup(key)
        if value is None:
            raise TaskFailed(f"Secret not found for key: '{key}'", "secret not found")
        return value

    return _REFERENCE.sub(secret, text)


def rerouted(lookup: Lookup, params: Params) -> Lookup:
    """`lookup` behind ``_secrets``: ``{mysql: other.mysql}`` says where ``mysql.*`` is to be found.

    Raises `TaskFailed` for a ``_secrets`` that is no such mapping.
    """
    routes = dict(_routes(params.get("_secrets"), ""))
    if not routes:
        return lookup

    def find(key: str) -> str | None:
        names = key.split(".")
        for length in range(len(names), 0, -1):
            target = routes.get(".".join(names[:length]))
            if target is not None:
                return lookup(".".join([target, *names[length:]]))
        return lookup(key)

    return find


def _routes(node: Json, path: str) -> list[tuple[str, str]]:
    match node:
        case dict():
            below = f"{path}." if path else ""
            return [route for key, item in node.items() for route in _routes(item, below + key)]
        case str() if path:
            return [(path, node)]
        case True if path:
            return []  # an old way of granting access, without a meaning today
        case None if not path:
            return []
        case _:
            where = f"_secrets.{path}" if path else "_secrets"
            raise TaskFailed(
                f"Illegal value in {where}: expected the name of a secret but got {sample(node)}",
                "config",
            )
