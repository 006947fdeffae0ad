"""The lock every writer of a customer's rows takes first, and what a customer chose.

Owns the order in which customers are locked (ascending by bucket and id, so that two writers can
never wait for each other) and the reading and changing of preferences. What is done under the
lock belongs to the modules that do it; what an age band allows, to `offers.people.age_bands`.
"""

import re
from datetime import datetime, time
from typing import Final, NamedTuple

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput, NotFound, Unauthenticated
from geo.wall_clock import country_of, is_zone
from offers.people.keys import CustomerKey
from offers.people.lapses import lapse, read_now_and_last_lapse, without_lapsed
from offers.terms import AgeBand

__all__ = [
    "CustomerKey",
    "Gone",
    "Preferences",
    "QuietHours",
    "Standing",
    "change_preferences",
    "check_preferences",
    "is_country",
    "is_language",
    "lock_customers",
    "lock_somebody",
    "read_grants",
    "read_preferences",
    "read_standing",
]

MAX_INTERESTS: Final = 50
MAX_INTEREST_LENGTH: Final = 64

_LOCK: Final = """
    SELECT 1 FROM customers WHERE bucket = $1 AND customer_id = $2 FOR NO KEY UPDATE
"""
_READ: Final = """
    SELECT time_zone, language, quiet_start, quiet_end, interests, age_band, country, grants, grants_as_of
    FROM customers WHERE bucket = $1 AND customer_id = $2
"""
_WRITE: Final = """
    UPDATE customers SET time_zone = $3, language = $4, quiet_start = $5, quiet_end = $6,
                         interests = $7, age_band = $8, country = $9
    WHERE bucket = $1 AND customer_id = $2
"""
# RFC 5646 in the shape that people's settings have: a language, then script, region or variants.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_WALL_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Gone(Unauthenticated):
    """The person was erased while their own request was under way: its token is nobody's any more."""

    def __init__(self) -> None:
        super().__init__("This device token is unknown or revoked.")


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wall-clock times "HH:MM" in the customer's zone; `start` after `end` wraps midnight.

    Equal times mean no quiet hours at all.
    """

    start: str
    end: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """What the person chose. `quiet_hours` None: the system's default holds.

    `country` (ISO 3166) is where they live; None: the one that their time zone is named for.
    """

    time_zone: str
    language: str
    quiet_hours: QuietHours | None
    interests: tuple[str, ...]
    age_band: AgeBand
    country: str | None

    @property
    def home(self) -> str | None:
        """The country whose rules hold, if it is known."""
        return self.country or country_of(self.time_zone)


class Standing(NamedTuple):
    """What may be done with this person: the consents that count at this moment, and their age band."""

    grants: frozenset[str]
    age_band: AgeBand


async def lock_customers(connection: asyncpg.Connection, *keys: CustomerKey) -> datetime:
    """Lock these customers until the transaction ends; Gone if one does not exist (any more).

    Consents of theirs that lapsed meanwhile are taken from their grants first, with all that rested on
    them: whoever holds the lock finds only what counts.

    Returns the time, read when the locks are held: whoever waited acts later than whom it waited
    for. Whatever is decided under the lock must be read by a statement that starts after this
    returns: one that waited would still see the other tables as they were before.
    """
    for key in sorted(set(keys)):
        if await connection.fetchval(_LOCK, key.bucket, key.customer_id) is None:
            raise Gone
    now, last_lapse = await read_now_and_last_lapse(connection)
    await lapse(connection, keys, now, last_lapse)
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
        country=row["country"],
    )


async def read_grants(connection: asyncpg.Connection, key: CustomerKey) -> frozenset[str]:
    """What is granted at this moment, written as `offers.terms` says."""
    return (await read_standing(connection, key)).grants


async def read_standing(connection: asyncpg.Connection, key: CustomerKey) -> Standing:
    """Without a lock: for whoever only reads."""
    row = await connection.fetchrow(_READ, *key)
    if row is None:
        raise Gone
    grants = await without_lapsed(connection, key, frozenset(row["grants"]), row["grants_as_of"])
    return Standing(grants, row["age_band"])


async def change_preferences(
    connection: asyncpg.Connection, key: CustomerKey, **changes: object
) -> Preferences:
    """Set the named preferences, leave the others; InvalidInput names every field at fault.

    An age band, country or zone that allows less takes consents back first: `offers.people.age_bands`.
    """
    check_preferences(**changes)
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
        chosen.country,
    )
    return chosen


def check_preferences(**changes: object) -> None:
    """Raise InvalidInput that names every field at fault."""
    faults = tuple(fault for name, value in changes.items() for fault in _faults(name, value))
    if faults:
        raise InvalidInput("Some preferences cannot be used.", faults=faults)


def is_country(code: str) -> bool:
    """Whether it has the form of an ISO 3166 code; one that nobody has meets the strictest rule."""
    return _COUNTRY.fullmatch(code) is not None


def is_language(tag: str) -> bool:
    return _LANGUAGE.fullmatch(tag) is not None


def _faults(name: str, value: object) -> list[Fault]:
    match name, value:
        case "time_zone", str(zone) if not is_zone(zone):
            return [Fault(name, "is not an IANA time zone such as Europe/Paris")]
        case "language", str(tag) if not is_language(tag):
            return [Fault(name, "is not a language tag such as fr or en-GB")]
        case "country", str(code) if not is_country(code):
            return [Fault(name, "is not a country's two capital letters such as FR (ISO 3166)")]
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
