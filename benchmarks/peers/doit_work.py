"""The work of `run.py` in doit: ``python doit_work.py sequential|fan_out|shell COUNT``.

What was done is kept in doit's own database, which is written when all is done.
"""

import sys

from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain

done = []


def nothing() -> None:
    done.append(None)


def main(work: str, count: int) -> bool:
    action = "true" if work == "shell" else nothing

    def task_step():
        for number in range(count):
            yield {
                "name": str(number),
                "actions": [action],
                "task_dep": [f"step:{number - 1}"] if number and work != "fan_out" else [],
                "verbosity": 0,
            }

    code = DoitMain(ModuleTaskLoader({"task_step": task_step})).run(["run"])
    return code == 0 and (work == "shell" or len(done) == count)


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
