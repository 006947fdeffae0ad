"""The shape of a report: one row for a group and a period, with its counts. Owns no rule."""

from datetime import date
from typing import Final

import msgspec

from offers.local_periods import Step
from offers.retail.reporting import By
from offers.terms import Reason

# Every reason has a column, also one that never came up: a table looks the same every day.
REASONS: Final = tuple(reason.value for reason in Reason if reason not in {Reason.DELIVERED, Reason.HELD})


class ReportCounts(msgspec.Struct, frozen=True, kw_only=True):
    """null is hidden, or, for crossings in a report by offer, not told: they belong to places.

    `considered` is delivered + held + all of `suppressed` + `suppressed_hidden`, which stands for those of
    its parts that are hidden; `let_go`, the ends of holds, the same of its own. `delivered`: at the
    crossing itself. `waiting`: of those held in this period, still. The stages are of what was delivered in
    this period, whenever they came.
    """

    enters: int | None
    dwells: int | None
    exits: int | None
    considered: int | None
    delivered: int | None
    held: int | None
    suppressed: dict[str, int | None]
    suppressed_hidden: int | None
    let_go: int | None
    delivered_after_hold: int | None
    let_go_suppressed: dict[str, int | None]
    let_go_hidden: int | None
    waiting: int | None
    handed: int | None
    shown: int | None
    opened: int | None
    dismissed: int | None
    less_like_this: int | None
    redeemed: int | None
    cancelled: int | None


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One group in one `period`: a local day, the Monday of a local week, or an hour with its offset.

    The whole span where `period` is null. The ids are of what the report is by; null also for what is
    there no more, or has no site. `time_zone` of a site or a fence.
    """

    period: str | None
    retailer_id: int
    retailer: str
    site_id: int | None = None
    site: str | None = None
    fence_id: int | None = None
    fence: str | None = None
    offer_id: int | None = None
    offer: str | None = None
    time_zone: str | None = None
    counts: ReportCounts


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` over time, without periods in which nothing was; `totals` of each group; `overall` of all.

    From local midnight of `since` until that of `until`. Numbers from 1 to `hidden_below` - 1 are null, and
    as many others as keep them from being worked out.
    """

    by: By
    step: Step
    since: date
    until: date
    hidden_below: int
    rows: list[ReportRow]
    totals: list[ReportRow]
    overall: ReportCounts
