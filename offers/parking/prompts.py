"""What drivers are asked and reminded of: written once, shown until it is answered or over.

A prompt is a service, no offer: no cap counts it, no marketing consent is asked. Whether there is anything
to ask is decided elsewhere (`offers.parking.asking` where a car stops or drives off; the stays say when one
ends). Every writer here holds the customer's lock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.people.keys import CustomerKey

Kind = Literal["pay", "stop", "ending"]

HOLDS_FOR: Final = timedelta(minutes=30)
MOST_ZONES: Final = 5

_COLUMNS: Final = "prompt_id, kind, zone_ids, session_id, ends_at, asked_at, expires_at"
_ADD: Final = """
    INSERT INTO parking_prompts (bucket, customer_id, device_id, prompt_id, kind, zone_ids, session_id,
                                 ends_at, asked_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING RETURNING prompt_id
"""
_IN_FORCE: Final = f"""
    SELECT p.customer_id, {_COLUMNS} FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
    JOIN parking_prompts AS p ON p.bucket = w.bucket AND p.customer_id = w.customer_id
    WHERE p.answered_at IS NULL AND p.expires_at > $3
    ORDER BY p.asked_at, p.prompt_id
"""  # noqa: S608 - joined from constants of this module
_ASKED_SINCE: Final = """
    SELECT zone_ids FROM parking_prompts
    WHERE bucket = $1 AND customer_id = $2 AND kind = 'pay' AND asked_at > $3
"""
_ANSWER: Final = """
    UPDATE parking_prompts SET answered_at = coalesce(answered_at, $4)
    WHERE bucket = $1 AND customer_id = $2 AND prompt_id = $3
    RETURNING prompt_id
"""
_SETTLE: Final = """
    UPDATE parking_prompts SET answered_at = $5
    WHERE bucket = $1 AND customer_id = $2 AND answered_at IS NULL
      AND (session_id = $3 OR (kind = 'pay' AND $4 = ANY (zone_ids)))
"""
_NOW: Final = "SELECT alentour_now()"


class ParkingPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A question about parking, asked once.

    `pay`: a car stopped where parking is to be paid now, in one of `zone_ids`, the likeliest first.
    `stop`: it drove off while `session_id` runs. `ending`: that session ends at `ends_at`.
    """

    prompt_id: UUID
    kind: Kind
    zone_ids: list[int]
    session_id: UUID | None
    ends_at: datetime | None
    asked_at: datetime
    expires_at: datetime


async def prompt(  # noqa: PLR0913 - one argument per column
    connection: asyncpg.Connection,
    key: CustomerKey,
    kind: Kind,
    *,
    zone_ids: Sequence[int],
    now: datetime,
    device_id: UUID | None = None,
    session_id: UUID | None = None,
    ends_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> ParkingPrompt | None:
    """Ask this customer; None where the same of the same session was asked before.

    `zone_ids` the likeliest first. It holds for half an hour where nothing else is said.
    """
    asked = ParkingPrompt(
        prompt_id=uuid4(),
        kind=kind,
        zone_ids=list(zone_ids[:MOST_ZONES]),
        session_id=session_id,
        ends_at=ends_at,
        asked_at=now,
        expires_at=expires_at or now + HOLDS_FOR,
    )
    values = (asked.prompt_id, kind, asked.zone_ids, session_id, ends_at, now, asked.expires_at)
    written = await connection.fetchval(_ADD, *key, device_id, *values)
    return asked if written else None


async def zones_asked_about(
    connection: asyncpg.Connection, key: CustomerKey, since: datetime
) -> frozenset[int]:
    """The zones that this customer was asked to pay for since then, whatever they answered."""
    rows = await connection.fetch(_ASKED_SINCE, *key, since)
    return frozenset(zone_id for row in rows for zone_id in row["zone_ids"])


async def prompts_in_force(
    connection: asyncpg.Connection, keys: Iterable[CustomerKey]
) -> dict[UUID, list[ParkingPrompt]]:
    """What waits for an answer now, by customer, oldest first; customers without any are left out."""
    asked = list(keys)
    now = await connection.fetchval(_NOW)
    rows = await connection.fetch(
        _IN_FORCE, [key.bucket for key in asked], [key.customer_id for key in asked], now
    )
    found: dict[UUID, list[ParkingPrompt]] = {}
    for row in rows:
        said = ParkingPrompt(**{name: row[name] for name in ParkingPrompt.__struct_fields__})
        found.setdefault(row["customer_id"], []).append(said)
    return found


async def answer_prompt(
    connection: asyncpg.Connection, key: CustomerKey, prompt_id: UUID, now: datetime
) -> None:
    """It needs no more showing. Answering again changes nothing; NotFound for another customer's."""
    if await connection.fetchval(_ANSWER, *key, prompt_id, now) is None:
        raise NotFound("There is no such prompt.")


async def settle_prompts(
    connection: asyncpg.Connection, key: CustomerKey, *, session_id: UUID, zone_id: int, now: datetime
) -> None:
    """A session began, was extended or ended: that answers what was asked about it, or its zone."""
    await connection.execute(_SETTLE, *key, session_id, zone_id, now)
