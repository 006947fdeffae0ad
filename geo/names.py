"""What a retailer calls its things: `external_id`, and a name for what has none, so that it is found again.

Exports call what was made without an `external_id` by its number and the second in which it was made:
`alentour-fence-31-1782895200`. An import that names it so finds it, and it keeps that name. The second is
there because another installation counts from 1 as well, and its fence 31 is another.
Every function sees one retailer's rows only.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, cast, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from geo.tables import Fence, Site, is_one_of

_MOST_DIGITS: Final = 18  # of a number that surely fits into a bigint


class Kind:
    """One kind of thing: its table, the column of its number, and its word."""

    def __init__(self, table: Any, number: Any, word: str) -> None:
        self.table, self.number = table, number
        self._prefix = f"alentour-{word}-"
        second = cast(func.floor(func.extract("epoch", table.created_at)), BigInteger)
        self.given_name = func.concat(self._prefix, number, "-", second)

    def name_of(self, row: Any) -> str:
        """What a row of the table is called."""
        made_at: datetime = row.created_at
        number = getattr(row, self.number.key)
        return row.external_id or f"{self._prefix}{number}-{int(made_at.timestamp())}"

    def numbers_in(self, names: Collection[str]) -> set[int]:
        """Those in names that look as we give them; whether they are ours is for the database to say."""
        rests = (name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix))
        numbers = (rest.partition("-")[0] for rest in rests)
        return {int(one) for one in numbers if one.isdecimal() and len(one) <= _MOST_DIGITS}


SITES: Final = Kind(Site, Site.site_id, "site")
FENCES: Final = Kind(Fence, Fence.fence_id, "fence")


async def names_of(
    session: AsyncSession, kind: Kind, retailer_id: int, ids: Collection[int]
) -> dict[int, str]:
    """By id, of those that exist."""
    name = func.coalesce(kind.table.external_id, kind.given_name)
    query = select(kind.number, name).where(
        kind.table.retailer_id == retailer_id, is_one_of(kind.number, ids)
    )
    return {row[0]: row[1] for row in await session.execute(query)} if ids else {}


async def ids_of(
    session: AsyncSession, kind: Kind, retailer_id: int, names: Collection[str]
) -> dict[str, int]:
    """By name, of those that exist. What was called so by the retailer comes before what we would call so."""
    own, said = kind.table.retailer_id == retailer_id, kind.table.external_id
    nameless = said.is_(None) & is_one_of(kind.number, kind.numbers_in(names))
    query = select(func.coalesce(said, kind.given_name), kind.number).where(
        own, or_(is_one_of(said, names), nameless)
    )
    rows = await session.execute(query.order_by(said.nulls_first())) if names else ()
    return {name: id_ for name, id_ in rows if name in names}


async def keep_names(
    session: AsyncSession, kind: Kind, retailer_id: int, names: Collection[str], now: datetime
) -> set[str]:
    """Let nameless things that are called so keep it, where nothing else is; the names that were kept."""
    numbers = kind.numbers_in(names)
    if not numbers:
        return set()
    other = aliased(kind.table)
    found = select(kind.number).where(
        kind.table.retailer_id == retailer_id,
        kind.table.external_id.is_(None),
        is_one_of(kind.number, numbers),
        is_one_of(kind.given_name, names),
        ~exists().where(other.retailer_id == retailer_id, other.external_id == kind.given_name),
    )
    # In one order, so that two imports of the same wait for each other.
    held = (await session.scalars(found.order_by(kind.number).with_for_update())).all()
    kept = await session.scalars(
        update(kind.table)
        .where(is_one_of(kind.number, held))
        .values(external_id=kind.given_name, revision=kind.table.revision + 1, updated_at=now)
        .returning(kind.table.external_id)
        .execution_options(synchronize_session=False)
    )
    return set(kept.all())
