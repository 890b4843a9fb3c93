"""The work of `run.py` in luigi: ``python luigi_work.py sequential|fan_out|shell COUNT``.

Each task leaves a file, which is how luigi knows what is done. Its scheduler is in the process.
"""

import subprocess
import sys
from pathlib import Path

import luigi


class Step(luigi.Task):
    """One task; those of a chain wait for the one before."""

    number = luigi.IntParameter()
    chained = luigi.BoolParameter()
    script = luigi.Parameter(default="")

    def requires(self):
        if self.chained and self.number:
            yield Step(self.number - 1, self.chained, self.script)

    def output(self):
        return luigi.LocalTarget(f"done/{self.number}")

    def run(self):
        if self.script:
            subprocess.run(["/bin/sh", "-c", self.script], check=True)
        with self.output().open("w"):
            pass


def main(work: str, count: int) -> bool:
    script = "true" if work == "shell" else ""
    if work == "fan_out":
        tasks = [Step(number, False, script) for number in range(count)]
    else:
        tasks = [Step(count - 1, True, script)]
    done = luigi.build(tasks, local_scheduler=True, workers=1, log_level="ERROR")
    return done and len(list(Path("done").iterdir())) == count


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], int(sys.argv[2])))
