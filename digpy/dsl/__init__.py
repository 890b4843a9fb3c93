"""Text to definition: reading, checking and compiling ``.dig`` files. No clock, no randomness."""
