"""What stays cost, rule by rule, in whole sentences."""

import sys
import timeit
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from geo.errors import InvalidInput
from offers.parking.tariffs import (
    FreeUse,
    Priced,
    StayNotAllowed,
    Step,
    Tariff,
    extension,
    fps_due_minor,
    free_until,
    free_used,
    longest_stay_until,
    may_return_at,
    price,
    scale,
    until_for,
)
from tests.offers.tariffs.scales import JAUNE, PARIS_1, paris, steps, tariff_of

PARIS = ZoneInfo("Europe/Paris")
DAYTIME = "Mo-Sa 09:00-19:00; PH off"
HOURLY = {"type": "increment", "price_minor": 200, "per_minutes": 60}
BY_THE_MINUTE = {"type": "increment", "price_minor": 5, "per_minutes": 1}
RESIDENT = frozenset({"resident"})


def at(written: str) -> datetime:
    """On the wall in Paris. 2 March 2026 is a Monday."""
    return datetime.fromisoformat(written).replace(tzinfo=PARIS)


def priced(tariff: Tariff, start: str, until: str, **more: Any) -> Priced:
    return price(tariff, start=at(start), until=at(until), zone=PARIS, **more)


def cost(tariff: Tariff, start: str, until: str, **more: Any) -> int:
    return priced(tariff, start, until, **more).price_minor


def refusal(tariff: Tariff, start: str, until: str, **more: Any) -> StayNotAllowed:
    with pytest.raises(StayNotAllowed) as refused:
        priced(tariff, start, until, **more)
    return refused.value


# Steps and increments


def test_every_started_quarter_of_an_hour_costs_the_same() -> None:
    quarters = tariff_of({"hours": DAYTIME, "lines": [{**HOURLY, "price_minor": 50, "per_minutes": 15}]})
    assert cost(quarters, "2026-03-03 10:00", "2026-03-03 10:00") == 0
    assert cost(quarters, "2026-03-03 10:00", "2026-03-03 10:01") == 50
    assert cost(quarters, "2026-03-03 10:00", "2026-03-03 10:15") == 50
    assert cost(quarters, "2026-03-03 10:00", "2026-03-03 10:16") == 100
    told = priced(quarters, "2026-03-03 10:00", "2026-03-03 10:16")
    assert told.ends_at == at("2026-03-03 10:30")


def test_a_started_minute_is_a_minute_from_the_second_in_which_the_stay_began() -> None:
    tariff = tariff_of({"lines": [BY_THE_MINUTE]})
    assert cost(tariff, "2026-03-03 10:00:50", "2026-03-03 10:01:50") == 5
    assert cost(tariff, "2026-03-03 10:00:50", "2026-03-03 10:01:50.000001") == 10


def test_tiers_add_up_each_from_where_the_one_before_ends() -> None:
    tiers = [
        {**HOURLY, "price_minor": 100, "per_minutes": 20, "until_minutes": 60},
        {"type": "step", "from_minutes": 60, "until_minutes": 120, "price_minor": 500},
        {**HOURLY, "price_minor": 10, "per_minutes": 1, "from_minutes": 120},
    ]
    tariff = tariff_of({"hours": DAYTIME, "lines": tiers})
    assert [cost(tariff, "2026-03-03 10:00", f"2026-03-03 {end}") for end in ("10:41", "11:00")] == [300, 300]
    assert [cost(tariff, "2026-03-03 10:00", f"2026-03-03 {end}") for end in ("11:01", "12:00")] == [500, 500]
    assert cost(tariff, "2026-03-03 10:00", "2026-03-03 12:07") == 570


# Paid hours


def test_only_minutes_in_paid_hours_cost() -> None:
    split = tariff_of({"hours": "Mo-Sa 09:00-12:00,14:00-19:00; PH off", "lines": [BY_THE_MINUTE]})
    assert cost(split, "2026-03-03 12:00", "2026-03-03 14:00") == 0  # lunch
    assert cost(split, "2026-03-03 11:50", "2026-03-03 14:10") == 100
    assert cost(split, "2026-03-07 19:00", "2026-03-09 09:00") == 0  # a night, a Sunday and a night
    assert cost(split, "2026-05-01 09:00", "2026-05-01 19:00") == 0  # Labour Day, a Friday
    assert free_until(split, start=at("2026-04-30 18:30"), zone=PARIS) == at("2026-04-30 18:30")
    assert free_until(split, start=at("2026-04-30 19:00"), zone=PARIS) == at("2026-05-02 09:00")


