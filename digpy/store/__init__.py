"""The database: a file of SQLite by default.

`database` opens it and runs named statements; `schema` and `statements` are where their text comes
from (read only by `python -m digpy.store.compile` and by tests). Then one module a noun, each a set
of functions over a `Transaction`: `projects`, `attempts`, `tasks`, `runs`, `events`, `launches`,
`leases`.
"""
