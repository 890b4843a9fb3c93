"""``digpy``, or ``python -m digpy``: the command, as a process.

What a command imports lives until its process ends. So the garbage collector, which would look
through it again and again while it is imported and once more at the end, is kept away from it.
What comes then is for the most part a tree that lives as long as its attempt.
"""

import gc
import sys
from typing import NoReturn

gc.disable()  # before the imports
gc.set_threshold(20_000)  # new objects; looking after 700 took a tenth of 100,000 tasks' time

from digpy.cli.main import run  # noqa: E402 - see above
from digpy.cli.streams import open_standard_streams  # noqa: E402


def main() -> NoReturn:
    """Entry point of the command line; never returns."""
    open_standard_streams()
    code = run(sys.argv[1:])
    gc.freeze()  # the process ends: nothing has to be taken apart
    sys.exit(code)


if __name__ == "__main__":
    main()
