"""A report as it is told: rows by group and period, their totals, and nothing of fewer than ten people.

Owns how counts become rows, and which of them are hidden (see `offers.disclosure` for the
rule, docs/guides/measuring.md for what it does not stop). Reading is `offers.retail.reporting`'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from offers.disclosure import FEWEST, Hidden, Numbers, hide
from offers.retail.report_queries import BY_OFFER, STAGES
from offers.retail.report_rows import Report, ReportCounts, ReportRow
from offers.retail.reporting import Asked, Counted, Place, Read, too_long

MOST_ROWS: Final = 100_000
_ALL_BUCKETS: Final = 2**64 - 1

KINDS: Final = ("enter", "dwell", "exit")
_Column = tuple[str, str]
_CROSSINGS: Final[tuple[_Column, ...]] = tuple(("crossing_kind", kind) for kind in KINDS)
_STAGES: Final[tuple[_Column, ...]] = tuple(("delivery", stage) for stage in STAGES)
_WAITING: Final = ("now", "waiting")
_CONSIDERED, _LET_GO = ("crossing", "total"), ("letting_go", "total")
_BY_HOLDING: Final = tuple(
    (about, what) for about in ("crossing", "letting_go") for what in ("delivered", "held")
)


class _Table(msgspec.Struct, frozen=True):
    """Counts as an array [group, period, column]; the sums over groups and over periods come last."""

    groups: list[tuple[int, int]]
    places: dict[int, Place]
    periods: list[str]
    columns: dict[_Column, int]
    numbers: Numbers
    hidden: Hidden


def report_of(read: Read) -> Report:
    """Raises InvalidInput when it would be longer than anybody reads."""
    asked, table = read.asked, _tabulate(read)
    whole = len(table.periods)
    rows = [
        _row(read, table, group, period)
        for group in range(len(table.groups))
        for period in np.nonzero(table.numbers[group, :whole].any(axis=-1))[0].tolist()
    ]
    return Report(
        by=asked.by,
        step=asked.step,
        since=asked.since,
        until=asked.until,
        hidden_below=FEWEST,
        rows=rows,
        totals=[_row(read, table, group, whole) for group in range(len(table.groups))],
        overall=_counts(asked, table, len(table.numbers) - 1, whole),
    )


def _tabulate(read: Read) -> _Table:
    groups = sorted({(one.offer_id, one.place_id) for one in read.counted})
    periods = _periods(read)
    if len(groups) * len(periods) > MOST_ROWS:
        raise too_long(f"comes to {len(groups)} × {len(periods)} rows, more than {MOST_ROWS}")
    columns = _columns(read.counted)
    # With a single group the sum over groups is that group itself.
    shape = (len(groups) + (len(groups) != 1), len(periods) + 1, len(columns))
    numbers, buckets, are_known = np.zeros(shape, np.int64), np.zeros(shape, np.uint64), np.zeros(shape, bool)
    group_at = {key: number for number, key in enumerate(groups)}
    period_at = {name: number for number, name in enumerate(periods)}
    for one in read.counted:
        group, period = (
            group_at[one.offer_id, one.place_id],
            period_at[read.zones[one.zone].names[one.period]],
        )
        where = group, period, columns[one.what]
        numbers[where] += one.n
        if one.buckets is not None:
            buckets[where] |= np.uint64(one.buckets & _ALL_BUCKETS)
            are_known[where] = True
    sums = list(_sums(columns))
    for total, *parts in sums:
        numbers[..., total] = numbers[..., parts].sum(axis=-1)
    for array in (numbers, buckets, are_known):
        add = np.add if array is numbers else np.bitwise_or
        array[:, -1] = add.reduce(array[:, :-1], axis=1)
        if len(groups) != 1:
            array[-1] = add.reduce(array[:-1], axis=0)
    people = np.where(are_known, np.bitwise_count(buckets).astype(np.int64), -1)
    _spread(people, columns)
    places = read.by_site if read.asked.by == "site" else read.by_fence
    # What was held and is neither let go nor waits: all known, one would follow from the others.
    sums.append([columns["crossing", "held"], columns[_LET_GO], columns[_WAITING]])
    precious = [columns[one] for one in _BY_HOLDING]
    hidden = hide(numbers, people=people, sums=sums, precious=precious)
    return _Table(groups, places, periods, columns, numbers, hidden)


def _periods(read: Read) -> list[str]:
    """The names of the periods in which anything was, in the order of time."""
    found = {
        (read.zones[one.zone].starts[one.period], read.zones[one.zone].names[one.period])
        for one in read.counted
    }
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _columns(counted: Sequence[Counted]) -> dict[_Column, int]:
    always = (*_CROSSINGS, *_STAGES, _WAITING, _CONSIDERED, *_BY_HOLDING, _LET_GO)
    named = dict.fromkeys((*always, *(one.what for one in counted)))
    return {name: number for number, name in enumerate(named)}


def _sums(columns: Mapping[_Column, int]) -> Iterator[list[int]]:
    for total in (_CONSIDERED, _LET_GO):
        parts = [number for name, number in columns.items() if name[0] == total[0] and name != total]
        yield [columns[total], *parts]


def _spread(people: Numbers, columns: Mapping[_Column, int]) -> None:
    """Behind the decisions of a place and period stand no more people than crossed there."""
    crossed = people[..., [columns[one] for one in _CROSSINGS]].max(axis=-1)
    for (about, _), number in columns.items():
        if about in {"crossing", "letting_go"}:
            people[..., number] = crossed


def _row(read: Read, table: _Table, group: int, period: int) -> ReportRow:
    offer_id, place_id = table.groups[group]
    is_fence = read.asked.by in {"fence", "offer_at_fence"}
    place = table.places.get(place_id)
    return ReportRow(
        period=None if period == len(table.periods) else table.periods[period],
        retailer_id=read.asked.retailer_id,
        retailer=read.retailer,
        site_id=place.site_id if place else None,
        site=place.site if place else None,
        fence_id=place_id if is_fence else None,
        fence=place.fence if place and is_fence else None,
        offer_id=offer_id or None,
        offer=read.offers.get(offer_id),
        time_zone=place.time_zone if place else None,
        counts=_counts(read.asked, table, group, period),
    )


def _counts(asked: Asked, table: _Table, group: int, period: int) -> ReportCounts:
    cells = {
        name: None if table.hidden[group, period, number] else int(table.numbers[group, period, number])
        for name, number in table.columns.items()
    }
    kinds = [None] * 3 if asked.by in BY_OFFER else [cells[one] for one in _CROSSINGS]
    at_once, let_go = _decided(cells, _CONSIDERED), _decided(cells, _LET_GO)
    return ReportCounts(
        enters=kinds[0],
        dwells=kinds[1],
        exits=kinds[2],
        considered=at_once.total,
        delivered=at_once.delivered,
        held=at_once.held,
        suppressed=at_once.reasons,
        suppressed_hidden=at_once.hidden,
        let_go=let_go.total,
        delivered_after_hold=let_go.delivered,
        let_go_suppressed=let_go.reasons,
        let_go_hidden=let_go.hidden,
        waiting=cells[_WAITING],
        **{stage: cells["delivery", stage] for stage in STAGES},
    )


class _Decided(msgspec.Struct, frozen=True):
    """The outcomes of one moment; nothing but nulls where even their sum is hidden."""

    total: int | None = None
    delivered: int | None = None
    held: int | None = None
    reasons: dict[str, int | None] = {}
    hidden: int | None = None


def _decided(cells: Mapping[_Column, int | None], total: _Column) -> _Decided:
    whole = cells[total]
    if whole is None:
        return _Decided()
    parts = {name[1]: n for name, n in cells.items() if name[0] == total[0] and name != total}
    hidden = whole - sum(n or 0 for n in parts.values())
    delivered, held = parts.pop("delivered"), parts.pop("held")
    return _Decided(whole, delivered, held, {reason: n for reason, n in parts.items() if n != 0}, hidden)
