"""The database: connections, tables, migrations and ids; knows no job, no account and no rule."""
