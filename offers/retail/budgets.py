"""Budgets as retailers set them: totals of deliveries and redemptions, changed under load.

What was given or leased stays given: raising or lowering a total moves what is still available
by the difference. Taking leases is `offers.leases`', redeeming the till's.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from sqlalchemy import CursorResult, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault
from offers.tables import OfferBudget, OfferRow

_MOVE: Final = text("""
UPDATE offer_budgets
SET deliveries_total = :total, deliveries_available = deliveries_available + :total - deliveries_total
WHERE offer_id = :offer_id AND deliveries_available + :total - deliveries_total >= 0
""")
_FREE: Final = text("""
UPDATE offer_budgets SET deliveries_total = NULL, deliveries_available = NULL WHERE offer_id = :offer_id
""")
_HOLD_LEASES: Final = text("""
SELECT lease_id FROM budget_leases WHERE offer_id = :offer_id ORDER BY lease_id FOR UPDATE
""")
_HOLD: Final = text("SELECT offer_id FROM offer_budgets WHERE offer_id = :offer_id FOR UPDATE")
# What is leased counts as given until it comes back; what was delivered from a lease is within it.
_BIND: Final = text("""
UPDATE offer_budgets b SET deliveries_total = :total, deliveries_available = :total - g.given
FROM (
    SELECT (SELECT coalesce(sum(granted), 0) FROM budget_leases WHERE offer_id = :offer_id)
         + (SELECT count(*) FROM deliveries d
            WHERE d.bucket BETWEEN 0 AND 63 AND d.offer_id = :offer_id
              AND NOT EXISTS (SELECT FROM budget_leases l WHERE l.lease_id = d.lease_id))
         + (SELECT CAST(coalesce(sum(decided), 0) AS bigint) FROM delivery_totals
            WHERE offer_id = :offer_id) AS given
) g
WHERE b.offer_id = :offer_id AND :total >= g.given
""")
_REDEMPTIONS: Final = text("""
UPDATE offer_budgets SET redemptions_total = CAST(:total AS integer)
WHERE offer_id = :offer_id AND (CAST(:total AS integer) IS NULL OR redeemed <= CAST(:total AS integer))
""")
# An offer that was made without a row had no limits; what was redeemed meanwhile is counted.
_ADD: Final = text("""
INSERT INTO offer_budgets (offer_id, redeemed)
SELECT :offer_id, (SELECT count(*) FROM redemptions WHERE bucket BETWEEN 0 AND 63 AND offer_id = :offer_id)
     + (SELECT CAST(coalesce(sum(redeemed), 0) AS bigint) FROM delivery_totals WHERE offer_id = :offer_id)
ON CONFLICT DO NOTHING
""")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries and redemptions there may ever be; None is no limit."""

    deliveries: int | None = None
    redemptions: int | None = None


async def budgets_of(session: AsyncSession, offer_ids: Sequence[int]) -> dict[int, Budget]:
    """By offer; one without a row has no limits and is left out."""
    rows = await session.scalars(select(OfferBudget).where(OfferBudget.offer_id.in_(offer_ids)))
    return {
        row.offer_id: Budget(deliveries=row.deliveries_total, redemptions=row.redemptions_total)
        for row in rows
    }


async def create_budget(session: AsyncSession, offer_id: int, budget: Budget) -> None:
    row = OfferBudget(
        offer_id=offer_id,
        deliveries_total=budget.deliveries,
        deliveries_available=budget.deliveries,
        redemptions_total=budget.redemptions,
    )
    session.add(row)
    await session.flush()


async def change_budget(session: AsyncSession, offer: OfferRow, budget: Budget) -> bool:
    """Set the totals; the offer was read for update. False if they were so already.

    Raises Conflict when more has been given than the new total, when the offer has ended, and when
    a limit is put on deliveries that had none while workers may still be giving them away.
    """
    before = (await budgets_of(session, [offer.offer_id])).get(offer.offer_id)
    if (before or Budget()) == budget:
        return False
    if offer.status == "ended":
        raise Conflict("An ended offer cannot be changed.", code="offer_has_ended")
    if before is None:
        await session.execute(_ADD, {"offer_id": offer.offer_id})
    had = before.deliveries if before else None
    if budget.deliveries is None:
        await session.execute(_FREE, {"offer_id": offer.offer_id})
    elif had is None:
        await _bind(session, offer, budget.deliveries)
    elif budget.deliveries != had:
        await _guarded(session, _MOVE, offer, budget.deliveries, "budget.deliveries")
    await _guarded(session, _REDEMPTIONS, offer, budget.redemptions, "budget.redemptions")
    return True


async def _bind(session: AsyncSession, offer: OfferRow, total: int) -> None:
    """Put a limit on what had none. Only where nobody can be giving units away uncounted."""
    if offer.status != "draft" and offer.stopped_at is None:
        raise Conflict(
            "Stop the offer before its deliveries get a limit, so that those given can be counted.",
            code="offer_is_not_stopped",
            faults=(Fault("budget.deliveries", "had no limit until now"),),
        )
    # Two statements: what is counted must be read after the locks are held.
    await session.execute(_HOLD_LEASES, {"offer_id": offer.offer_id})
    await session.execute(_HOLD, {"offer_id": offer.offer_id})
    await _guarded(session, _BIND, offer, total, "budget.deliveries")


async def _guarded(
    session: AsyncSession, statement: TextClause, offer: OfferRow, total: int | None, field: str
) -> None:
    parameters = {"offer_id": offer.offer_id, "total": total}
    changed = cast("CursorResult[Any]", await session.execute(statement, parameters)).rowcount
    if changed == 0:
        raise Conflict(
            f"{field} cannot be {total}: more is given, leased or redeemed already.",
            code="budget_is_used",
            faults=(Fault(field, "is less than what is used"),),
        )
