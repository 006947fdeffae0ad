"""docs/data-map.md is the database: every table, every column, and every period runs out."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from api.auth import create_retailer_key
from api.idempotency import KEPT_HOURS, forget_old
from offers.buckets import BUCKETS, bucket_of_text
from offers.engine.retention import forget
from offers.people.erasure import KEPT, OWNED, SHARED
from offers.people.export_sections import OTHERWISE, SECTIONS
from offers.people.leaving import Leaving, let_go_now
from offers.periods import (
    DORMANT_AFTER_MONTHS,
    LEDGER_KEPT_YEARS,
    PARKING_KEPT_MONTHS,
    PLATES_KEPT_MONTHS,
    months,
    years,
)
from tests.privacy.data_map import COUNTED, DELETED, ERASURES, REKEYED, Row, read_data_map
from tests.privacy.people import KEY, Town, open_town
from tests.privacy.rows import columns_of_all_tables
from tests.privacy.test_erasure_rules import given, redeems
from tests.world import NOON, Phone, World, send, start_engine

MAP = "docs/data-map.md"
OF_PEOPLE = {"customer_id", "device_id", "former_customer_id"}
# On machine time, not the domain's clock: tested by itself.
ON_MACHINE_TIME = {"idempotency_keys"}


@pytest.fixture(scope="module")
def described() -> dict[str, Row]:
    rows = read_data_map()
    assert len({row.table for row in rows}) == len(rows), f"{MAP} names a table twice"
    return {row.table: row for row in rows}


async def test_the_map_names_every_table_and_every_column_and_no_other(
    pool: asyncpg.Pool, described: dict[str, Row]
):
    schema = await columns_of_all_tables(pool)
    assert set(schema) - set(described) == set(), f"add a line for these tables to {MAP}"
    assert set(described) - set(schema) == set(), f"{MAP} names tables that are not there"
    missing = {table: sorted(set(columns) - described[table].columns) for table, columns in schema.items()}
    assert {table: some for table, some in missing.items() if some} == {}, (
        f"name these columns in {MAP}, as personal or other"
    )
    surplus = {table: sorted(row.columns - set(schema[table])) for table, row in described.items()}
    assert {table: some for table, some in surplus.items() if some} == {}, f"{MAP} names columns of the past"


def test_every_line_of_the_map_says_all_there_is_to_say(described: dict[str, Row]):
    for row in described.values():
        assert row.purpose, row.table
        assert row.basis, row.table
        assert row.kept, row.table
        assert row.erasure in ERASURES, f"{row.table}: {row.erasure!r} is none of {sorted(ERASURES)}"
        assert not set(row.personal) & set(row.other), row.table


async def test_every_table_of_people_is_erased_in_the_way_that_the_map_says(
    pool: asyncpg.Pool, described: dict[str, Row]
):
    schema = await columns_of_all_tables(pool)
    of_people = {table for table, columns in schema.items() if OF_PEOPLE & set(columns)}
    erased = set(OWNED) | set(SHARED)
    assert of_people - erased == set(), (
        "these tables hold people: add them to OWNED or SHARED in offers/people/erasure.py"
    )
    assert {table for table, row in described.items() if row.erasure == DELETED} == erased
    assert {table for table, row in described.items() if row.erasure in {REKEYED, COUNTED}} == KEPT
    for table in KEPT:
        assert not OF_PEOPLE & set(schema[table]), f"{table} outlives people and must not name them"


async def test_every_table_and_column_of_people_is_exported_or_left_out_for_a_reason(pool: asyncpg.Pool):
    schema = await columns_of_all_tables(pool)
    of_people = {table for table, columns in schema.items() if OF_PEOPLE & set(columns)}
    exported = {section.table for section in SECTIONS}
    assert of_people - exported - set(OTHERWISE) == set(), (
        "these tables hold people: add a Section to offers/people/export_sections.py and its form to"
        " api/routes/export_forms.py, or say in OTHERWISE where they are or why they are not"
    )
    for section in SECTIONS:
        known = {*section.columns.split(), *section.leaves_out}
        assert known == set(schema[section.table]), f"{section.table}: give these columns or say why not"


def test_the_periods_that_an_operator_may_set_are_told_with_their_defaults(described: dict[str, Row]):
    assert described["customers"].kept_days == (months(DORMANT_AFTER_MONTHS) + timedelta(1)).days
    assert described["parking_plates"].kept_days == (months(PLATES_KEPT_MONTHS) + timedelta(1)).days
    assert described["parking_sessions"].kept_days == months(PARKING_KEPT_MONTHS).days
    assert described["redemption_proofs"].kept_days == years(LEDGER_KEPT_YEARS).days
    assert described["idempotency_keys"].kept == f"**{KEPT_HOURS} hours**"


# Every period runs out ------------------------------------------------------------------------------


@pytest.fixture
async def full(pool: asyncpg.Pool) -> Town:
    """A town in which every table with a period has a row of today."""
    world = World(pool)
    await world.stands_still_at(NOON)
    engine = start_engine(pool)
    await engine.refresh()
    engine.batcher.start()
    town = await open_town(pool, world, engine)
    await somebody_lives(town)
    gone, _ = await given(town, redeemed=True)
    await consents(town, gone.customer_id)
    await town.erases(gone)
    await ended_things(town)
    yield town
    await engine.stop()


async def somebody_lives(town: Town) -> None:
    former = await town.phone("installation-of-before")
    await send(town.engine, former, 0, NOON)
    phone = await town.phone()
    (delivery,) = (await send(town.engine, phone, 0, NOON)).deliveries
    await redeems(town, delivery.code)
    await town.joins("installation-of-before", phone)
    await consents(town, phone.customer_id)
    await town.pool.execute(
        "INSERT INTO holdouts SELECT bucket, customer_id, 1, 1, NULL, 1, $2, 'offer', '[]', $3"
        " FROM customers WHERE customer_id = $1",
        phone.customer_id,
        uuid4(),
        NOON,
    )
    for table, values in (("references", "'x'"), ("attributes", "'{}'")):
        await town.pool.execute(
            f"INSERT INTO customer_{table} SELECT bucket, customer_id, $2, {values}, $3 FROM customers"
            " WHERE customer_id = $1",
            phone.customer_id,
            town.retailer_id,
            NOON,
        )
    await town.pool.execute(
        "INSERT INTO customer_diets SELECT bucket, customer_id, '{nuts}', '{}', $2 FROM customers"
        " WHERE customer_id = $1",
        phone.customer_id,
        NOON,
    )
    await town.pool.execute(
        "INSERT INTO test_phones (bucket, customer_id, device_id, retailer_id, test_phone_id, label,"
        " accepted_at) VALUES ($1, $2, $3, $4, 'tp_00_0', 'Counter', $5)",
        *(phone.bucket, phone.customer_id, phone.device_id, town.retailer_id, NOON),
    )
    payment_id, refund_id = uuid4(), uuid4()
    who = (phone.bucket, phone.customer_id, payment_id)
    await town.pool.execute(
        "INSERT INTO payments (bucket, customer_id, payment_id, operation_id, subject, subject_id,"
        " retailer_id, amount_minor, currency, state, provider, provider_ref, captured_minor, refunded_minor,"
        " created_at, settled_at)"
        " VALUES ($1, $2, $3, $4, 'parking', $3, 1, 240, 'EUR', 'refunded', 'stripe', 'pi_1',"
        " 240, 240, $5, $5)",
        *(*who, uuid4(), NOON),
    )
    await town.pool.execute(
        "INSERT INTO refunds (bucket, customer_id, payment_id, refund_id, operation_id, amount_minor, state,"
        " reason, provider_ref, created_at, settled_at) VALUES ($1, $2, $3, $4, $5, 240, 'refunded', 'r',"
        " 're_1', $6, $6)",
        *(*who, refund_id, uuid4(), NOON),
    )
    await town.pool.execute(
        "INSERT INTO ledger_entries (bucket, customer_id, payment_id, kind, cause_id, debit, credit,"
        " amount_minor, currency, retailer_id, posted_at) VALUES ($1, $2, $3, 'refund', $4,"
        " 'payee:1:parking', 'provider:stripe', 240, 'EUR', 1, $5)",
        *(*who, refund_id, NOON),
    )
    await town.pool.execute(
        "INSERT INTO ledger_proofs VALUES (0, '1', '2', '3', '4', 'key', 'capture', 'provider:stripe',"
        " 'payee:1:parking', 240, 'EUR', 1, $1)",
        NOON.date(),
    )
    await town.pool.execute(
        "INSERT INTO parking_plates (bucket, customer_id, plate_id, plate_hmac, sealed, key_name, created_at,"
        " used_on) VALUES ($1, $2, $3, sha256('a plate'), '', 'key', $4, $5)",
        *(phone.bucket, phone.customer_id, uuid4(), NOON, NOON.date()),
    )
    await stays(town, phone)
    await town.pool.execute(
        "INSERT INTO audit_log (recorded_at, role, operation) VALUES ($1, 'command', 'test')", NOON
    )
    await town.pool.execute(
        "INSERT INTO customer_looks SELECT bucket, customer_id, $2, 'k', 'r', $3 FROM customers"
        " WHERE customer_id = $1",
        phone.customer_id,
        uuid4(),
        NOON,
    )
    await town.pool.execute(
        "INSERT INTO parking_prompts SELECT bucket, customer_id, $2, NULL, 'pay', '{1}', NULL, NULL,"
        " $3::timestamptz, $3 + interval '30 minutes' FROM customers WHERE customer_id = $1",
        phone.customer_id,
        uuid4(),
        NOON,
    )


async def stays(town: Town, phone: Phone) -> None:
    """A quote, and a stay that ended, with what an inspector saw of it."""
    who, stay_id = (phone.bucket, phone.customer_id), uuid4()
    zone_id = await town.pool.fetchval(
        "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country, created_at,"
        " updated_at) VALUES ($1, 'Z', 'Z', 'Z', ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))', 4326),"
        " 'Europe/Paris', 'FR', $2, $2) RETURNING zone_id",
        *(town.retailer_id, NOON),
    )
    plate, hour = "sha256('a plate')", NOON + timedelta(hours=1)
    await town.pool.execute(
        "INSERT INTO parking_quotes VALUES ($1, $2, $3, $6, 1, 1, '{}', NULL, NULL, $4, $5, $5, 0, 'EUR',"
        " NULL, '[]', $4, $5, NULL)",
        *(*who, uuid4(), NOON, hour, zone_id),
    )
    await town.pool.execute(
        "INSERT INTO parking_sessions (bucket, customer_id, session_id, quote_id, operation_id, zone_id,"
        " tariff_id, tariff_version, classes, plate_hmac, plate_sealed, state, starts_at, ends_at,"
        " covered_until, ended_at, ended_because, currency, free_before, created_at)"
        f" VALUES ($1, $2, $3, $3, $3, $6, 1, 1, '{{}}', {plate}, '', 'ended', $4, $5, $5, $5, 'expired',"
        " 'EUR', '[]', $4)",
        *(*who, stay_id, NOON, hour, zone_id),
    )
    await town.pool.execute(
        "INSERT INTO parking_purchases (bucket, customer_id, session_id, purchase_id, operation_id, until,"
        " covered_until, price_minor, state, asked_at) VALUES ($1, $2, $3, $3, $3, $5, $5, 0, 'paid', $4)",
        *(*who, stay_id, NOON, hour),
    )
    await town.pool.execute(
        "INSERT INTO parking_rights (bucket, plate_hmac, right_id, plate_sealed, zone_id, retailer_id,"
        " tariff_id, tariff_version, classes, state, starts_at, ends_at, covered_until, paid_minor, currency,"
        " free_used) SELECT get_byte(p, 0) % 64, p, $1, '', $4, 1, 1, 1, '{}', 'over', $2, $3, $3, 0, 'EUR',"
        f" '[]' FROM {plate} AS p",
        *(stay_id, NOON, hour, zone_id),
    )


async def consents(town: Town, customer_id: UUID) -> None:
    await town.pool.execute(
        "INSERT INTO consents (bucket, customer_id, consent_id, purpose, is_granted, notice_version,"
        " language, method, recorded_at)"
        " SELECT bucket, customer_id, $2, 'measurement', true, 1, 'fr', 'app', $3 FROM customers"
        " WHERE customer_id = $1",
        customer_id,
        uuid4(),
        NOON,
    )


async def ended_things(town: Town) -> None:
    """What ended today: an offer, a permit, and a key."""
    await create_retailer_key(town.pool, town.retailer_id, "read", "Somebody's name")
    await town.pool.execute("UPDATE api_keys SET revoked_at = $1", NOON)
    await town.pool.execute("UPDATE offers SET status = 'ended'")
    await town.pool.execute(
        "INSERT INTO parking_permits (retailer_id, plate_hmac, key_name, user_class, valid_from, valid_until,"
        " created_at, updated_at) VALUES ($1, sha256('a plate'), 'key', 'resident', $2, $3, $2, $2)",
        *(town.retailer_id, NOON - timedelta(days=30), NOON),
    )
    await town.pool.execute("INSERT INTO decision_totals VALUES (1, $1, 1, 'crossing', 'stale', 3)", NOON)


async def keys_of_rows(pool: asyncpg.Pool, table: str) -> set[str]:
    """The primary keys of all rows, as text."""
    columns = await pool.fetchval(
        "SELECT string_agg(a.attname, ', ') FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
        " WHERE i.indrelid = $1::text::regclass AND i.indisprimary",
        table,
    )
    return {row[0] for row in await pool.fetch(f"SELECT ROW({columns})::text FROM {table}")}


async def test_every_period_of_the_map_runs_out_and_not_before(
    pool: asyncpg.Pool, full: Town, described: dict[str, Row]
):
    periods = {
        table: row.kept_days
        for table, row in described.items()
        if row.kept_days is not None and table not in ON_MACHINE_TIME
    }
    first = {table: await keys_of_rows(pool, table) for table in periods}
    assert [table for table, keys in first.items() if not keys] == [], (
        "let somebody_lives() fill these tables"
    )
    for days in sorted(set(periods.values())):
        concerned = {table for table, period in periods.items() if period == days}
        await full.world.moves_to(NOON + timedelta(days=days) - timedelta(hours=36))
        await all_is_forgotten(pool)
        for table in concerned:
            left = first[table] & await keys_of_rows(pool, table)
            assert left, f"{table} went before its {days} days"
        await full.world.moves_to(NOON + timedelta(days=days + 1))
        await all_is_forgotten(pool)
        for table in concerned:
            assert not first[table] & await keys_of_rows(pool, table), f"{table} outlived its {days} days"
    totals = await pool.fetchrow(
        "SELECT sum(handed) AS handed, sum(redeemed) AS redeemed FROM delivery_totals"
    )
    assert tuple(totals) == (3, 2), "what was given stays given"


async def all_is_forgotten(pool: asyncpg.Pool) -> None:
    await forget(pool)
    await let_go_now(pool, Leaving(KEY))


async def test_answers_kept_for_retries_go_after_a_day_of_machine_time(pool: asyncpg.Pool):
    for principal, hours in (("device:old", KEPT_HOURS + 1), ("device:young", KEPT_HOURS - 1)):
        await pool.execute(
            "INSERT INTO idempotency_keys (bucket, principal, key, operation, body_hash, state, operation_id,"
            " created_at) VALUES ($1, $2, 'k', 'o', '', 'in_flight', $3, clock_timestamp() - $4::interval)",
            bucket_of_text(principal),
            principal,
            uuid4(),
            timedelta(hours=hours),
        )
    async with pool.acquire() as connection:
        for bucket in range(BUCKETS):
            await forget_old(connection, bucket)
    assert await pool.fetchval("SELECT array_agg(principal) FROM idempotency_keys") == ["device:young"]
