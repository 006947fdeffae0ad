"""Tariffs and stays drawn at random, all of them allowed by the reader."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from offers.parking.tariffs import FreeUse, Tariff, read_tariff

PARIS = ZoneInfo("Europe/Paris")
CLASSES = ("resident", "disabled")
HOURS = (
    "24/7",
    "Mo-Sa 09:00-19:00; PH off",
    "Mo-Fr 09:00-12:00,14:00-18:30",
    "Mo-Su 22:00-02:30",
    "Sa,Su 00:00-24:00",
    "PH 10:00-16:00",
    "Mo-Su 01:30-03:15",
)
# Days around both clock changes, a holiday, a month's end and a leap day.
FIRST_DAYS = (
    date(2026, 3, 28), date(2026, 10, 24), date(2026, 4, 30), date(2026, 7, 11), date(2028, 2, 27),
)  # fmt: skip


@dataclass(frozen=True)
class Stay:
    start: datetime
    until: datetime
    classes: frozenset[str]
    used: tuple[FreeUse, ...]


@st.composite
def lines(draw: st.DrawFn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    begin = price = 0
    for _ in range(draw(st.integers(1, 4))):
        end = begin + draw(st.integers(1, 400))
        if draw(st.booleans()):
            price += draw(st.integers(0, 500))
            line: dict[str, Any] = {"type": "step", "price_minor": price}
        else:
            per, added = draw(st.integers(1, 90)), draw(st.integers(0, 50))
            price += added * -(-(end - begin) // per)
            line = {"type": "increment", "price_minor": added, "per_minutes": per}
        found.append({**line, "from_minutes": begin, "until_minutes": end})
        begin = end
    if draw(st.booleans()):
        del found[-1]["until_minutes"]
    return found


@st.composite
def passes(draw: st.DrawFn) -> list[dict[str, Any]]:
    unit = draw(st.sampled_from(["paid_days", "days", "months"]))
    lengths = sorted(draw(st.sets(st.integers(1, 3), max_size=2)))
    price = draw(st.integers(0, 2000))
    return [{unit: length, "price_minor": price * (place + 1)} for place, length in enumerate(lengths)]


@st.composite
def rates(draw: st.DrawFn, priority: int) -> dict[str, Any]:
    rate: dict[str, Any] = {
        "priority": priority,
        "hours": draw(st.sampled_from(HOURS)),
        "user_classes": sorted(draw(st.sets(st.sampled_from(CLASSES), max_size=1))),
    }
    if draw(st.integers(0, 9)) == 0:
        return {**rate, "activity": "no_parking"}
    rate |= {
        "lines": draw(lines()),
        "overnight": draw(st.sampled_from(["continues", "anew"])),
        "day_begins": draw(st.sampled_from(["00:00", "04:00", "23:15"])),
    }
    optional = {
        "passes": passes(),
        "cap_per_day_minor": st.integers(0, 1500),
        "max_stay_minutes": st.integers(1, 3000),
        "free": st.one_of(
            st.fixed_dictionaries(
                {"minutes": st.integers(1, 90), "remainder": st.sampled_from(["lost", "kept"])}
            ),
            st.fixed_dictionaries({"minutes": st.integers(1, 90), "per": st.just("stay")}),
        ),
    }
    for name, values in optional.items():
        if draw(st.integers(0, 2)) == 0:
            rate[name] = draw(values)
    if "passes" not in rate and "free" not in rate and draw(st.booleans()):
        rate["overnight"] = "ends"
    last = rate["lines"][-1].get("until_minutes")
    if last is not None and rate.get("max_stay_minutes", 0) > last:
        del rate["max_stay_minutes"]
    return rate


@st.composite
def tariffs(draw: st.DrawFn, extension: str = "cumulative") -> Tariff:
    count = draw(st.integers(1, 3))
    return read_tariff(
        {
            "id": "drawn",
            "version": 1,
            "currency": "EUR",
            "extension": extension,
            "rates": [draw(rates(priority)) for priority in range(count)],
        }
    )


@st.composite
def stays(draw: st.DrawFn, most_minutes: int = 3000) -> Stay:
    first = draw(st.sampled_from(FIRST_DAYS))
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    start = midnight + timedelta(seconds=draw(st.integers(0, 2 * 24 * 60)) * 60 + draw(st.integers(0, 59)))
    until = start + timedelta(seconds=draw(st.integers(0, most_minutes * 60)))
    used = draw(st.lists(st.builds(FreeUse, st.just(first), st.integers(1, 60)), max_size=2))
    return Stay(start, until, frozenset(draw(st.sets(st.sampled_from(CLASSES)))), tuple(used))