def test_public_holidays_are_those_of_the_country_of_the_zone() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [BY_THE_MINUTE]})
    bastille_day = {
        name: price(
            tariff,
            start=datetime(2026, 7, 14, 10, tzinfo=ZoneInfo(name)),
            until=datetime(2026, 7, 14, 11, tzinfo=ZoneInfo(name)),
            zone=ZoneInfo(name),
        ).price_minor
        for name in ("Europe/Paris", "Europe/Helsinki")
    }
    assert bastille_day == {"Europe/Paris": 0, "Europe/Helsinki": 300}


def test_a_price_in_the_evening_holds_until_the_next_paid_morning() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY]})
    told = priced(tariff, "2026-03-03 18:00", "2026-03-03 18:30")
    assert told.price_minor == 200
    assert told.ends_at == at("2026-03-04 09:00")


@pytest.mark.parametrize(
    ("overnight", "price_minor"), [("continues", 200), ("anew", 400)], ids=["continues", "anew"]
)
def test_an_hour_bought_in_the_evening_goes_on_in_the_morning_or_begins_anew(
    overnight: str, price_minor: int
) -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY], "overnight": overnight})
    assert cost(tariff, "2026-03-03 18:40", "2026-03-04 09:40") == price_minor
    assert until_for(tariff, minutes=60, start=at("2026-03-03 18:40"), zone=PARIS) == at("2026-03-04 09:40")


def test_where_the_stay_ends_overnight_the_next_day_cannot_be_bought() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY], "overnight": "ends"})
    assert cost(tariff, "2026-03-03 18:40", "2026-03-04 09:00") == 200
    refused = refusal(tariff, "2026-03-03 18:40", "2026-03-04 09:01")
    assert refused.refusal == "overnight"
    assert refused.allowed_until == at("2026-03-04 09:00")


def test_a_night_is_one_day_where_days_begin_in_the_afternoon() -> None:
    night = {"hours": "20:00-08:00", "lines": [{"type": "step", "price_minor": 500}], "overnight": "anew"}
    assert cost(tariff_of(night), "2026-03-03 22:00", "2026-03-04 07:00") == 1000
    whole = tariff_of({**night, "day_begins": "12:00"})
    assert cost(whole, "2026-03-03 22:00", "2026-03-04 07:00") == 500
    assert cost(whole, "2026-03-03 22:00", "2026-03-04 20:01") == 1000


def test_a_cap_holds_for_each_day_of_the_stay() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY], "cap_per_day_minor": 900})
    assert cost(tariff, "2026-03-03 10:00", "2026-03-03 14:00") == 800
    assert cost(tariff, "2026-03-03 10:00", "2026-03-03 19:00") == 900
    assert cost(tariff, "2026-03-03 10:00", "2026-03-04 10:00") == 1100
    assert priced(tariff, "2026-03-03 10:00", "2026-03-03 15:00").ends_at == at("2026-03-04 09:00")


# Clocks that are changed


def test_the_hour_that_is_skipped_costs_nothing() -> None:
    tariff = tariff_of({"hours": "24/7", "lines": [BY_THE_MINUTE]})
    assert cost(tariff, "2026-03-29 01:00", "2026-03-29 04:00") == 2 * 60 * 5
    assert cost(tariff, "2026-03-29 00:00", "2026-03-30 00:00") == 23 * 60 * 5


def test_the_hour_that_happens_twice_costs_twice() -> None:
    tariff = tariff_of({"hours": "24/7", "lines": [BY_THE_MINUTE]})
    assert cost(tariff, "2026-10-25 00:00", "2026-10-26 00:00") == 25 * 60 * 5
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 for the first time
    told = price(tariff, start=first, until=first + timedelta(hours=1), zone=PARIS)
    assert told.price_minor == 300
    assert told.ends_at == first + timedelta(hours=1)


def test_paid_hours_follow_the_wall_across_a_change() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [BY_THE_MINUTE]})
    start, until = datetime(2026, 3, 28, 17, 59, tzinfo=UTC), datetime(2026, 3, 30, 7, 1, tzinfo=UTC)
    assert price(tariff, start=start, until=until, zone=PARIS).price_minor == 10
    assert free_until(tariff, start=start + timedelta(minutes=1), zone=PARIS) == at("2026-03-30 09:00")


