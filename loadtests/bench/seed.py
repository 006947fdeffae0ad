"""The bench's city: 10,000 fences on a grid, 200,000 customers with a phone each, written by COPY.

Knows the schema and the form of tokens by itself; it shares no code with what is measured.
"""

import hashlib
import random
import secrets
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

GRID: Final = 100
SPACING_LAT: Final = 0.0045  # 500 m
SPACING_LON: Final = 0.0090  # 500 m at 60° north
SOUTH_WEST: Final = (60.0, 24.5)
RADIUS_M: Final = 100.0
RETAILERS: Final = 200
LONG_AGO: Final = datetime(2025, 1, 1, tzinfo=UTC)

FENCES: Final = """
INSERT INTO fences (retailer_id, name, shape, centre, radius_m, tags, created_at, updated_at)
SELECT r, 'fence ' || n, ST_Buffer(p::geography, $1::float8, 16)::geometry, p, $1, ARRAY['all'], $2, $2
FROM (SELECT n, 1 + n % $3::integer AS r,
             ST_SetSRID(ST_MakePoint($4::float8 + (n % $6) * $7::float8, $5::float8 + (n / $6) * $8::float8),
                        4326) AS p
      FROM generate_series(0, $6::integer * $6 - 1) AS n) AS grid
"""

OFFERS: Final = """
INSERT INTO offers (retailer_id, status, content, triggers, channel, fence_tags, created_at, updated_at)
SELECT r, 'active', '{"en": {"title": "Soup", "text": "Soup of the day at half price."}}'::jsonb,
       ARRAY[t], 'push', ARRAY['all'], $2, $2
FROM generate_series(1, $1::integer) AS r, unnest(ARRAY['enter', 'dwell']) AS t
"""

NAIVE: Final = """
CREATE TABLE naive_positions (
    token_hash bytea PRIMARY KEY, lon double precision, lat double precision,
    recorded_at timestamptz, fixes integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
"""


@dataclass(frozen=True)
class Mix:
    """Shares of the phones: at home in a fence; walking in and out of one; of those, with consent."""

    inside: float
    walking: float
    consenting: float


async def seed(connection: asyncpg.Connection, customers: int, mix: Mix) -> None:
    """Fill an empty, migrated database; the residents are left in `bench_residents`."""
    await connection.execute(
        "INSERT INTO retailers (name, created_at)"
        " SELECT 'retailer ' || n, $2 FROM generate_series(1, $1::integer) AS n",
        RETAILERS,
        LONG_AGO,
    )
    lat, lon = SOUTH_WEST
    await connection.execute(FENCES, RADIUS_M, LONG_AGO, RETAILERS, lon, lat, GRID, SPACING_LON, SPACING_LAT)
    await connection.execute(OFFERS, RETAILERS, LONG_AGO)
    await connection.execute(
        "INSERT INTO offer_budgets (offer_id, deliveries_total, deliveries_available)"
        " SELECT offer_id, 1000000, 1000000 FROM offers"
    )
    # The caps are asked at every decision, but let phones that walk in again and again be delivered to.
    await connection.execute("UPDATE caps SET at_most = 10000")
    await _people(connection, customers, mix)
    await connection.execute("UPDATE config_version SET version = version + 1")
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")


async def _people(connection: asyncpg.Connection, customers: int, mix: Mix) -> None:
    chance = random.Random(20260601)
    people, devices, states, tokens, residents, naive = [], [], [], [], [], []
    for number in range(customers):
        customer_id, device_id = uuid.uuid4(), uuid.uuid4()
        bucket = zlib.crc32(customer_id.bytes) % 64
        token = f"dt_{bucket:02x}_{secrets.token_urlsafe(32)}"
        token_hash = hashlib.sha256(token.encode()).digest()
        kind = chance.random()
        is_walking = kind < mix.walking
        cell = chance.randrange(GRID * GRID)
        centre = SOUTH_WEST[0] + cell // GRID * SPACING_LAT, SOUTH_WEST[1] + cell % GRID * SPACING_LON
        between = centre[0], centre[1] + SPACING_LON / 2
        is_home_inside = is_walking or kind < mix.walking + mix.inside
        grants = ["location_offers"]
        if is_walking and chance.random() < mix.consenting:
            grants.append(f"marketing:{1 + cell % RETAILERS}:push")
        home = centre if is_home_inside else between
        away = between if is_walking else home
        people.append((bucket, customer_id, grants, "00:00", LONG_AGO))
        devices.append((bucket, device_id, customer_id, "android", LONG_AGO))
        states.append((bucket, device_id, customer_id))
        tokens.append((bucket, token_hash, device_id, customer_id, "current", LONG_AGO))
        residents.append((number, token, *home, *away))
        naive.append((token_hash, 0))
    midnight = datetime.min.time()
    await connection.copy_records_to_table(
        "customers",
        records=[(b, c, g, "adult", midnight, midnight, at) for b, c, g, _, at in people],
        columns=["bucket", "customer_id", "grants", "age_band", "quiet_start", "quiet_end", "created_at"],
    )
    await connection.copy_records_to_table(
        "devices", records=devices, columns=["bucket", "device_id", "customer_id", "platform", "created_at"]
    )
    await connection.copy_records_to_table(
        "device_states", records=states, columns=["bucket", "device_id", "customer_id"]
    )
    await connection.copy_records_to_table(
        "device_tokens",
        records=tokens,
        columns=["bucket", "token_hash", "device_id", "customer_id", "status", "created_at"],
    )
    await connection.execute(NAIVE)
    await connection.copy_records_to_table("naive_positions", records=naive, columns=["token_hash", "fixes"])
    await connection.execute(
        "CREATE TABLE bench_residents (number integer, token text, home_lat float8, home_lon float8,"
        " away_lat float8, away_lon float8)"
    )
    await connection.copy_records_to_table("bench_residents", records=residents)


async def residents(connection: asyncpg.Connection) -> str:
    """The phones that take part in the load, one line each, as `fixes.lua` reads them."""
    rows = await connection.fetch("SELECT * FROM bench_residents ORDER BY number")
    lines = (" ".join(str(value) for value in tuple(row)[1:]) for row in rows)
    return "\n".join(lines) + "\n"
