"""Whether many tasks cost more each than few do.

In processor time, of the command and of the worker, which a busy machine changes little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.measuring import LEAST, ONE_TASK, Result, Sizes, file_of, in_turn, run_workflow


def growth(sizes: Sizes) -> Sequence[Result]:
    """Many tasks, generated in two ways or all in one file, against 1,000."""
    return [
        *_growth("`for_each>`, one after another", for_each, sizes),
        *_growth("`for_each>`, at once", lambda count: for_each(count, at_once=True), sizes),
        *_growth("`echo>` in a file", lambda count: file_of(["echo>: hello"] * count), sizes),
        # Every task sees what all before it have stored, so much more would be another question.
        *_growth("`param_store>` in a file", stores, sizes._replace(many=sizes.many[:1])),
    ]


def for_each(count: int, *, at_once: bool = False) -> str:
    """A ``for_each>`` over `count` numbers."""
    lines = f"+e:\n  for_each>: {{x: {list(range(count))}}}\n  _do:\n    echo>: ${{x}}\n"
    return f"timezone: UTC\n{lines}" + ("  _parallel: true\n" if at_once else "")


def stores(count: int) -> str:
    """Tasks that each store a name of their own, one after another."""
    return file_of([f"param_store>: {{name{number}: {number}}}" for number in range(count)])


def _growth(name: str, workflow: Callable[[int], str], sizes: Sizes) -> list[Result]:
    def cpu(text: str) -> Callable[[], float]:
        return lambda: run_workflow(text).cpu

    few = sizes.tasks
    texts = [workflow(count) for count in (few, *sizes.many)]
    one, of_few, *of_many = in_turn(sizes.repeat, cpu(ONE_TASK), *map(cpu, texts))
    each_of_few = max(of_few - one, LEAST) / few
    results = []
    for count, spent in zip(sizes.many, of_many, strict=True):
        each = max(spent - one, LEAST) / count
        detail = f"{each * 1e6:.0f} µs each; of {few:,} tasks {each_of_few * 1e6:.0f} µs each"
        title = f"{name}, {count:,} tasks"
        results.append(Result(title, each / each_of_few, f"x {few:,}", 1.5, False, detail))
    return results
