"""Runs the revisions on the connection of Database.upgrade; knows no URL and no setting."""

from alembic import context

from ltxserve.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # The caller owns the transaction: all revisions or none.
    transactional_ddl=True,
)
context.run_migrations()
