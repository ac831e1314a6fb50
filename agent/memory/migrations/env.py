"""Runs the steps on the connection that was handed over; there is no configuration file."""

from alembic import context

from agent.memory.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