def test_two_paid_hours_in_the_night_of_the_change_are_one_or_three() -> None:
    tariff = tariff_of({"hours": "01:30-03:30", "lines": [BY_THE_MINUTE]})
    assert priced(tariff, "2026-03-29 00:00", "2026-03-29 12:00").paid_minutes == 60
    assert priced(tariff, "2026-10-25 00:00", "2026-10-25 12:00").paid_minutes == 180


# Free minutes

HALF_HOUR_FREE: dict[str, Any] = {"hours": DAYTIME, "lines": [HOURLY], "free": {"minutes": 30}}
MONDAY = date(2026, 3, 2)


def test_the_first_half_hour_of_a_day_is_free() -> None:
    tariff = tariff_of(HALF_HOUR_FREE)
    told = priced(tariff, "2026-03-02 10:00", "2026-03-02 10:30")
    assert (told.price_minor, told.paid_minutes, told.free_minutes) == (0, 30, 30)
    assert told.free_used == (FreeUse(MONDAY, 30),)
    assert cost(tariff, "2026-03-02 10:00", "2026-03-02 10:31") == 200
    assert cost(tariff, "2026-03-02 10:00", "2026-03-02 11:30") == 200
    assert free_until(tariff, start=at("2026-03-02 10:00"), zone=PARIS) == at("2026-03-02 10:30")


def test_it_is_free_once_a_day_and_plate_however_little_was_used() -> None:
    tariff = tariff_of(HALF_HOUR_FREE)
    first = priced(tariff, "2026-03-02 10:00", "2026-03-02 10:10")
    assert first.free_used == (FreeUse(MONDAY, 10),)
    assert first.free_minutes == 10
    assert cost(tariff, "2026-03-02 15:00", "2026-03-02 15:10", used=first.free_used) == 200
    assert cost(tariff, "2026-03-03 15:00", "2026-03-03 15:10", used=first.free_used) == 0


def test_free_minutes_are_known_of_a_stay_that_has_no_price_as_a_whole() -> None:
    tariff = tariff_of({**HALF_HOUR_FREE, "lines": steps(*JAUNE)}, extension="new")
    start, until = at("2026-03-02 10:00"), at("2026-03-02 16:00")
    assert refusal(tariff, "2026-03-02 10:00", "2026-03-02 16:00").refusal == "scale_ends"
    assert free_used(tariff, start=start, until=until, zone=PARIS) == (FreeUse(MONDAY, 30),)


def test_what_is_left_of_free_minutes_may_be_kept_for_the_day() -> None:
    tariff = tariff_of({**HALF_HOUR_FREE, "free": {"minutes": 30, "remainder": "kept"}})
    used = (FreeUse(MONDAY, 10),)
    assert cost(tariff, "2026-03-02 15:00", "2026-03-02 15:20", used=used) == 0
    assert cost(tariff, "2026-03-02 15:00", "2026-03-02 15:21", used=used) == 200


def test_every_day_of_a_long_stay_has_its_free_minutes() -> None:
    tariff = tariff_of(HALF_HOUR_FREE)
    told = priced(tariff, "2026-03-02 18:00", "2026-03-03 09:30")
    assert (told.price_minor, told.free_minutes) == (200, 60)
    assert told.free_used == (FreeUse(MONDAY, 30), FreeUse(date(2026, 3, 3), 30))


def test_free_minutes_of_a_stay_come_once_in_it_and_need_no_memory() -> None:
    tariff = tariff_of({**HALF_HOUR_FREE, "free": {"minutes": 30, "per": "stay"}})
    assert cost(tariff, "2026-03-02 18:45", "2026-03-03 09:15", used=(FreeUse(MONDAY, 30),)) == 0
    assert cost(tariff, "2026-03-02 18:45", "2026-03-03 09:16") == 200


# Who and when: rates, classes, priorities


