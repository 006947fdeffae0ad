"""The lock every writer of a customer's rows takes first, and what a customer chose.

Owns the order in which customers are locked (ascending by bucket and id, so that two writers can
never wait for each other) and the reading and changing of preferences. What is done under the
lock belongs to the modules that do it.
"""

import re
from datetime import datetime, time
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput, NotFound, Unauthenticated
from geo.wall_clock import is_zone
from offers.terms import AgeBand

MAX_INTERESTS: Final = 50
MAX_INTEREST_LENGTH: Final = 64

_LOCK: Final = """
    SELECT 1 FROM customers WHERE bucket = $1 AND customer_id = $2 FOR NO KEY UPDATE
"""
_NOW: Final = "SELECT alentour_now()"
_READ: Final = """
    SELECT time_zone, language, quiet_start, quiet_end, interests, age_band, grants, last_seq
    FROM customers WHERE bucket = $1 AND customer_id = $2
"""
_WRITE: Final = """
    UPDATE customers SET time_zone = $3, language = $4, quiet_start = $5, quiet_end = $6,
                         interests = $7, age_band = $8
    WHERE bucket = $1 AND customer_id = $2
"""
# RFC 5646 in the shape that people's settings have: a language, then script, region or variants.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_WALL_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Gone(Unauthenticated):
    """The person was erased while their own request was under way: its token is nobody's any more."""

    def __init__(self) -> None:
        super().__init__("This device token is unknown or revoked.")


class CustomerKey(NamedTuple):
    """Where a customer's rows are. Sorts in the order in which customers are locked."""

    bucket: int
    customer_id: UUID


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wall-clock times "HH:MM" in the customer's zone; `start` after `end` wraps midnight.

    Equal times mean no quiet hours at all.
    """

    start: str
    end: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """What the person chose. `quiet_hours` None: the system's default holds."""

    time_zone: str
    language: str
    quiet_hours: QuietHours | None
    interests: tuple[str, ...]
    age_band: AgeBand


async def lock_customers(connection: asyncpg.Connection, *keys: CustomerKey) -> datetime:
    """Lock these customers until the transaction ends; Gone if one does not exist (any more).

    Returns the time, read when the locks are held: whoever waited acts later than whom it waited
    for. Whatever is decided under the lock must be read by a statement that starts after this
    returns: one that waited would still see the other tables as they were before.
    """
    for key in sorted(set(keys)):
        if await connection.fetchval(_LOCK, key.bucket, key.customer_id) is None:
            raise Gone
    now = await connection.fetchval(_NOW)
    assert isinstance(now, datetime)
    return now


async def lock_somebody(connection: asyncpg.Connection, key: CustomerKey) -> datetime:
    """The same for whoever asks about a customer and not as them: NotFound for one who has gone."""
    try:
        return await lock_customers(connection, key)
    except Gone:
        raise NotFound("There is no such customer.") from None


async def read_preferences(connection: asyncpg.Connection, key: CustomerKey) -> Preferences:
    row = await connection.fetchrow(_READ, *key)
    if row is None:
        raise Gone
    quiet = None
    if row["quiet_start"] is not None:
        quiet = QuietHours(f"{row['quiet_start']:%H:%M}", f"{row['quiet_end']:%H:%M}")
    return Preferences(
        time_zone=row["time_zone"],
        language=row["language"],
        quiet_hours=quiet,
        interests=tuple(row["interests"]),
        age_band=row["age_band"],
    )


async def read_grants(connection: asyncpg.Connection, key: CustomerKey) -> frozenset[str]:
    """What is granted at this moment, written as `offers.terms` says."""
    row = await connection.fetchrow(_READ, *key)
    if row is None:
        raise Gone
    return frozenset(row["grants"])


async def change_preferences(
    connection: asyncpg.Connection, key: CustomerKey, **changes: object
) -> Preferences:
    """Set the named preferences, leave the others; InvalidInput names every field at fault."""
    faults = tuple(fault for name, value in changes.items() for fault in _faults(name, value))
    if faults:
        raise InvalidInput("Some preferences cannot be used.", faults=faults)
    await lock_customers(connection, key)
    chosen = msgspec.structs.replace(await read_preferences(connection, key), **changes)
    chosen = msgspec.structs.replace(chosen, interests=tuple(dict.fromkeys(chosen.interests)))
    quiet = chosen.quiet_hours
    await connection.execute(
        _WRITE,
        *key,
        chosen.time_zone,
        chosen.language,
        time.fromisoformat(quiet.start) if quiet else None,
        time.fromisoformat(quiet.end) if quiet else None,
        list(chosen.interests),
        chosen.age_band,
    )
    return chosen


def is_language(tag: str) -> bool:
    return _LANGUAGE.fullmatch(tag) is not None


def _faults(name: str, value: object) -> list[Fault]:
    match name, value:
        case "time_zone", str(zone) if not is_zone(zone):
            return [Fault(name, "is not an IANA time zone such as Europe/Paris")]
        case "language", str(tag) if not is_language(tag):
            return [Fault(name, "is not a language tag such as fr or en-GB")]
        case "quiet_hours", QuietHours(start=start, end=end):
            return [
                Fault(f"{name}.{end_name}", 'is not a wall-clock time "HH:MM"')
                for end_name, text in (("start", start), ("end", end))
                if _WALL_CLOCK.fullmatch(text) is None
            ]
        case "interests", tuple(tags) | list(tags):
            return _interest_faults(tags)
    return []


def _interest_faults(tags: tuple[str, ...] | list[str]) -> list[Fault]:
    if len(tags) > MAX_INTERESTS:
        return [Fault("interests", f"has {len(tags)} tags; at most {MAX_INTERESTS}")]
    return [
        Fault(f"interests[{index}]", f"must be 1 to {MAX_INTEREST_LENGTH} printable characters")
        for index, tag in enumerate(tags)
        if not 1 <= len(tag) <= MAX_INTEREST_LENGTH or not tag.isprintable()
    ]
