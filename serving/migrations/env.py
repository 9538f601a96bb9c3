"""What Alembic runs: on the connection that `serving.database` hands over, inside its transaction and its lock."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
