"""The work of `run.py` in prefect: ``python prefect_work.py sequential|fan_out|shell COUNT``.

It starts a server of its own for the time of the flow; there is no prefect without one. State is
in an SQLite database in the working directory.
"""

import os
import subprocess
import sys
from pathlib import Path

os.environ |= {
    "PREFECT_HOME": str(Path("prefect").resolve()),
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
}

from prefect import flow, task


@task
def step(script: str) -> int:
    if script:
        subprocess.run(["/bin/sh", "-c", script], check=True)
    return 1


@flow
def work_of(work: str, count: int) -> int:
    script = "true" if work == "shell" else ""
    if work == "fan_out":
        return sum(step.map([script] * count).result())
    return sum(step(script) for _ in range(count))


def main(work: str, count: int) -> bool:
    return work_of(work, count) == count


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
