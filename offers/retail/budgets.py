"""Budgets as retailers set them: deliveries in all, by day, by week, and redemptions; changed under load.

What was given or leased stays given: raising or lowering a limit moves what is still available by the
difference. Taking leases is `offers.engine.leases`', redeeming the till's, codes `offers.retail.code_pools`'.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, cast

import msgspec
from sqlalchemy import CursorResult, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault, InvalidInput
from geo.wall_clock import is_zone
from offers.tables import OfferBudget, OfferRow

Period = Literal["day", "week"]
PERIODS: Final[tuple[Period, ...]] = ("day", "week")
DEFAULT_ZONE: Final = "Europe/Paris"

_MOVE: Final = text("""
UPDATE offer_budgets
SET deliveries_total = :limit, deliveries_available = deliveries_available + :limit - deliveries_total
WHERE offer_id = :offer_id AND deliveries_available + :limit - deliveries_total >= 0
""")
_FREE: Final = text("""
UPDATE offer_budgets SET deliveries_total = NULL, deliveries_available = NULL WHERE offer_id = :offer_id
""")
_HOLD_LEASES: Final = text("""
SELECT lease_id FROM budget_leases WHERE offer_id = :offer_id ORDER BY lease_id FOR UPDATE
""")
_HOLD: Final = text("SELECT offer_id FROM offer_budgets WHERE offer_id = :offer_id FOR UPDATE")
# What is leased counts as given until it comes back; what was delivered from a lease is within it.
_GIVEN: Final = """
    (SELECT coalesce(sum(granted), 0) FROM budget_leases WHERE offer_id = :offer_id)
    + (SELECT count(*) FROM deliveries d
       WHERE d.bucket BETWEEN 0 AND 63 AND d.offer_id = :offer_id AND d.decided_at >= {since}
         AND NOT EXISTS (SELECT FROM budget_leases l WHERE l.lease_id = d.lease_id))
    + (SELECT CAST(coalesce(sum(decided), 0) AS bigint) FROM delivery_totals
       WHERE offer_id = :offer_id AND hour >= {since})
"""
_BIND: Final = text(f"""
UPDATE offer_budgets b SET deliveries_total = :limit, deliveries_available = :limit - g.given
FROM (SELECT {_GIVEN.format(since="'-infinity'")} AS given) g
WHERE b.offer_id = :offer_id AND :limit >= g.given
""")  # noqa: S608 - joined from constants of this module
_REDEMPTIONS: Final = text("""
UPDATE offer_budgets SET redemptions_total = CAST(:limit AS integer)
WHERE offer_id = :offer_id AND (CAST(:limit AS integer) IS NULL OR redeemed <= CAST(:limit AS integer))
""")
_ZONE: Final = text("UPDATE offer_budgets SET time_zone = :zone WHERE offer_id = :offer_id")
# A day or week is never refused for being spent already: nothing more is given until it is over.
_BIND_PERIOD: Final = {
    period: text(f"""
        UPDATE offer_budgets b SET per_{period} = CAST(:limit AS integer), {period}_start = s.start,
               {period}_available = CAST(:limit AS integer) - ({_GIVEN.format(since="s.start")})
        FROM (SELECT period_start('{period}', time_zone, alentour_now()) AS start
              FROM offer_budgets WHERE offer_id = :offer_id) s
        WHERE b.offer_id = :offer_id
    """)  # noqa: S608 - the same
    for period in PERIODS
}
_MOVE_PERIOD: Final = {
    period: text(f"""
        UPDATE offer_budgets SET per_{period} = CAST(:limit AS integer),
               {period}_available = {period}_available + CAST(:limit AS integer) - per_{period},
               {period}_start = CASE WHEN CAST(:limit AS integer) IS NOT NULL THEN {period}_start END
        WHERE offer_id = :offer_id
    """)  # noqa: S608 - the same
    for period in PERIODS
}
# An offer that was made without a row had no limits; what was redeemed meanwhile is counted.
_ADD: Final = text("""
INSERT INTO offer_budgets (offer_id, redeemed)
SELECT :offer_id, (SELECT count(*) FROM redemptions WHERE bucket BETWEEN 0 AND 63 AND offer_id = :offer_id)
     + (SELECT CAST(coalesce(sum(redeemed), 0) AS bigint) FROM delivery_totals WHERE offer_id = :offer_id)
ON CONFLICT DO NOTHING
""")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries and redemptions there may be; None is no limit.

    A day begins at midnight and a week on Monday in `time_zone`. With codes of the retailer's own,
    `deliveries` is how many codes there are.
    """

    deliveries: int | None = None
    redemptions: int | None = None
    per_day: int | None = None
    per_week: int | None = None
    time_zone: str = DEFAULT_ZONE


async def budgets_of(session: AsyncSession, offer_ids: Sequence[int]) -> dict[int, Budget]:
    """By offer; one without a row has no limits and is left out."""
    query = select(OfferBudget).where(OfferBudget.offer_id.in_(offer_ids))
    rows = await session.scalars(query.execution_options(populate_existing=True))
    return {
        row.offer_id: Budget(
            deliveries=row.deliveries_total,
            redemptions=row.redemptions_total,
            per_day=row.per_day,
            per_week=row.per_week,
            time_zone=row.time_zone,
        )
        for row in rows
    }


