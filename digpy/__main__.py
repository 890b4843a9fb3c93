"""``python -m digpy`` is the ``digpy`` command."""

from digpy.cli.main import main

if __name__ == "__main__":
    main()
