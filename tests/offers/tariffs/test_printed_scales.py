"""Scales as cities print them, priced to the cent."""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from offers.parking.tariffs import (
    StayNotAllowed,
    Tariff,
    fps_due_minor,
    longest_stay_until,
    price,
    scale,
    until_for,
)
from tests.offers.tariffs.scales import (
    MONTPELLIER,
    PARIS_1,
    PARIS_2,
    RESIDENT,
    RESIDENT_PASSES,
    montpellier,
    paris,
)

PARIS = ZoneInfo("Europe/Paris")
TUESDAY = datetime(2014, 3, 4, 9, 0, tzinfo=PARIS)
RESIDENT_CLASS = frozenset({"resident"})
SUBSCRIBER = frozenset({"resident", "tam"})
ZONES = pytest.mark.parametrize("zone", MONTPELLIER)


SHEET = Path(__file__).parents[4] / "shared" / "data" / "montpellier" / "README_TarifStaVoies.txt"
_PRINTED = re.compile(r"^Tarif (?:normal|résidant) (.+?) (\d+),(\d\d) €", re.MULTILINE)
_DURATION = re.compile(r"(?:(\d+)(?:h|ème heure))?(\d+)?(?:min)?")


def minutes_of(duration: str) -> int | None:
    """Of "1/2h", "45min", "1h15" or "6ème heure"; None of days."""
    if duration == "1/2h":
        return 30
    found = _DURATION.fullmatch(duration)
    return None if found is None else 60 * int(found[1] or 0) + int(found[2] or 0)


@pytest.mark.skipif(not SHEET.exists(), reason=f"there is no {SHEET}")
def test_the_scales_of_montpellier_here_are_those_of_its_own_sheet() -> None:
    text = SHEET.read_text("utf-8")
    begins = [text.index(title) for title in ("Zone jaune", '"Orange"', '"Verte"')]
    for zone, begin, end in zip(MONTPELLIER, begins, [*begins[1:], len(text)], strict=True):
        printed = [
            (found[1], int(found[2]) * 100 + int(found[3])) for found in _PRINTED.finditer(text, begin, end)
        ]
        residents = (*RESIDENT, *((None, one["price_minor"]) for one in RESIDENT_PASSES[:-1]))
        expected = MONTPELLIER[zone] + (() if zone == "verte" else residents)
        assert [(minutes_of(duration), minor) for duration, minor in printed] == list(expected)


def cost(tariff: Tariff, until: datetime, classes: frozenset[str] = frozenset()) -> int:
    return price(tariff, start=TUESDAY, until=until, zone=PARIS, classes=classes).price_minor


@ZONES
def test_every_printed_step_of_montpellier_costs_what_is_printed(zone: str) -> None:
    tariff, printed = montpellier(zone), MONTPELLIER[zone]
    for minutes, printed_minor in printed:
        until = until_for(tariff, minutes=minutes, start=TUESDAY, zone=PARIS)
        assert until is not None
        assert cost(tariff, until) == printed_minor
    steps = scale(tariff, start=TUESDAY, zone=PARIS)
    assert [(step.paid_minutes, step.price_minor) for step in steps] == list(printed)


@ZONES
def test_a_minute_beyond_a_printed_step_costs_the_next(zone: str) -> None:
    tariff, printed = montpellier(zone), MONTPELLIER[zone]
    for (minutes, _), (_, next_minor) in pairwise(printed):
        until = until_for(tariff, minutes=minutes + 1, start=TUESDAY, zone=PARIS)
        assert until is not None
        assert cost(tariff, until) == next_minor


@ZONES
def test_nothing_longer_than_the_last_printed_step_can_be_bought(zone: str) -> None:
    tariff, printed = montpellier(zone), MONTPELLIER[zone]
    longest = longest_stay_until(tariff, start=TUESDAY, zone=PARIS)
    last = until_for(tariff, minutes=printed[-1][0] + 1, start=TUESDAY, zone=PARIS)
    assert longest is not None
    assert last is not None
    assert longest == last - timedelta(minutes=1)
    assert cost(tariff, longest) == printed[-1][1]
    with pytest.raises(StayNotAllowed) as refused:
        cost(tariff, last)
    assert refused.value.allowed_until == longest
    assert refused.value.refusal == "scale_ends"


@pytest.mark.parametrize("zone", ["jaune", "orange"])
@pytest.mark.parametrize(("classes", "month_minor"), [(RESIDENT_CLASS, 1500), (SUBSCRIBER, 750)])
def test_residents_of_montpellier_pay_what_is_printed(
    zone: str, classes: frozenset[str], month_minor: int
) -> None:
    tariff = montpellier(zone)
    for minutes, printed_minor in RESIDENT:
        until = until_for(tariff, minutes=minutes, start=TUESDAY, zone=PARIS, classes=classes)
        assert until is not None
        assert cost(tariff, until, classes) == printed_minor
    evening = TUESDAY.replace(hour=19)
    assert cost(tariff, evening, classes) == 100  # one day
    assert cost(tariff, evening + timedelta(days=6), classes) == 400  # six days, a Sunday among them
    assert cost(tariff, evening + timedelta(days=6, hours=15), classes) > 400
    assert cost(tariff, evening + timedelta(days=14), classes) == min(750, month_minor)
    assert cost(tariff, evening + timedelta(days=29), classes) == month_minor
    assert cost(tariff, TUESDAY + timedelta(hours=1)) == dict(MONTPELLIER[zone])[60]  # a visitor beside them


def test_subscribers_of_the_trams_park_for_nothing_in_the_green_zone() -> None:
    tariff = montpellier("verte")
    assert cost(tariff, TUESDAY + timedelta(days=30), SUBSCRIBER) == 0
    assert cost(tariff, TUESDAY + timedelta(hours=1), RESIDENT_CLASS) == 80


@pytest.mark.parametrize(("printed", "fps_minor"), [(PARIS_1, 7500), (PARIS_2, 5000)])
def test_a_scale_like_that_of_paris_ends_with_the_fps(
    printed: tuple[tuple[int, int], ...], fps_minor: int
) -> None:
    tariff = paris(*printed)
    start = datetime(2021, 8, 3, 10, 0, tzinfo=PARIS)
    for hours in (1, 2, 6):
        stay = price(tariff, start=start, until=start + timedelta(hours=hours), zone=PARIS)
        assert stay.price_minor == dict(printed)[60 * hours]
        assert stay.fps_minor == fps_minor
    assert longest_stay_until(tariff, start=start, zone=PARIS) == start + timedelta(hours=6)
    assert fps_due_minor(tariff, paid_minor=0) == fps_minor
    assert fps_due_minor(tariff, paid_minor=600) == fps_minor - 600
    assert fps_due_minor(tariff, paid_minor=fps_minor + 1) == 0
