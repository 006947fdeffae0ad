"""What a customer may not or will not eat, kept only under their explicit consent to `dietary`.

Data concerning health (GDPR Art. 9 (2)(a)): owns the rows of `customer_diets`, which nothing but this module,
the export and an erasure reads. No rule about offers does, and nothing that a retailer is told. They go with
the consent (`offers.people.withdrawal`). A phone that filters by itself needs none of this.
"""

from datetime import datetime
from typing import Annotated, Final

import asyncpg
import msgspec
from msgspec import Meta

from geo.errors import Forbidden, NotFound
from offers.consent import may_keep_diet
from offers.menus import allergens as vocabulary
from offers.menus.allergens import ALLERGENS, Allergen
from offers.menus.diets import DIETS, Diet
from offers.people.customers import CustomerKey, lock_customers, read_grants

_READ: Final = """
    SELECT allergens, diets, updated_at FROM customer_diets WHERE bucket = $1 AND customer_id = $2
"""
_PUT: Final = """
    INSERT INTO customer_diets (bucket, customer_id, allergens, diets, updated_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (bucket, customer_id) DO UPDATE SET
        allergens = excluded.allergens, diets = excluded.diets, updated_at = excluded.updated_at
"""
_DELETE: Final = """
    DELETE FROM customer_diets WHERE bucket = $1 AND customer_id = $2 RETURNING updated_at
"""


class Eats(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`allergens` are not to be in a dish, not even in traces; it has to suit all `diets`."""

    allergens: Annotated[list[Allergen], Meta(max_length=len(ALLERGENS))]
    diets: Annotated[list[Diet], Meta(max_length=len(DIETS))]


class KeptDiet(msgspec.Struct, frozen=True, kw_only=True):
    """The same as it is kept, each once, in the order of the law's annex and of schema.org."""

    allergens: list[Allergen]
    diets: list[Diet]
    updated_at: datetime


async def read_diet(connection: asyncpg.Connection, key: CustomerKey) -> KeptDiet:
    """Without a lock. Forbidden without the consent, NotFound where nothing was put."""
    _refuse_without(await read_grants(connection, key))
    row = await connection.fetchrow(_READ, *key)
    if row is None:
        raise NotFound("Nothing is kept of what you eat.")
    return KeptDiet(**dict(row))


async def put_diet(connection: asyncpg.Connection, key: CustomerKey, eats: Eats) -> KeptDiet:
    """All of it; what is not named is forgotten. Forbidden without the consent."""
    now = await lock_customers(connection, key)
    _refuse_without(await read_grants(connection, key))
    diets = [one for one in DIETS if one in eats.diets]
    await connection.execute(_PUT, *key, vocabulary.in_order(eats.allergens), diets, now)
    return await read_diet(connection, key)


async def delete_diet(connection: asyncpg.Connection, key: CustomerKey) -> None:
    """The consent stays. NotFound where nothing was kept; needs no consent, as nothing is read."""
    await lock_customers(connection, key)
    if await connection.fetchval(_DELETE, *key) is None:
        raise NotFound("Nothing is kept of what you eat.")


def _refuse_without(grants: frozenset[str]) -> None:
    if not may_keep_diet(grants):
        raise Forbidden("Keeping allergies and diets is not consented to.", code="no_dietary_consent")
