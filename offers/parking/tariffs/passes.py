"""What a pass is good for: so many paid days, days in a row, or months."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date

from offers.parking.tariffs.terms import Pass


def covers(bought: Pass, days: Sequence[date]) -> bool:
    """Whether the pass is enough for a stay with paid minutes on these local days (ascending, not none)."""
    first, last = days[0], days[-1]
    if bought.paid_days is not None:
        return len(days) <= bought.paid_days
    if bought.days is not None:
        return (last - first).days < bought.days
    return last < same_date(first, bought.months or 0)


def same_date(first: date, months: int) -> date:
    """The date so many months later; where that month is too short, the first of the one after it."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if first.day <= monthrange(year, month + 1)[1]:
        return date(year, month + 1, first.day)
    year, month = divmod(year * 12 + month + 1, 12)
    return date(year, month + 1, 1)
