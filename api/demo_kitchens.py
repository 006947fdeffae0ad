"""The demo's city is served: the invented menus, through the import that every retailer uses.

Each retailer's places, with the cards of `api.demo_menus`, become the documented JSON and pass the same
reading, judging and writing as `POST /v1/menus/import`; one fault would refuse them all. Owns no menu.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from api.auth import Key
from api.database import config_changed, read_now
from api.demo_menus import Kitchen, menus_of
from api.routes.importing import read
from api.routes.menu_imports import BULK

# Small enough that reading one and writing the one before fit in memory, whatever the city.
_MENUS_PER_BODY: Final = 300

_KITCHENS: Final = text("""
SELECT s.retailer_id, s.external_id, s.kind, coalesce(s.tags->>'cuisine', '') AS cuisine,
       (CAST(:now AS timestamptz) AT TIME ZONE s.time_zone)::date AS today
FROM sites AS s
WHERE s.external_id IS NOT NULL AND s.kind IN ('restaurant', 'cafe', 'fast_food', 'bar')
ORDER BY s.retailer_id, s.external_id
""")


async def serve_menus(url: str, *, seed: int) -> int:
    """Import menus for every place that cooks; how many. Raises InvalidInput if one cannot be used."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with AsyncSession(engine) as session, session.begin():
            now = await read_now(session)
            by_retailer: dict[int, list[dict[str, Any]]] = {}
            for row in (await session.execute(_KITCHENS, {"now": now})).mappings():
                place = dict(row)
                menus = by_retailer.setdefault(place.pop("retailer_id"), [])
                menus += menus_of(Kitchen(**place), seed)
            for retailer_id, menus in by_retailer.items():
                for part in _parts(menus):
                    await _import(session, retailer_id, part, now)
            await config_changed(session)
    finally:
        await engine.dispose()
    return sum(map(len, by_retailer.values()))


async def _import(
    session: AsyncSession, retailer_id: int, menus: Sequence[dict[str, Any]], now: datetime
) -> None:
    body = msgspec.json.encode({"menus": menus})
    key = Key(key_id="demo", first_key_id="demo", retailer_id=retailer_id, role="manage")
    rows = await asyncio.to_thread(read, BULK, "application/json", body)
    judged = await BULK.judge(session, retailer_id, key, rows)
    if rows.are_to_be_written(dry_run=False, partial=False):
        await BULK.write(session, retailer_id, rows, judged, now)


def _parts(menus: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(menus), _MENUS_PER_BODY):
        yield menus[start : start + _MENUS_PER_BODY]
