"""Reads requests and writes answers, one line of JSON each, until its input ends.

A request is ``{"codes", "variables", "timezone", "transitions", "now"}`` (transitions are null if
the zone was sent before, the present is in milliseconds) or ``{"check": code}``. The answer is
``{"texts"}``, ``{"error": [name, message, position]}``, ``{"fine": true}`` or ``{"stopped": why}``:
time, memory, reach (it asked Python for what no expression needs), or how the fork died.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

from digpy.expr.javascript import MEMORY_LIMIT, TIME_LIMIT
from digpy.expr.js2py_child.interpreter import Interpreter, Thrown

_NEEDED: Final = frozenset({"exec", "object.__getattr__"})
"""What Python reports of our work: the translated text is run, functions are looked at."""
_REACHED: Final = 86  # exit code of a fork that asked for more
_RECURSION: Final = 4000  # frames of Python; a call of JavaScript takes about five


def main() -> None:
    """Serve requests until the other side closes the pipe, which is also how its death looks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command decides what Ctrl-C means
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody is left to read the answer
    answers = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what js2py prints is no answer
    sys.setrecursionlimit(_RECURSION)
    interpreter = Interpreter()
    gc.freeze()  # a collection in a fork would copy every page of what is loaded
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "check" not in request:
            interpreter.set_zone(request["timezone"], request["transitions"], request["now"])
        _write(answers, _in_fork(interpreter, request) + b"\n")


def _in_fork(interpreter: Interpreter, request: dict[str, Any]) -> bytes:
    """The answer to one request, worked out by a fork that is gone afterwards."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _limit()
        _write(writing, json.dumps(_answer(interpreter, request)).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return answer
    why = {-signal.SIGXCPU: "time", -signal.SIGKILL: "time", _REACHED: "reach"}
    return json.dumps({"stopped": why.get(code, f"exit code {code}")}).encode()


def _answer(interpreter: Interpreter, request: dict[str, Any]) -> dict[str, Any]:
    try:
        if "check" in request:
            interpreter.check(request["check"])
            return {"fine": True}
        script = interpreter.compile(request["codes"], request["variables"])
        sys.addaudithook(_refuse)
        return {"texts": script()}
    except Thrown as thrown:
        return {"error": [thrown.name, thrown.message, thrown.position]}
    except MemoryError:
        return {"stopped": "memory"}
    except RecursionError:
        return {"error": ["RangeError", "Maximum call stack size exceeded", None]}
    except Exception as error:  # noqa: BLE001 - js2py fails in Python where it is not finished
        return {"error": ["", f"js2py failed: {type(error).__name__}: {error}", None]}


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event not in _NEEDED:
        os._exit(_REACHED)


def _limit() -> None:
    seconds = max(1, round(TIME_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # SIGXCPU, then SIGKILL
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    memory = pages * resource.getpagesize() + MEMORY_LIMIT
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    main()
