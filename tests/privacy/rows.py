"""Every row of every table as text: what somebody sees who steals the whole database."""

from __future__ import annotations

import asyncpg

_COLUMNS = """
    SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'
    ORDER BY table_schema, table_name, ordinal_position
"""
# PostGIS brings them.
NOT_OURS = {"spatial_ref_sys", "alembic_version"}


async def columns_of_all_tables(rows: asyncpg.Pool) -> dict[str, list[str]]:
    """By table of ours, in order."""
    found: dict[str, list[str]] = {}
    for row in await rows.fetch(_COLUMNS):
        if row["table_name"] not in NOT_OURS:
            found.setdefault(row["table_name"], []).append(row["column_name"])
    return found


async def everything(rows: asyncpg.Pool) -> dict[tuple[str, str], str]:
    """All values of each column of each table, joined; bytes as hexadecimal and as characters."""
    texts: dict[tuple[str, str], str] = {}
    for row in await rows.fetch(_COLUMNS):
        table = f'"{row["table_schema"]}"."{row["table_name"]}"'
        column = f'"{row["column_name"]}"'
        value = f"{column}::text"
        if row["data_type"] == "bytea":
            value = f"encode({column}, 'hex') || ' ' || encode({column}, 'escape')"
        values = await rows.fetch(f"SELECT {value} FROM {table} WHERE {column} IS NOT NULL")
        texts[row["table_name"], row["column_name"]] = "\n".join(value for (value,) in values)
    return texts