def test_the_rate_with_the_lowest_priority_wins_where_the_driver_has_its_classes() -> None:
    tariff = tariff_of(
        {"priority": 9, "lines": [HOURLY]},
        {"priority": 5, "user_classes": ["resident"], "lines": [{**HOURLY, "price_minor": 50}]},
        {"priority": 1, "user_classes": ["resident", "electric"], "lines": [{**HOURLY, "price_minor": 0}]},
    )
    stay = ("2026-03-02 10:00", "2026-03-02 11:00")
    assert cost(tariff, *stay) == 200
    assert cost(tariff, *stay, classes=RESIDENT) == 50
    assert cost(tariff, *stay, classes=frozenset({"electric"})) == 200
    assert cost(tariff, *stay, classes=frozenset({"electric", "resident", "tam"})) == 0


def test_each_rate_counts_its_own_minutes_of_a_stay() -> None:
    evening = {"hours": "18:00-22:00", "lines": [{**HOURLY, "price_minor": 100}]}
    tariff = tariff_of(evening, {"hours": "09:00-22:00", "lines": [HOURLY]})
    told = priced(tariff, "2026-03-02 17:30", "2026-03-02 18:30")
    assert [(line.rate, line.minutes, line.price_minor) for line in told.lines] == [
        (1, 30, 200),
        (0, 30, 100),
    ]
    assert told.price_minor == 300


def test_who_is_concerned_by_no_rate_parks_for_nothing() -> None:
    tariff = tariff_of({"user_classes": ["lorry"], "lines": [HOURLY]})
    told = priced(tariff, "2026-03-02 10:00", "2026-03-02 11:00")
    assert (told.price_minor, told.ends_at) == (0, None)
    (only,) = scale(tariff, start=at("2026-03-02 10:00"), zone=PARIS)
    assert only == Step(until=None, paid_minutes=0, price_minor=0)
    assert free_until(tariff, start=at("2026-03-02 10:00"), zone=PARIS) is None
    assert until_for(tariff, minutes=1, start=at("2026-03-02 10:00"), zone=PARIS) is None


def test_a_stay_ends_where_parking_is_not_allowed() -> None:
    market = {"hours": "We 05:00-14:00", "activity": "no_parking"}
    tariff = tariff_of(market, {"hours": DAYTIME, "lines": [HOURLY]})
    assert longest_stay_until(tariff, start=at("2026-03-03 18:00"), zone=PARIS) == at("2026-03-04 05:00")
    assert priced(tariff, "2026-03-03 18:30", "2026-03-03 19:00").ends_at == at("2026-03-04 05:00")
    refused = refusal(tariff, "2026-03-03 18:00", "2026-03-04 05:01")
    assert (refused.refusal, refused.allowed_until) == ("no_parking", at("2026-03-04 05:00"))
    assert refused.faults[0].field == "until"
    inside = refusal(tariff, "2026-03-04 06:00", "2026-03-04 06:01")
    assert inside.allowed_until is None
    assert inside.faults[0].field == "start"
    assert scale(tariff, start=at("2026-03-04 06:00"), zone=PARIS) == ()
    assert longest_stay_until(tariff, start=at("2026-03-04 06:00"), zone=PARIS) == at("2026-03-04 06:00")


def test_residents_may_park_where_others_may_not() -> None:
    tariff = tariff_of(
        {"user_classes": ["resident"], "hours": "19:00-09:00", "lines": [{"type": "step", "price_minor": 0}]},
        {"hours": "19:00-09:00", "activity": "no_parking"},
        {"lines": [HOURLY]},
    )
    assert cost(tariff, "2026-03-02 18:00", "2026-03-03 09:00", classes=RESIDENT) == 200
    assert refusal(tariff, "2026-03-02 18:00", "2026-03-02 19:01").refusal == "no_parking"


# Passes


def test_a_pass_is_taken_where_it_is_cheaper() -> None:
    tariff = tariff_of(
        {"hours": DAYTIME, "lines": [HOURLY], "passes": [{"paid_days": 1, "price_minor": 500}]}
    )
    assert priced(tariff, "2026-03-02 10:00", "2026-03-02 12:00").lines[0].pass_taken is None
    told = priced(tariff, "2026-03-02 10:00", "2026-03-02 13:00")
    assert (told.price_minor, told.lines[0].pass_taken) == (500, 0)
    assert told.ends_at == at("2026-03-03 09:00")


def test_paid_days_leave_out_the_free_ones_and_days_in_a_row_do_not() -> None:
    week = tariff_of({"hours": DAYTIME, "passes": [{"paid_days": 6, "price_minor": 900}]})
    assert longest_stay_until(week, start=at("2026-03-04 12:00"), zone=PARIS) == at("2026-03-11 09:00")
    row = tariff_of({"hours": DAYTIME, "passes": [{"days": 6, "price_minor": 900}]})
    assert longest_stay_until(row, start=at("2026-03-04 12:00"), zone=PARIS) == at("2026-03-10 09:00")


