"""Budgets as retailers set them: deliveries in all, by day, by week, and redemptions; changed under load.

What was given or leased stays given: raising or lowering a limit moves what is still available by the
difference. Taking leases is `offers.engine.leases`', redeeming the till's, codes `offers.retail.code_pools`'.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import asdict
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault, InvalidInput
from geo.places import per_statement
from geo.wall_clock import is_zone
from offers.retail.budget_statements import (
    ADD,
    BIND,
    BIND_PERIOD,
    CREATE,
    FREE,
    HOLD,
    HOLD_LEASES,
    MOVE,
    MOVE_PERIOD,
    PERIODS,
    REDEMPTIONS,
    ZONE,
    Period,
)
from offers.tables import OfferBudget, OfferRow

DEFAULT_ZONE: Final = "Europe/Paris"


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


class Change(NamedTuple):
    """A budget that is to be another; `is_new` where there is no row of it yet."""

    offer_id: int
    before: Budget
    after: Budget
    is_new: bool

    def of_period(self, period: Period) -> tuple[int | None, int | None]:
        """The limit before and after."""
        return getattr(self.before, f"per_{period}"), getattr(self.after, f"per_{period}")

    def binds_period(self, period: Period) -> bool:
        """Whether its count begins anew: a day that begins elsewhere is another day."""
        had, limit = self.of_period(period)
        return limit is not None and (had is None or self.before.time_zone != self.after.time_zone)

    def bound(self) -> list[str]:
        """The limits that were none, or none of that sort."""
        is_bound = self.before.deliveries is None and self.after.deliveries is not None
        periods = [f"budget.per_{period}" for period in PERIODS if self.binds_period(period)]
        return ["budget.deliveries", *periods] if is_bound else periods


async def create_budget(session: AsyncSession, offer: OfferRow, budget: Budget) -> None:
    """For a new offer. Raises InvalidInput."""
    await create_budgets(session, {offer.offer_id: new_budget(budget, offer.code_format)})


def new_budget(budget: Budget, code_format: str | None) -> Budget:
    """The budget that a new offer begins with. Raises InvalidInput."""
    _refuse_faulty(budget)
    if code_format is None:
        return budget
    _refuse_by_hand(budget.deliveries, None)
    return msgspec.structs.replace(budget, deliveries=0)


async def create_budgets(session: AsyncSession, budgets: Mapping[int, Budget]) -> None:
    """For new offers, by their ids."""
    rows = [{"offer_id": offer_id, **asdict(budget)} for offer_id, budget in budgets.items()]
    for few in per_statement(rows):
        await session.execute(text(CREATE), {"rows": msgspec.json.encode(few).decode()})


async def change_budget(session: AsyncSession, offer: OfferRow, budget: Budget) -> bool:
    """Set the limits; the offer was read for update. False if they were so already.

    Raises InvalidInput, and Conflict when more has been given than the new total, when the offer has
    ended, and when a limit is put on deliveries that had none while workers may still be giving them away.
    """
    known = (await budgets_of(session, [offer.offer_id])).get(offer.offer_id)
    change = planned_change(
        offer.offer_id,
        known,
        budget,
        status=offer.status,
        is_stopped=offer.stopped_at is not None,
        code_format=offer.code_format,
    )
    if change is None:
        return False
    for refusal in (await change_budgets(session, [change])).values():
        raise refusal
    return True


def planned_change(
    offer_id: int,
    known: Budget | None,
    budget: Budget,
    *,
    status: str,
    is_stopped: bool,
    code_format: str | None,
) -> Change | None:
    """What is to be done to make an offer's budget this; None if it is so already. Raises as above.

    `known` None: it has no row. The offer is locked.
    """
    _refuse_faulty(budget)
    before = known or Budget(time_zone=budget.time_zone)
    if code_format is not None:
        _refuse_by_hand(budget.deliveries, before.deliveries)
        budget = msgspec.structs.replace(budget, deliveries=before.deliveries)
    if before == budget:
        return None
    if status == "ended":
        raise Conflict("An ended offer cannot be changed.", code="offer_has_ended")
    change = Change(offer_id, before, budget, is_new=known is None)
    if change.bound() and status != "draft" and not is_stopped:
        raise Conflict(
            "Stop the offer before its deliveries get a limit, so that those given can be counted.",
            code="offer_is_not_stopped",
            faults=tuple(Fault(field, "had no such limit until now") for field in change.bound()),
        )
    return change


async def change_budgets(session: AsyncSession, changes: Sequence[Change]) -> dict[int, Conflict]:
    """Make these changes; by offer, those that cannot be, which may then be written in part: undo them."""
    new = [change for change in changes if change.is_new]
    if new:
        await session.execute(text(ADD), {"rows": _rows_of(new, lambda _: None)})
    # In separate statements: what is counted must be read after the locks are held.
    bound = [change.offer_id for change in changes if change.bound()]
    if bound:
        await session.execute(text(HOLD_LEASES), {"offer_ids": bound})
    await session.execute(text(HOLD), {"offer_ids": [change.offer_id for change in changes]})
    refused = await _change_totals(session, changes)
    await _change_periods(session, changes)
    redeemed = [change for change in changes if change.before.redemptions != change.after.redemptions]
    refused |= await _guarded(
        session, REDEMPTIONS, redeemed, "budget.redemptions", lambda change: change.after.redemptions
    )
    return refused


async def grow_budget(session: AsyncSession, offer: OfferRow, by: int) -> None:
    """So many deliveries more, of an offer whose deliveries are limited."""
    before = (await budgets_of(session, [offer.offer_id]))[offer.offer_id]
    assert before.deliveries is not None
    after = msgspec.structs.replace(before, deliveries=before.deliveries + by)
    grown = Change(offer.offer_id, before, after, is_new=False)
    for refusal in (await change_budgets(session, [grown])).values():
        raise refusal


async def _change_totals(session: AsyncSession, changes: Sequence[Change]) -> dict[int, Conflict]:
    moved = [change for change in changes if change.before.deliveries != change.after.deliveries]
    freed = [change for change in moved if change.after.deliveries is None]
    bound = [change for change in moved if change.before.deliveries is None]
    others = [change for change in moved if None not in (change.before.deliveries, change.after.deliveries)]
    refused: dict[int, Conflict] = {}
    for statement, some in ((FREE, freed), (BIND, bound), (MOVE, others)):
        refused |= await _guarded(
            session, statement, some, "budget.deliveries", lambda change: change.after.deliveries
        )
    return refused


async def _change_periods(session: AsyncSession, changes: Sequence[Change]) -> None:
    await _each(session, ZONE, [one for one in changes if one.before.time_zone != one.after.time_zone])
    for period in PERIODS:

        def limit(change: Change, period: Period = period) -> int | None:
            return change.of_period(period)[1]

        bound = [change for change in changes if change.binds_period(period)]
        moved = [change for change in changes if len(set(change.of_period(period))) > 1]
        await _each(session, BIND_PERIOD[period], bound, limit)
        others = [change for change in moved if not change.binds_period(period)]
        await _each(session, MOVE_PERIOD[period], others, limit)


async def _guarded(
    session: AsyncSession,
    statement: str,
    changes: Sequence[Change],
    field: str,
    limit: Callable[[Change], int | None],
) -> dict[int, Conflict]:
    """By offer, those that the statement left alone."""
    done = await _each(session, statement, changes, limit)
    return {
        change.offer_id: Conflict(
            f"{field} cannot be {limit(change)}: more is given, leased or redeemed already.",
            code="budget_is_used",
            faults=(Fault(field, "is less than what is used"),),
        )
        for change in changes
        if change.offer_id not in done
    }


async def _each(
    session: AsyncSession,
    statement: str,
    changes: Sequence[Change],
    limit: Callable[[Change], int | None] = lambda _: None,
) -> set[int]:
    """The offers that the statement changed."""
    done: set[int] = set()
    for few in per_statement(changes):
        answer = await session.execute(text(statement), {"rows": _rows_of(few, limit)})
        done.update(row.offer_id for row in answer)
    return done


def _rows_of(changes: Sequence[Change], limit: Callable[[Change], int | None]) -> str:
    rows = [
        {"offer_id": change.offer_id, "most": limit(change), "zone": change.after.time_zone}
        for change in changes
    ]
    return msgspec.json.encode(rows).decode()


def _refuse_faulty(budget: Budget) -> None:
    if faults := budget_faults(budget):
        raise InvalidInput("The budget cannot be used.", faults=tuple(faults))


def _refuse_by_hand(limit: int | None, codes: int | None) -> None:
    """With codes of the retailer's own there are as many deliveries as codes."""
    if limit is not None and limit != codes:
        fault = Fault("budget.deliveries", "is the number of codes; add codes instead")
        raise InvalidInput("The budget cannot be used.", faults=(fault,))
