"""The classes of the edited tables say what the migrations made, no more and no less."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

import offers.parking.tables
import offers.tables  # noqa: F401  # its tables join the metadata
from geo.tables import Base

EDITED = {
    "retailers",
    "api_keys",
    "sites",
    "fences",
    "offers",
    "offer_budgets",
    "caps",
    "defaults",
    "config_version",
    "parking_zones",
    "parking_tariffs",
    "parking_tariff_versions",
    "parking_permits",
    "menus",
    "menu_versions",
}


def differences(connection: sqlalchemy.Connection) -> list[Any]:
    def is_edited(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        if kind == "index":  # those on expressions serve plain SQL, which the classes do not write
            return all(isinstance(part, sqlalchemy.Column) for part in thing.expressions)
        return kind != "table" or name in EDITED

    options = {"include_object": is_edited, "compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    found: list[Any] = compare_metadata(context, Base.metadata)
    return found


async def compared(database_url: str, *statements: str) -> list[Any]:
    url = sqlalchemy.make_url(database_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(sqlalchemy.text(statement))
            return await connection.run_sync(differences)
    finally:
        await engine.dispose()


def test_every_edited_table_has_its_class() -> None:
    assert set(Base.metadata.tables) == EDITED


async def test_the_classes_agree_with_the_migrated_schema(database_url: str) -> None:
    assert await compared(database_url) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE fences ADD COLUMN colour text",
        "ALTER TABLE offers ALTER COLUMN priority TYPE bigint",
        "ALTER TABLE sites ALTER COLUMN location TYPE geometry(Geometry, 4326)",
        "ALTER TABLE fences ALTER COLUMN active_hours SET NOT NULL",
        "ALTER TABLE fences ALTER COLUMN dwell_s SET DEFAULT 60",
        "DROP INDEX fences_site_id_idx",
        "ALTER TABLE offers DROP CONSTRAINT offers_retailer_id_external_id_key",
        "ALTER TABLE caps DROP CONSTRAINT caps_offer_id_fkey",
    ],
)
async def test_a_schema_that_went_another_way_is_noticed(database_url: str, statement: str) -> None:
    assert await compared(database_url, statement) != []
