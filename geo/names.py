"""What a retailer calls its things: `external_id`, and a name for what has none, so that it is found again.

What was made without an `external_id` is called `alentour-fence-31` in exports. An import that names it so
finds it, and leaves it with that name. Every function sees one retailer's rows only.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from geo.tables import Fence, Site

_LARGEST_ID: Final = 2**63 - 1


class Kind:
    """One kind of thing."""

    def __init__(self, table: Any, key: Any, word: str) -> None:
        self.table, self.key = table, key
        self.prefix = f"alentour-{word}-"

    def name(self, id_: int, external_id: str | None) -> str:
        return external_id or f"{self.prefix}{id_}"

    def id_in(self, name: str) -> int | None:
        """The id of something without a name of its own."""
        digits = name.removeprefix(self.prefix)
        if digits == name or not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
            return None
        return int(digits) if int(digits) <= _LARGEST_ID else None


SITES: Final = Kind(Site, Site.site_id, "site")
FENCES: Final = Kind(Fence, Fence.fence_id, "fence")


async def names_of(
    session: AsyncSession, kind: Kind, retailer_id: int, ids: Collection[int]
) -> dict[int, str]:
    """By id, of those that exist."""
    query = select(kind.key, kind.table.external_id).where(
        kind.table.retailer_id == retailer_id, kind.key.in_(ids)
    )
    return {row[0]: kind.name(row[0], row[1]) for row in await session.execute(query)} if ids else {}


async def ids_of(
    session: AsyncSession, kind: Kind, retailer_id: int, names: Collection[str]
) -> dict[str, int]:
    """By name, of those that exist."""
    if not names:
        return {}
    own = kind.table.retailer_id == retailer_id
    named = select(kind.table.external_id, kind.key).where(own, kind.table.external_id.in_(names))
    found: dict[str, int] = {row[0]: row[1] for row in await session.execute(named)}
    if nameless := {kind.id_in(name) for name in names if name not in found} - {None}:
        query = select(kind.key).where(own, kind.table.external_id.is_(None), kind.key.in_(nameless))
        found |= {kind.name(id_, None): id_ for id_ in await session.scalars(query)}
    return found


async def adopt(session: AsyncSession, kind: Kind, retailer_id: int, names: Collection[str]) -> None:
    """Let things without a name that are named so keep it, where nothing else is called that."""
    if nameless := {kind.id_in(name) for name in names} - {None}:
        other = aliased(kind.table)
        name = _name_of(kind)
        await session.execute(
            update(kind.table)
            .where(
                kind.table.retailer_id == retailer_id,
                kind.table.external_id.is_(None),
                kind.key.in_(nameless),
                ~exists().where(other.retailer_id == retailer_id, other.external_id == name),
            )
            .values(external_id=name)
            .execution_options(synchronize_session=False)
        )


def _name_of(kind: Kind) -> ColumnElement[str]:
    return func.concat(kind.prefix, kind.key)
