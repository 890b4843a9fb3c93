"""A command and its attempt worker in small: runs one script and prints what happens, line by line.

First the process numbers of worker, spawner and keeper; then the events of the program; and when
the worker has died, what the janitor finds.
"""

import json
import os
import select
import sys
from functools import partial
from pathlib import Path
from typing import Any

from digpy.agent.janitor import settle
from digpy.agent.programs import Programs
from digpy.agent.rundir import RunDirectory
from digpy.launchers.local import Channel, LocalLauncher
from tests.support.eventually import eventually
from tests.support.process_tree import CommandProcess, shell

RUN = CommandProcess.RUN


def main() -> None:
    state, script = Path(sys.argv[1]), sys.argv[2]
    worker = LocalLauncher().launch(partial(work, state, script))
    while not worker.channel.closed:
        select.select([worker.channel], [], [])
        for message in worker.channel.receive():
            say(message)
    (found,) = settle(state, [RUN])
    code = None if found.exit is None else found.exit.code
    say({"proof": found.proof, "code": code, "started": found.started, "request": found.request})


def work(state: Path, script: str, channel: Channel) -> None:
    programs = Programs(state, limit=4)
    directory = RunDirectory(state, RUN)
    programs.start(RUN, shell(script, state), {"operator": "sh"})
    request = directory.request
    assert request is not None
    keeper = None
    if not os.environ["DIGPY_FAILPOINT"]:
        keeper = eventually(lambda: directory.keeper)
    channel.send(
        {"worker": os.getpid(), "spawner": request.spawner.pid, "keeper": keeper and keeper.pid}
    )
    while not channel.closed:
        select.select([channel.fileno(), programs.fileno()], [], [], programs.timeout)
        for event in programs.events():
            channel.send({"event": type(event).__name__, **event._asdict()})
        channel.receive()


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
