"""The rows of an imported city: places written as sites and fences, in bulk, over what is there.

Owns the two upserts and the count of what they changed. Runs inside its caller's transaction and
neither commits nor publishes; the file, the retailer and the report are `api.importer`'s.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from geo.osm import ATTRIBUTION, OsmPlace, Progress
from geo.outlines import fence_around

_ROWS_PER_STATEMENT: Final = 2_000

_UPSERT_SITES: Final = """
INSERT INTO sites AS old (retailer_id, external_id, name, kind, location, time_zone, opening_hours, tags,
                          attribution, created_at, updated_at)
SELECT $1, external_id, name, kind, ST_SetSRID(ST_MakePoint(lon, lat), 4326), $2, opening_hours,
       tags::jsonb, $3, $4, $4
FROM unnest($5::text[], $6::text[], $7::text[], $8::float8[], $9::float8[], $10::text[], $11::text[])
     AS place (external_id, name, kind, lon, lat, opening_hours, tags)
ON CONFLICT (retailer_id, external_id) DO UPDATE
SET name = excluded.name, kind = excluded.kind, location = excluded.location,
    time_zone = excluded.time_zone, opening_hours = excluded.opening_hours, tags = excluded.tags,
    attribution = excluded.attribution, updated_at = excluded.updated_at, revision = old.revision + 1
WHERE (old.name, old.kind, old.location, old.time_zone, old.opening_hours, old.tags, old.attribution)
      IS DISTINCT FROM
      (excluded.name, excluded.kind, excluded.location, excluded.time_zone, excluded.opening_hours,
       excluded.tags, excluded.attribution)
RETURNING xmax = 0 AS is_new
"""

# A new shape revision tells workers to read the shape again and to re-baseline who is inside.
_UPSERT_FENCES: Final = """
INSERT INTO fences AS old (retailer_id, site_id, external_id, name, shape, centre, radius_m, tags,
                           created_at, updated_at)
SELECT $1, site_id, external_id, place.name, ST_GeomFromWKB(shape, 4326),
       CASE WHEN radius_m IS NOT NULL THEN location END, radius_m,
       CASE WHEN category IN (sites.kind, 'yes') THEN ARRAY[sites.kind] ELSE ARRAY[sites.kind, category] END,
       $2, $2
FROM unnest($3::text[], $4::text[], $5::bytea[], $6::float8[], $7::text[])
     AS place (external_id, name, shape, radius_m, category)
JOIN sites USING (external_id)
WHERE sites.retailer_id = $1 AND sites.sensitive IS NULL
ON CONFLICT (retailer_id, external_id) DO UPDATE
SET site_id = excluded.site_id, name = excluded.name, shape = excluded.shape, centre = excluded.centre,
    radius_m = excluded.radius_m, tags = excluded.tags, updated_at = excluded.updated_at,
    revision = old.revision + 1,
    shape_revision = CASE WHEN old.shape IS DISTINCT FROM excluded.shape
                          THEN old.revision + 1 ELSE old.shape_revision END
WHERE (old.site_id, old.name, old.shape, old.centre, old.radius_m, old.tags) IS DISTINCT FROM
      (excluded.site_id, excluded.name, excluded.shape, excluded.centre, excluded.radius_m, excluded.tags)
RETURNING xmax = 0 AS is_new
"""

_COUNT_SENSITIVE: Final = """
SELECT count(*) FROM sites WHERE retailer_id = $1 AND external_id = ANY($2::text[]) AND sensitive IS NOT NULL
"""


class Changes(msgspec.Struct):
    """How many rows of one table an import made new, changed, or found as they should be."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged"

    def tally(self, written: Sequence[asyncpg.Record], asked: int) -> None:
        """Add what one upsert of `asked` rows returned: a row for each that it wrote."""
        new = sum(row["is_new"] for row in written)
        self.new += new
        self.changed += len(written) - new
        self.unchanged += asked - len(written)


class CityRows:
    """One import's rows on their way, and what became of them."""

    def __init__(
        self, connection: asyncpg.Connection, retailer_id: int, time_zone: str, progress: Progress | None
    ) -> None:
        self.sites, self.fences = Changes(), Changes()
        # Places of worship, health …: sites like any other, but without a fence.
        self.sensitive = 0
        self._connection = connection
        self._retailer_id = retailer_id
        self._time_zone = time_zone
        self._progress = progress

    @property
    def has_changed_anything(self) -> bool:
        return any((self.sites.new, self.sites.changed, self.fences.new, self.fences.changed))

    async def write(self, places: Sequence[OsmPlace]) -> None:
        now = await self._connection.fetchval("SELECT alentour_now()")
        for start in range(0, len(places), _ROWS_PER_STATEMENT):
            if self._progress:
                self._progress("writing", start, len(places))
            part = places[start : start + _ROWS_PER_STATEMENT]
            self.sites.tally(await self._upsert_sites(part, now), len(part))
            sensitive = await self._count_sensitive(part)
            self.sensitive += sensitive
            self.fences.tally(await self._upsert_fences(part, now), len(part) - sensitive)

    async def _upsert_sites(self, places: Sequence[OsmPlace], now: datetime) -> list[asyncpg.Record]:
        columns = _columns(map(_site_row, places))
        rows: list[asyncpg.Record] = await self._connection.fetch(
            _UPSERT_SITES, self._retailer_id, self._time_zone, ATTRIBUTION, now, *columns
        )
        return rows

    async def _count_sensitive(self, places: Sequence[OsmPlace]) -> int:
        named = [place.external_id for place in places]
        return int(await self._connection.fetchval(_COUNT_SENSITIVE, self._retailer_id, named))

    async def _upsert_fences(self, places: Sequence[OsmPlace], now: datetime) -> list[asyncpg.Record]:
        columns = _columns(map(_fence_row, places))
        rows: list[asyncpg.Record] = await self._connection.fetch(
            _UPSERT_FENCES, self._retailer_id, now, *columns
        )
        return rows


def _site_row(place: OsmPlace) -> tuple[Any, ...]:
    tags = msgspec.json.encode({"category": place.category} | place.tags).decode()
    return (place.external_id, place.name, place.kind, place.lon, place.lat, place.opening_hours, tags)


def _fence_row(place: OsmPlace) -> tuple[Any, ...]:
    shape = fence_around(place.lat, place.lon, place.outline)
    return (place.external_id, place.name, shape.wkb, shape.radius_m, place.category)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
