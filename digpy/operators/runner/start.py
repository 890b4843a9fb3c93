"""Begins a ``py>`` task: ``runner.py DIRECTORY TARGET INPUT OUTPUT``; `digpy_runner` does the rest.

Python compiles each time what it is told to run, so this is short; what it imports from DIRECTORY
it keeps compiled. Valid since Python 3.6.
"""

# Importing pathlib would cost more than the rest of this file:
# ruff: noqa: PTH118, PTH120
import os
import sys

if __name__ == "__main__":  # not in the processes that multiprocessing spawns
    # The directory of this file comes first, unless Python was told to leave it out (-I, -P).
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        del sys.path[0]
    sys.path.insert(0, sys.argv.pop(1))
    try:
        main = __import__("digpy_runner").main
    except ImportError:  # an interpreter in a container does not see DIRECTORY: here is a copy
        import runpy

        copy = os.path.join(os.path.dirname(__file__), "digpy_runner.py")
        main = runpy.run_path(copy)["main"]
    del sys.path[0]
    main(*sys.argv[1:])
