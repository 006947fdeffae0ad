"""What Alembic runs for every command: revisions on the connection that `api.schema` opened.

`api.schema` owns the transaction, the lock and the time limits; nothing is committed here.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
