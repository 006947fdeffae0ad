"""Controllers: who asks for consent, and how a person reaches them.

The operator asks for everything but marketing, which each retailer asks for itself (`retailer:7`). Owns
what each says of itself; a retailer's name is that of the retailer.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput
from offers.terms import (
    DIETARY,
    LOCATION_OFFERS,
    LOCATION_PARKING,
    MARKETING,
    MEASUREMENT,
    PERSONALISATION,
)

OPERATOR: Final = "operator"
LONGEST_NAME: Final = 200
LONGEST_CONTACT: Final = 500
LONGEST_URL: Final = 2_000
_OPERATOR_ASKS: Final = (LOCATION_OFFERS, LOCATION_PARKING, PERSONALISATION, MEASUREMENT, DIETARY)

_PUT: Final = """
    INSERT INTO controllers (retailer_id, name, contact, privacy_policy_url, updated_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (retailer_id) DO UPDATE SET
        contact = excluded.contact, privacy_policy_url = excluded.privacy_policy_url,
        updated_at = excluded.updated_at
"""
_PUT_OPERATOR: Final = """
    INSERT INTO controllers (name, contact, privacy_policy_url, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT ((retailer_id IS NULL)) WHERE retailer_id IS NULL DO UPDATE SET
        name = excluded.name, contact = excluded.contact,
        privacy_policy_url = excluded.privacy_policy_url, updated_at = excluded.updated_at
"""
_OPERATOR: Final = """
    SELECT name, contact, privacy_policy_url, updated_at FROM controllers WHERE retailer_id IS NULL
"""
# Retailers ask once they have anything to send: an offer that is or was on, or a text of their own.
_ASKING: Final = """
    SELECT r.retailer_id, r.name, c.contact, c.privacy_policy_url, c.updated_at
    FROM retailers AS r LEFT JOIN controllers AS c ON c.retailer_id = r.retailer_id
    WHERE r.retailer_id > $1
      AND (c.retailer_id IS NOT NULL
           OR EXISTS (SELECT FROM offers AS o WHERE o.retailer_id = r.retailer_id AND o.status <> 'draft')
           OR EXISTS (SELECT FROM notice_versions AS n WHERE n.retailer_id = r.retailer_id))
    ORDER BY r.retailer_id LIMIT $2
"""
_NAMED: Final = """
    SELECT r.retailer_id, r.name, c.contact, c.privacy_policy_url, c.updated_at
    FROM retailers AS r LEFT JOIN controllers AS c ON c.retailer_id = r.retailer_id
    WHERE r.retailer_id = ANY($1::bigint[])
"""


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is responsible for some purposes. `retailer_id` null: the operator of this service.

    `name`, `contact` and `privacy_policy_url` are null where nobody said them yet.
    """

    controller_id: str
    retailer_id: int | None
    name: str | None
    contact: str | None
    privacy_policy_url: str | None
    purposes: tuple[str, ...]
    updated_at: datetime | None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller says of itself. `name` is said by the operator only."""

    contact: str
    privacy_policy_url: str
    name: str | None = None


async def read_operator(connection: asyncpg.Connection) -> Controller:
    row = await connection.fetchrow(_OPERATOR)
    said = dict(row) if row else dict.fromkeys(("name", "contact", "privacy_policy_url", "updated_at"))
    return Controller(controller_id=OPERATOR, retailer_id=None, purposes=_OPERATOR_ASKS, **said)


async def read_asking(connection: asyncpg.Connection, after: int, at_most: int) -> list[Controller]:
    """The retailers who ask, by id, those above `after`."""
    return [_retailer(row) for row in await connection.fetch(_ASKING, after, at_most)]


async def read_named(connection: asyncpg.Connection, retailer_ids: Collection[int]) -> dict[int, Controller]:
    rows = await connection.fetch(_NAMED, list(retailer_ids))
    return {row["retailer_id"]: _retailer(row) for row in rows}


async def put_identity(
    connection: asyncpg.Connection, retailer_id: int | None, said: Identity, now: datetime
) -> Controller:
    """Set or replace it; `retailer_id` None is the operator. Raises InvalidInput."""
    if faults := _faults(retailer_id, said):
        raise InvalidInput("This identity cannot be used.", faults=tuple(faults))
    if retailer_id is None:
        await connection.execute(_PUT_OPERATOR, said.name, said.contact, said.privacy_policy_url, now)
        return await read_operator(connection)
    await connection.execute(_PUT, retailer_id, None, said.contact, said.privacy_policy_url, now)
    return (await read_named(connection, [retailer_id]))[retailer_id]


def controller_id_of(retailer_id: int | None) -> str:
    return OPERATOR if retailer_id is None else f"retailer:{retailer_id}"


def _retailer(row: asyncpg.Record) -> Controller:
    return Controller(controller_id=controller_id_of(row["retailer_id"]), purposes=(MARKETING,), **dict(row))


def _faults(retailer_id: int | None, said: Identity) -> list[Fault]:
    faults = _text_faults("contact", said.contact, LONGEST_CONTACT)
    if retailer_id is None:
        faults += _text_faults("name", said.name or "", LONGEST_NAME)
    elif said.name is not None:
        faults.append(Fault("name", "is the operator's to say; a retailer's is that of the retailer"))
    if not _is_web_address(said.privacy_policy_url):
        faults.append(
            Fault("privacy_policy_url", "must be a web address such as https://example.org/privacy")
        )
    return faults


def _is_web_address(text: str) -> bool:
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"https", "http"} and bool(parts.hostname)
    except ValueError:
        return False


def _text_faults(field: str, text: str, longest: int) -> list[Fault]:
    if 1 <= len(text) <= longest and text.isprintable() and text.strip():
        return []
    return [Fault(field, f"must be 1 to {longest} printable characters")]
