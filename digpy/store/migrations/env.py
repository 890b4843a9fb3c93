"""Alembic's environment: runs the steps on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from digpy.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by building the table anew
)
context.run_migrations()
