"""Functions that python.dig calls; their arguments are bound by name from the parameters."""

import digdag


def compute(base):
    digdag.env.store({"answer": base + 2})


def more():
    digdag.env.add_subtask({"_type": "echo", "_command": "added by python"})