@pytest.mark.parametrize(
    ("start", "until"),
    [
        ("2026-03-02 12:00", "2026-04-02 00:00"),
        ("2026-12-15 12:00", "2027-01-15 00:00"),
        ("2026-01-31 12:00", "2026-03-01 00:00"),
        ("2026-01-28 12:00", "2026-02-28 00:00"),
        ("2026-11-30 12:00", "2026-12-30 00:00"),
    ],
)
def test_a_month_lasts_until_its_date_comes_again(start: str, until: str) -> None:
    tariff = tariff_of({"passes": [{"months": 1, "price_minor": 1500}]})
    assert longest_stay_until(tariff, start=at(start), zone=PARIS) == at(until)


# Limits


def test_a_longest_stay_counts_paid_minutes_only() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY], "max_stay_minutes": 90})
    assert longest_stay_until(tariff, start=at("2026-03-02 10:00"), zone=PARIS) == at("2026-03-02 11:30")
    assert longest_stay_until(tariff, start=at("2026-03-02 18:00"), zone=PARIS) == at("2026-03-03 09:30")
    assert refusal(tariff, "2026-03-02 10:00", "2026-03-02 11:31").refusal == "max_stay"
    assert priced(tariff, "2026-03-02 10:00", "2026-03-02 11:10").ends_at == at("2026-03-02 11:30")


def test_a_plate_may_return_when_the_longest_wait_that_concerns_it_is_over() -> None:
    tariff = tariff_of(
        {"user_classes": ["resident"], "lines": [HOURLY]},
        {"hours": DAYTIME, "lines": [HOURLY], "no_return_minutes": 60},
        {"hours": "19:00-24:00", "user_classes": ["lorry"], "lines": [HOURLY], "no_return_minutes": 600},
    )
    left = at("2026-03-02 18:30")
    assert may_return_at(tariff, ended_at=left) == at("2026-03-02 19:30")
    assert may_return_at(tariff, ended_at=left, classes=frozenset({"lorry"})) == at("2026-03-03 04:30")
    assert may_return_at(tariff_of({"lines": [HOURLY]}), ended_at=left) == left


def test_a_stay_is_at_most_a_year() -> None:
    tariff = tariff_of({"lines": [HOURLY]})
    assert longest_stay_until(tariff, start=at("2026-03-02 10:00"), zone=PARIS) is None
    assert cost(tariff, "2026-03-02 10:00", "2027-03-03 10:00") == 366 * 24 * 200
    assert refusal(tariff, "2026-03-02 10:00", "2027-03-03 10:01").refusal == "too_far"
    bounded = tariff_of({"lines": [HOURLY], "max_stay_minutes": 366 * 24 * 60})
    assert longest_stay_until(bounded, start=at("2026-03-02 10:00"), zone=PARIS) is None


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        cost(tariff_of({"lines": [HOURLY]}), "2026-03-02 10:00", "2026-03-02 09:59")
    assert refused.value.faults[0].field == "until"


@pytest.mark.parametrize("start", [datetime(1900, 1, 1, tzinfo=UTC), datetime.max, datetime(2026, 3, 2)])  # noqa: DTZ001, DTZ901
def test_a_start_without_a_calendar_is_refused(start: datetime) -> None:
    with pytest.raises(InvalidInput) as refused:
        scale(tariff_of({"lines": [HOURLY]}), start=start, zone=PARIS)
    assert refused.value.faults[0].field == "start"


def test_minutes_are_looked_for_beyond_times_without_parking() -> None:
    tariff = tariff_of({"hours": "10:00-11:00", "activity": "no_parking"}, {"lines": [HOURLY]})
    start = at("2026-03-03 09:30")
    assert until_for(tariff, minutes=0, start=start, zone=PARIS) == start
    assert until_for(tariff, minutes=45, start=start, zone=PARIS) == at("2026-03-03 11:15")


# Extensions


def extended(tariff: Tariff, start: str, paid_until: str, until: str, paid_minor: int) -> int:
    return extension(
        tariff,
        start=at(start),
        paid_until=at(paid_until),
        until=at(until),
        paid_minor=paid_minor,
        zone=PARIS,
    ).price_minor


