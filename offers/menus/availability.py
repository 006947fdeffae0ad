"""What has run out of a menu, and is back: said during service, kept as events, never a new version.

The events say what phones were told at any moment; `menu_items.sold_out_until` says it for now.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, InvalidInput
from geo.wall_clock import moment_of, wall_time
from offers.menus.card import Card, card_of
from offers.menus.menu_edits import published_card
from offers.menus.tables import MenuRow

# How the database writes "until it is put back".
FOREVER: Final = "infinity"
FURTHEST: Final = timedelta(days=366)

_APPEND: Final = text("""
INSERT INTO menu_availability (menu_id, item_id, sold_out_until, recorded_at)
SELECT :menu_id, item_id, CAST(CAST(:until AS text) AS timestamptz), :now
FROM unnest(CAST(:item_ids AS text[])) AS item_id
""")
_SET: Final = text("""
UPDATE menu_items SET sold_out_until = CAST(CAST(:until AS text) AS timestamptz)
WHERE menu_id = :menu_id AND item_id = ANY(CAST(:item_ids AS text[]))
""")
# As of a moment: the last word about each item, where it still held.
_AS_OF: Final = text("""
SELECT item_id, nullif(sold_out_until, 'infinity') AS sold_out_until FROM (
    SELECT DISTINCT ON (item_id) item_id, sold_out_until FROM menu_availability
    WHERE menu_id = :menu_id AND recorded_at <= :at ORDER BY item_id, event_no DESC
) AS last WHERE last.sold_out_until > :at ORDER BY item_id
""")


class SoldOut(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is not to be had; `until` None: until it is put back."""

    item_id: str
    until: datetime | None


async def say(
    session: AsyncSession, menu: MenuRow, item_ids: Sequence[str], until: str | None, now: datetime
) -> bool:
    """These are sold out until then (RFC 3339, or `FOREVER`), or with None back. False: it was so already.

    The menu was read for update. Raises InvalidInput for ids that are neither in what phones see of it nor in
    what is being written.
    """
    known = _ids_of(card_of(menu.card))
    if menu.published_version is not None:
        known |= _ids_of(await published_card(session, menu))
    faults = [
        Fault(f"item_ids[{n}]", "is no item of this menu")
        for n, one in enumerate(item_ids)
        if one not in known
    ]
    if faults:
        raise InvalidInput("The items are not of this menu.", faults=tuple(faults))
    changed = await _that_change(session, menu, item_ids, until, now)
    if not changed:
        return False
    values = {"menu_id": menu.menu_id, "item_ids": changed, "until": until}
    await session.execute(_APPEND, {**values, "now": now})
    await session.execute(_SET, values)
    return True


async def sold_out(session: AsyncSession, menu_id: int, at: datetime) -> list[SoldOut]:
    """What was not to be had at `at`."""
    rows = await session.execute(_AS_OF, {"menu_id": menu_id, "at": at})
    return [SoldOut(item_id=row.item_id, until=row.sold_out_until) for row in rows]


def end_of_today(time_zone: str, now: datetime) -> datetime:
    """The next midnight (UTC) on the clock of the place."""
    today = wall_time(now, time_zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return moment_of(today + timedelta(days=1), time_zone)


async def _that_change(
    session: AsyncSession, menu: MenuRow, item_ids: Sequence[str], until: str | None, now: datetime
) -> list[str]:
    before = {one.item_id: one.until for one in await sold_out(session, menu.menu_id, now)}
    wanted = None if until in (None, FOREVER) else datetime.fromisoformat(str(until))
    is_same = {
        one: (one in before and before[one] == wanted) if until is not None else one not in before
        for one in item_ids
    }
    return [one for one in dict.fromkeys(item_ids) if not is_same[one]]


def _ids_of(card: Card) -> set[str]:
    ids: Collection[str] = [item.id for item in card.items]
    return {*ids, *(one.id for one in card.formulas), *(one.id for day in card.specials for one in day.items)}
