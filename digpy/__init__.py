"""digpy runs digdag's ``.dig`` workflows: durable, supervised, without a JVM."""

__version__ = "0.1.0"
