"""The work of `run.py` in dbos: ``python dbos_work.py sequential|fan_out|shell COUNT``.

Steps of one durable workflow; a fan-out starts a workflow for each item and waits for all. State is
in an SQLite database in the working directory.
"""

import subprocess
import sys

from dbos import DBOS


@DBOS.step()
def step(script: str) -> int:
    if script:
        subprocess.run(["/bin/sh", "-c", script], check=True)
    return 1


@DBOS.workflow()
def item() -> int:
    return step("")


@DBOS.workflow()
def work_of(work: str, count: int) -> int:
    script = "true" if work == "shell" else ""
    if work == "fan_out":
        started = [DBOS.start_workflow(item) for _ in range(count)]
        return sum(handle.get_result() for handle in started)
    return sum(step(script) for _ in range(count))


def main(work: str, count: int) -> bool:
    database = "sqlite:///dbos.sqlite"
    DBOS(config={"name": "work", "system_database_url": database, "log_level": "ERROR"})
    DBOS.launch()
    try:
        return work_of(work, count) == count
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
