"""What tasks do: one file an operator, found by `registry`.

Nothing here waits, and nothing knows the database.
"""
