"""Stays as rows: a session and its purchases, read and written as one value.

Owns the tables `parking_sessions` and `parking_purchases`, and that a plate's right (`offers.parking.rights`)
says what its stay does. What may happen to a stay is `offers.parking.stays`', pure; who makes it happen is
`offers.parking.driving` and `offers.parking.time_passes`. Every writer holds the customer's lock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.parking import rights
from offers.parking.quotes import pinned_terms
from offers.parking.stay_prices import Terms, free_used
from offers.parking.stays import Purchase, Stay, next_due
from offers.parking.tariffs import FreeUse
from offers.parking.zones import Zone, read_zone
from offers.people.erasure import people_of
from offers.people.keys import CustomerKey

_COLUMNS: Final = """
    session_id, quote_id, zone_id, tariff_id, tariff_version, classes, plate_hmac, plate_sealed,
    state, starts_at, ends_at, covered_until, ended_at, ended_because, currency, fps_minor,
    free_before::text AS free_before, remind_s, reminded_of, created_at
"""
_READ: Final = f"""
    SELECT {_COLUMNS} FROM parking_sessions WHERE bucket = $1 AND customer_id = $2 AND session_id = $3
"""  # noqa: S608 - joined from constants of this module
_OF_OPERATION: Final = """
    SELECT session_id FROM parking_sessions WHERE bucket = $1 AND operation_id = $3 AND customer_id = $2
"""
_OF_PURCHASE: Final = """
    SELECT session_id FROM parking_purchases WHERE bucket = $1 AND customer_id = $2 AND purchase_id = $3
"""
_PURCHASE_OF_OPERATION: Final = """
    SELECT session_id, purchase_id FROM parking_purchases
    WHERE bucket = $1 AND operation_id = $3 AND customer_id = $2
"""
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM parking_sessions
    WHERE (bucket, customer_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
      AND state <> 'dropped' AND ($3::text IS NULL OR state = $3)
      AND (created_at, session_id) < ($4, $5)
    ORDER BY created_at DESC, session_id DESC LIMIT $6
"""  # noqa: S608 - the same
_DUE_OF: Final = """
    SELECT session_id FROM parking_sessions
    WHERE bucket = $1 AND customer_id = $2 AND due_at <= $3 ORDER BY due_at
"""
_PURCHASES: Final = """
    SELECT session_id, purchase_id, until, covered_until, price_minor, state, payment_id, given_back_minor,
           asked_at
    FROM parking_purchases
    WHERE bucket = $1 AND customer_id = $2 AND session_id = ANY($3::uuid[])
    ORDER BY asked_at, until
"""
_ADD: Final = """
    INSERT INTO parking_sessions (bucket, customer_id, session_id, quote_id, operation_id, zone_id, tariff_id,
                                  tariff_version, classes, plate_hmac, plate_sealed, state, starts_at,
                                  ends_at, covered_until, currency, fps_minor, free_before, remind_s, due_at,
                                  created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::text::jsonb,
            $19, $20, $21)
"""
_CHANGE: Final = """
    UPDATE parking_sessions SET state = $4, ends_at = $5, covered_until = $6, ended_at = $7,
                                ended_because = $8, remind_s = $9, reminded_of = $10, due_at = $11
    WHERE bucket = $1 AND customer_id = $2 AND session_id = $3
"""
_ADD_PURCHASE: Final = """
    INSERT INTO parking_purchases (bucket, customer_id, session_id, purchase_id, operation_id, until,
                                   covered_until, price_minor, state, payment_id, given_back_minor, asked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_CHANGE_PURCHASE: Final = """
    UPDATE parking_purchases SET state = $5, given_back_minor = $6
    WHERE bucket = $1 AND customer_id = $2 AND session_id = $3 AND purchase_id = $4
"""
_USES: Final = msgspec.json.Decoder(tuple[FreeUse, ...])


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A stay with what its quote pinned, and whose it is. `plate_sealed` opens with the key of plates."""

    key: CustomerKey
    session_id: UUID
    quote_id: UUID
    zone_id: int
    tariff_id: int
    tariff_version: int
    classes: list[str]
    plate_hmac: bytes
    plate_sealed: bytes
    currency: str
    fps_minor: int | None
    free_before: tuple[FreeUse, ...]
    created_at: datetime
    stay: Stay


async def read_session(connection: asyncpg.Connection, key: CustomerKey, session_id: UUID) -> Session:
    """Of this customer. Raises NotFound."""
    row = await connection.fetchrow(_READ, *key, session_id)
    if row is None:
        raise NotFound("There is no such parking session.")
    [found] = await _with_purchases(connection, key, [row])
    return found


async def owner_of(connection: asyncpg.Connection, key: CustomerKey, session_id: UUID) -> CustomerKey:
    """The customer, or who they were before they joined another phone's, that has this stay.

    Raises NotFound, for anybody else's too.
    """
    for one in await people_of(connection, key):
        if await connection.fetchval(_READ, *one, session_id) is not None:
            return one
    raise NotFound("There is no such parking session.")


async def session_of_operation(
    connection: asyncpg.Connection, key: CustomerKey, operation_id: UUID
) -> Session | None:
    """What this operation began before."""
    session_id = await connection.fetchval(_OF_OPERATION, *key, operation_id)
    return None if session_id is None else await read_session(connection, key, session_id)


async def session_of_purchase(
    connection: asyncpg.Connection, key: CustomerKey, purchase_id: UUID
) -> Session | None:
    session_id = await connection.fetchval(_OF_PURCHASE, *key, purchase_id)
    return None if session_id is None else await read_session(connection, key, session_id)