def test_an_extension_costs_the_whole_without_what_was_paid() -> None:
    tariff = paris(*PARIS_1)
    assert extended(tariff, "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 13:00", 1200) == 1200
    assert extended(tariff, "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 13:00", 9900) == 0


def test_where_an_extension_is_a_new_purchase_it_begins_the_scale_again() -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": steps(*PARIS_1)}, extension="new")
    assert extended(tariff, "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 13:00", 1200) == 600


def test_a_new_purchase_does_not_stretch_the_longest_stay() -> None:
    rate = {"hours": DAYTIME, "lines": steps(*JAUNE), "max_stay_minutes": 120}
    tariff = tariff_of(rate, extension="new")
    assert extended(tariff, "2026-03-02 10:00", "2026-03-02 11:00", "2026-03-02 12:00", 200) == 200
    with pytest.raises(StayNotAllowed) as refused:
        extended(tariff, "2026-03-02 10:00", "2026-03-02 12:00", "2026-03-02 12:01", 400)
    assert (refused.value.refusal, refused.value.allowed_until) == ("max_stay", at("2026-03-02 12:00"))


@pytest.mark.parametrize("free", [{"minutes": 30}, {"minutes": 30, "per": "stay"}])
def test_a_new_purchase_for_the_same_stay_has_no_new_free_minutes(free: dict[str, Any]) -> None:
    tariff = tariff_of({"hours": DAYTIME, "lines": [HOURLY], "free": free}, extension="new")
    assert extended(tariff, "2026-03-02 10:00", "2026-03-02 10:20", "2026-03-02 10:40", 0) == 200


# FPS


def test_the_fps_is_told_whole_and_due_without_what_was_paid() -> None:
    tariff = paris(*PARIS_1)
    assert priced(tariff, "2026-03-02 10:00", "2026-03-02 11:00").fps_minor == 7500
    assert fps_due_minor(tariff, paid_minor=600) == 6900
    assert fps_due_minor(tariff, paid_minor=8000) == 0
    assert fps_due_minor(tariff_of({"lines": [HOURLY]}), paid_minor=0) is None


# No float, no waiting


def values_in(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from values_in(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from values_in(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from values_in(key)
            yield from values_in(one)


def test_there_is_no_float_anywhere() -> None:
    tariff = tariff_of(
        {"user_classes": ["resident"], "lines": [HOURLY], "passes": [{"days": 1, "price_minor": 3}]},
        {"hours": DAYTIME, "lines": steps(*JAUNE), "free": {"minutes": 7}},
        fps_minor=400,
    )
    start = at("2026-03-02 10:00:00.123457")
    found = [
        tariff,
        priced(tariff, "2026-03-02 10:00:00.5", "2026-03-02 11:17:03.25"),
        scale(tariff, start=start, zone=PARIS),
        extension(
            tariff, start=start, paid_until=start, until=start + timedelta(hours=1), paid_minor=1, zone=PARIS
        ),
        fps_due_minor(tariff, paid_minor=3),
    ]
    types = {type(value) for value in values_in(found)}
    assert int in types
    assert not types & {float, complex}


def test_a_quote_for_a_day_with_its_scale_takes_well_under_a_millisecond() -> None:
    tariff = paris(*PARIS_1)

    def quote() -> None:
        priced(tariff, "2026-03-02 10:00", "2026-03-02 15:30")
        scale(tariff, start=at("2026-03-02 10:00"), zone=PARIS)

    is_watched = sys.gettrace() is not None  # by coverage, which slows everything down
    assert min(timeit.repeat(quote, number=50, repeat=5)) / 50 < (0.02 if is_watched else 0.001)


@pytest.mark.parametrize(
    "line", [{"type": "step", "price_minor": 0}, {"type": "increment", "price_minor": 0, "per_minutes": 1}]
)
def test_a_tariff_that_never_rises_is_no_reason_to_wait(line: dict[str, Any]) -> None:
    tariff = tariff_of({"lines": [line]})
    priced(tariff, "2026-03-02 10:00", "2026-03-02 11:00")
    taken = min(
        timeit.repeat(lambda: priced(tariff, "2026-03-02 10:00", "2026-03-02 11:00"), number=1, repeat=5)
    )
    assert taken < 0.5
