"""Recording what a person answered, in one transaction with its effects.

Owns the append-only rows of `consents` and the derived `customers.grants`. What a grant allows is
in `offers.consent`, what may be answered in `offers.people.decisions`, what a withdrawal undoes in
`offers.people.withdrawal`, what a newer text does in `offers.lapsing`, the form of a receipt in
`offers.people.receipts`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import NotFound
from geo.wall_clock import country_of
from offers.consent import grants_after
from offers.minors import AGES_OF_CONSENT, age_of_consent
from offers.people.customers import CustomerKey, lock_customers
from offers.people.decisions import (
    Decision,
    check_age,
    check_decisions,
    check_retailers,
    decision_of,
    grant_of,
)
from offers.people.notices import Published, Wording
from offers.people.withdrawal import undo_uncovered

_GRANTS: Final = """
    SELECT c.grants, c.language, c.age_band, c.country, c.time_zone,
           (SELECT max(k.recorded_at) FROM consents AS k
            WHERE k.bucket = c.bucket AND k.customer_id = c.customer_id) AS last_at
    FROM customers AS c WHERE c.bucket = $1 AND c.customer_id = $2
"""
_RETAILERS: Final = "SELECT retailer_id, name FROM retailers WHERE retailer_id = ANY($1::bigint[])"
_APPEND: Final = """
    INSERT INTO consents (bucket, customer_id, consent_id, purpose, retailer_id, channel, is_granted,
                          notice_version, language, method, device_id, recorded_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_SET_GRANTS: Final = """
    UPDATE customers SET grants = $3, grants_as_of = $4 WHERE bucket = $1 AND customer_id = $2
"""
_COLUMNS: Final = """
    consent_id, purpose, retailer_id, channel, is_granted AS granted, notice_version, language,
    method, device_id, recorded_at
"""
_HISTORY: Final = f"""
    SELECT {_COLUMNS} FROM consents WHERE bucket = $1 AND customer_id = $2
    ORDER BY recorded_at DESC, consent_id
"""  # noqa: S608 - joined from constants of this module
_ONE: Final = f"""
    SELECT {_COLUMNS} FROM consents WHERE bucket = $1 AND customer_id = $2 AND consent_id = $3
"""  # noqa: S608 - joined from constants of this module


# Purpose, and for marketing retailer and channel.
_Question = tuple[str, int | None, str | None]


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded answer, as it will always stand."""

    consent_id: UUID
    purpose: str
    granted: bool
    retailer_id: int | None
    channel: str | None
    notice_version: int
    language: str
    method: str
    device_id: UUID | None
    recorded_at: datetime


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that were appended, and all that is granted now."""

    consents: tuple[Consent, ...]
    granted: frozenset[str]


async def record_decisions(
    connection: asyncpg.Connection,
    key: CustomerKey,
    decisions: Sequence[Decision],
    *,
    method: str,
    device_id: UUID,
    ages: Mapping[str, int] = AGES_OF_CONSENT,
) -> Recorded:
    """Append one row per decision and let withdrawals take effect before anything is acknowledged.

    Raises Forbidden for a yes that the person's age does not allow; `ages` are those of consent by country.
    """
    check_decisions(decisions, method)
    now = await lock_customers(connection, key)
    row = await connection.fetchrow(_GRANTS, *key)
    granted = grants_after(frozenset(row["grants"]), decisions)
    home = row["country"] or country_of(row["time_zone"])
    check_age(decisions, row["age_band"], age_of_consent(home, ages))
    await check_retailers(connection, decisions)
    published = await Published.of(connection, [decision.purpose for decision in decisions])
    # Strictly later than the last answer, though a simulated clock may stand still: the latest
    # answer to a question is the one that counts, so their order must be in the record.
    at = now if row["last_at"] is None else max(now, row["last_at"] + timedelta(microseconds=1))
    shown_all = all(decision.wording is not None for decision in decisions)
    taken_back = {} if shown_all else _granted(await read_history(connection, key))
    consents = tuple(
        _consent(decision, _wording(decision, taken_back, published, row["language"]), method, device_id, at)
        for decision in decisions
    )
    await connection.executemany(_APPEND, [_row(key, consent) for consent in consents])
    await connection.execute(_SET_GRANTS, *key, sorted(granted), now)
    ended = frozenset(grant_of(decision) for decision in decisions if not decision.granted)
    if ended:
        await undo_uncovered(connection, key, granted, now, ended=ended)
    return Recorded(consents=consents, granted=granted)


async def withdraw_all(
    connection: asyncpg.Connection, key: CustomerKey, *, method: str, device_id: UUID
) -> Recorded:
    """Take back every consent that is granted now, and every one that lapsed: nothing is asked again.

    Nothing is recorded where nothing is left to take back.
    """
    await lock_customers(connection, key)
    row = await connection.fetchrow(_GRANTS, *key)
    said_yes = {grant_of(one) for one in current(await read_history(connection, key)) if one.granted}
    return await take_back(connection, key, said_yes | set(row["grants"]), method=method, device_id=device_id)


async def take_back(
    connection: asyncpg.Connection,
    key: CustomerKey,
    grants: Collection[str],
    *,
    method: str,
    device_id: UUID,
) -> Recorded:
    """Record a no to each of these, as far as they were granted."""
    decisions = [decision_of(grant, granted=False) for grant in sorted(grants)]
    return await record_decisions(connection, key, decisions, method=method, device_id=device_id)


async def read_history(connection: asyncpg.Connection, key: CustomerKey) -> list[Consent]:
    """Every answer ever given, the latest first."""
    return [Consent(**dict(row)) for row in await connection.fetch(_HISTORY, *key)]


async def read_consent(connection: asyncpg.Connection, key: CustomerKey, consent_id: UUID) -> Consent:
    row = await connection.fetchrow(_ONE, *key, consent_id)
    if row is None:
        raise NotFound("There is no such consent.")
    return Consent(**dict(row))


async def read_retailer_names(connection: asyncpg.Connection, consents: Sequence[Consent]) -> dict[int, str]:
    """The names of the retailers that some marketing answers are about."""
    named = [one.retailer_id for one in consents if one.retailer_id is not None]
    return {row["retailer_id"]: row["name"] for row in await connection.fetch(_RETAILERS, named)}


def current(history: Sequence[Consent]) -> list[Consent]:
    """The answer that counts now to each question, from a history with the latest first."""
    latest: dict[_Question, Consent] = {}
    for consent in history:
        latest.setdefault(_question(consent), consent)
    return list(latest.values())


def _question(answer: Decision | Consent) -> _Question:
    return answer.purpose, answer.retailer_id, answer.channel


def _granted(history: Sequence[Consent]) -> dict[_Question, Wording]:
    """Under which text each yes that counts now was said."""
    return {
        _question(one): Wording(version=one.notice_version, language=one.language)
        for one in current(history)
        if one.granted
    }


def _wording(
    decision: Decision, taken_back: Mapping[_Question, Wording], published: Published, language: str
) -> Wording:
    shown = decision.wording
    if shown is not None:
        published.check(decision.purpose, decision.retailer_id, shown, to_grant=decision.granted)
        return shown
    before = taken_back.get(_question(decision))
    return before or published.latest(decision.purpose, decision.retailer_id, language)


def _consent(decision: Decision, wording: Wording, method: str, device_id: UUID, at: datetime) -> Consent:
    return Consent(
        consent_id=uuid4(),
        purpose=decision.purpose,
        granted=decision.granted,
        retailer_id=decision.retailer_id,
        channel=decision.channel,
        notice_version=wording.version,
        language=wording.language,
        method=method,
        device_id=device_id,
        recorded_at=at,
    )


def _row(key: CustomerKey, consent: Consent) -> tuple[object, ...]:
    return (
        *key,
        consent.consent_id,
        consent.purpose,
        consent.retailer_id,
        consent.channel,
        consent.granted,
        consent.notice_version,
        consent.language,
        consent.method,
        consent.device_id,
        consent.recorded_at,
    )