async def purchase_of_operation(
    connection: asyncpg.Connection, key: CustomerKey, operation_id: UUID
) -> tuple[UUID, UUID] | None:
    """(session, purchase) that this operation bought before."""
    row = await connection.fetchrow(_PURCHASE_OF_OPERATION, *key, operation_id)
    return None if row is None else (row["session_id"], row["purchase_id"])


async def list_sessions(
    connection: asyncpg.Connection,
    key: CustomerKey,
    *,
    state: str | None,
    before: tuple[datetime, UUID],
    at_most: int,
) -> list[Session]:
    """Of the customer and who they were before, the newest first, created before `before`."""
    people = await people_of(connection, key)
    columns = [one.bucket for one in people], [one.customer_id for one in people]
    rows = await connection.fetch(
        _LIST.replace("SELECT ", "SELECT bucket, customer_id, ", 1), *columns, state, *before, at_most
    )
    found: list[Session] = []
    for row in rows:
        owner = CustomerKey(row["bucket"], row["customer_id"])
        found += await _with_purchases(connection, owner, [row])
    return found


async def due_sessions_of(connection: asyncpg.Connection, key: CustomerKey, now: datetime) -> list[UUID]:
    """Those of one customer to which something is due because time passed."""
    return [row["session_id"] for row in await connection.fetch(_DUE_OF, *key, now)]


async def add_session(
    connection: asyncpg.Connection, session: Session, operation_id: UUID, now: datetime
) -> None:
    """Write a stay that begins, with its first purchase. Its right is claimed already."""
    stay = session.stay
    await connection.execute(
        _ADD,
        *session.key,
        session.session_id,
        session.quote_id,
        operation_id,
        session.zone_id,
        session.tariff_id,
        session.tariff_version,
        session.classes,
        session.plate_hmac,
        session.plate_sealed,
        stay.state,
        stay.starts_at,
        stay.ends_at,
        stay.covered_until,
        session.currency,
        session.fps_minor,
        msgspec.json.encode(session.free_before).decode(),
        stay.remind_s,
        next_due(stay, now),
        session.created_at,
    )
    await add_purchase(connection, session, stay.purchases[0], operation_id)
    await _tell_inspectors(connection, session, await terms_of(connection, session))


async def add_purchase(
    connection: asyncpg.Connection, session: Session, purchase: Purchase, operation_id: UUID
) -> None:
    values = (
        purchase.purchase_id,
        operation_id,
        purchase.until,
        purchase.covered_until,
        purchase.price_minor,
        purchase.state,
        purchase.payment_id,
        purchase.given_back_minor,
        purchase.asked_at,
    )
    await connection.execute(_ADD_PURCHASE, *session.key, session.session_id, *values)


async def change_stay(connection: asyncpg.Connection, session: Session, stay: Stay, now: datetime) -> Session:
    """Write what became of the stay; of its purchases only those that were there before."""
    before = {one.purchase_id: one for one in session.stay.purchases}
    for purchase in stay.purchases:
        if purchase.purchase_id in before and purchase != before[purchase.purchase_id]:
            values = (purchase.purchase_id, purchase.state, purchase.given_back_minor)
            await connection.execute(_CHANGE_PURCHASE, *session.key, session.session_id, *values)
    await connection.execute(
        _CHANGE,
        *session.key,
        session.session_id,
        stay.state,
        stay.ends_at,
        stay.covered_until,
        stay.ended_at,
        stay.ended_because,
        stay.remind_s,
        stay.reminded_of,
        next_due(stay, now),
    )
    changed = msgspec.structs.replace(session, stay=stay)
    await _tell_inspectors(connection, changed, await terms_of(connection, session))
    return changed


async def terms_of(connection: asyncpg.Connection, session: Session, zone: Zone | None = None) -> Terms:
    """By what it is priced, from its first minute to its last."""
    return await pinned_terms(
        connection,
        zone or await read_zone(connection, session.zone_id),
        session.tariff_id,
        session.tariff_version,
        session.classes,
        session.free_before,
    )


async def _tell_inspectors(connection: asyncpg.Connection, session: Session, terms: Terms) -> None:
    stay = session.stay
    if stay.state == "dropped":
        await rights.forget_right(connection, session.plate_hmac, session.session_id)
    elif stay.state != "pending":
        ends_at = stay.ended_at or stay.ends_at
        await rights.hold(
            connection,
            session.plate_hmac,
            session.session_id,
            is_over=stay.state == "ended",
            ends_at=ends_at,
            covered_until=stay.covered_until,
            paid_minor=stay.price_minor - stay.given_back_minor,
            free_used=free_used(terms, stay, ends_at),
        )


async def _with_purchases(
    connection: asyncpg.Connection, key: CustomerKey, rows: Sequence[asyncpg.Record]
) -> list[Session]:
    found = await connection.fetch(_PURCHASES, *key, [row["session_id"] for row in rows])
    of: dict[UUID, list[Purchase]] = {row["session_id"]: [] for row in rows}
    for one in found:
        told = {name: one[name] for name in Purchase.__struct_fields__}
        of[one["session_id"]].append(Purchase(**told))
    return [_session(key, row, tuple(of[row["session_id"]])) for row in rows]


def _session(key: CustomerKey, row: asyncpg.Record, purchases: tuple[Purchase, ...]) -> Session:
    stay = Stay(
        **{name: row[name] for name in Stay.__struct_fields__ if name != "purchases"}, purchases=purchases
    )
    own = {
        name: row[name] for name in Session.__struct_fields__ if name not in {"key", "stay", "free_before"}
    }
    return Session(**own, key=key, free_before=_USES.decode(row["free_before"]), stay=stay)