def budget_faults(budget: Budget) -> list[Fault]:
    """What is wrong with a budget by itself."""
    if not is_zone(budget.time_zone):
        return [Fault("budget.time_zone", "is not an IANA time zone such as Europe/Paris")]
    return []


async def create_budget(session: AsyncSession, offer: OfferRow, budget: Budget) -> None:
    """For a new offer. Raises InvalidInput."""
    _refuse_faulty(budget)
    if offer.code_format is not None:
        _refuse_by_hand(budget.deliveries, None)
        budget = msgspec.structs.replace(budget, deliveries=0)
    row = OfferBudget(
        offer_id=offer.offer_id,
        deliveries_total=budget.deliveries,
        deliveries_available=budget.deliveries,
        redemptions_total=budget.redemptions,
        per_day=budget.per_day,
        day_available=budget.per_day,
        per_week=budget.per_week,
        week_available=budget.per_week,
        time_zone=budget.time_zone,
    )
    session.add(row)
    await session.flush()


async def change_budget(session: AsyncSession, offer: OfferRow, budget: Budget) -> bool:
    """Set the limits; the offer was read for update. False if they were so already.

    Raises InvalidInput, and Conflict when more has been given than the new total, when the offer has
    ended, and when a limit is put on deliveries that had none while workers may still be giving them away.
    """
    _refuse_faulty(budget)
    known = (await budgets_of(session, [offer.offer_id])).get(offer.offer_id)
    before = known or Budget(time_zone=budget.time_zone)
    if offer.code_format is not None:
        _refuse_by_hand(budget.deliveries, before.deliveries)
        budget = msgspec.structs.replace(budget, deliveries=before.deliveries)
    if before == budget:
        return False
    if offer.status == "ended":
        raise Conflict("An ended offer cannot be changed.", code="offer_has_ended")
    if known is None:
        await session.execute(_ADD, {"offer_id": offer.offer_id})
    await _change_total(session, offer, before.deliveries, budget.deliveries)
    await _change_periods(session, offer, before, budget)
    await _guarded(session, _REDEMPTIONS, offer, budget.redemptions, "budget.redemptions")
    return True


async def grow_budget(session: AsyncSession, offer: OfferRow, by: int) -> None:
    """So many deliveries more, of an offer whose deliveries are limited."""
    before = (await budgets_of(session, [offer.offer_id]))[offer.offer_id]
    assert before.deliveries is not None
    await _guarded(session, _MOVE, offer, before.deliveries + by, "budget.deliveries")


async def _change_total(session: AsyncSession, offer: OfferRow, had: int | None, limit: int | None) -> None:
    if limit is None:
        await session.execute(_FREE, {"offer_id": offer.offer_id})
    elif had is None:
        await _hold_to_bind(session, offer, "budget.deliveries")
        await _guarded(session, _BIND, offer, limit, "budget.deliveries")
    elif limit != had:
        await _guarded(session, _MOVE, offer, limit, "budget.deliveries")


async def _change_periods(session: AsyncSession, offer: OfferRow, before: Budget, budget: Budget) -> None:
    has_moved = before.time_zone != budget.time_zone
    await session.execute(_ZONE, {"offer_id": offer.offer_id, "zone": budget.time_zone})
    for period in PERIODS:
        had, limit = getattr(before, f"per_{period}"), getattr(budget, f"per_{period}")
        parameters = {"offer_id": offer.offer_id, "limit": limit}
        if limit is not None and (had is None or has_moved):  # a day that begins elsewhere is another day
            await _hold_to_bind(session, offer, f"budget.per_{period}")
            await session.execute(_BIND_PERIOD[period], parameters)
        elif limit != had:
            await session.execute(_MOVE_PERIOD[period], parameters)


async def _hold_to_bind(session: AsyncSession, offer: OfferRow, field: str) -> None:
    """Before a limit is put on what had none: only where nobody can be giving units away uncounted."""
    if offer.status != "draft" and offer.stopped_at is None:
        raise Conflict(
            "Stop the offer before its deliveries get a limit, so that those given can be counted.",
            code="offer_is_not_stopped",
            faults=(Fault(field, "had no such limit until now"),),
        )
    # Two statements: what is counted must be read after the locks are held.
    await session.execute(_HOLD_LEASES, {"offer_id": offer.offer_id})
    await session.execute(_HOLD, {"offer_id": offer.offer_id})


async def _guarded(
    session: AsyncSession, statement: TextClause, offer: OfferRow, limit: int | None, field: str
) -> None:
    parameters = {"offer_id": offer.offer_id, "limit": limit}
    changed = cast("CursorResult[Any]", await session.execute(statement, parameters)).rowcount
    if changed == 0:
        raise Conflict(
            f"{field} cannot be {limit}: more is given, leased or redeemed already.",
            code="budget_is_used",
            faults=(Fault(field, "is less than what is used"),),
        )


def _refuse_faulty(budget: Budget) -> None:
    if faults := budget_faults(budget):
        raise InvalidInput("The budget cannot be used.", faults=tuple(faults))


def _refuse_by_hand(limit: int | None, codes: int | None) -> None:
    """With codes of the retailer's own there are as many deliveries as codes."""
    if limit is not None and limit != codes:
        fault = Fault("budget.deliveries", "is the number of codes; add codes instead")
        raise InvalidInput("The budget cannot be used.", faults=(fault,))
