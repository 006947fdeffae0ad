"""Hand-made histories with each kind of violation in them, and their lawful neighbours."""

from datetime import UTC, datetime, time, timedelta

import pytest

from simulator.journal import (
    AcceptedFixes,
    Asked,
    Change,
    Delivery,
    Grant,
    History,
    Journal,
    Quiet,
    Redemption,
    Span,
)
from simulator.recount import Cap, OfferRules, Rules, Violation, recount

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
ANN = "ann"
LOCATION = Grant("location_offers")
MARKETING = Grant("marketing", 7, "push")


def rules(*caps: Cap, start: datetime = NOON - timedelta(days=400), **offers: OfferRules) -> Rules:
    return Rules(
        start=start,
        default_quiet=Quiet(time(21), time(8)),
        default_time_zone="UTC",
        caps=caps,
        offers={int(name.removeprefix("offer_")): limits for name, limits in offers.items()},
    )


def journal(*, consenting: bool = True) -> Journal:
    """Ann, who consented to everything before anything else happened."""
    book = Journal()
    book.age_bands[ANN] = History("adult")
    for grant in (LOCATION, MARKETING, Grant("marketing", 7, "inbox"), Grant("marketing", 8, "push")):
        if consenting:
            book.consent(ANN, grant).changes.append(Change(True, next(book.order), next(book.order)))
    return book


def give(
    book: Journal,
    at: datetime = NOON,
    *,
    offer_id: int = 1,
    retailer_id: int = 7,
    channel: str = "push",
    tags: frozenset[str] = frozenset(),
    span: Span | None = None,
) -> Span:
    """A delivery in the answer to fixes that were sent just now, when the clock stands at `at`."""
    if not book.clock or book.clock[-1][0] != at:
        tick(book, at)
    span = span or Span(next(book.order), next(book.order))
    seq = len(book.seen)
    delivery = Delivery(f"d{seq}", ANN, offer_id, retailer_id, channel, tags, seq, at)
    book.see(delivery, span, decided_now=True)
    return span


def withdraw(book: Journal, grant: Grant, *, answered: bool = True) -> Span:
    return change(book, grant, False, answered=answered)


def change(book: Journal, grant: Grant, value: bool, *, answered: bool = True) -> Span:
    span = Span(next(book.order), next(book.order))
    change = Change(value, span.sent, span.answered if answered else None)
    book.consent(ANN, grant).changes.append(change)
    return span


def kinds(found: list[Violation]) -> list[str]:
    return [violation.kind for violation in found]


# Consent


def test_a_consented_delivery_breaks_nothing() -> None:
    book = journal()
    give(book)
    assert recount(book, rules()) == []


def test_a_delivery_without_any_consent_is_reported_with_its_numbers() -> None:
    book = journal(consenting=False)
    give(book)
    (found,) = recount(book, rules())
    assert found.kind == "consent"
    assert "ann" in found.explanation
    assert "offer 1 of retailer 7" in found.explanation
    assert "without consent to location_offers" in found.explanation


@pytest.mark.parametrize("grant", [LOCATION, MARKETING])
def test_a_delivery_after_an_acknowledged_withdrawal_is_reported(grant: Grant) -> None:
    book = journal()
    withdraw(book, grant)
    give(book)
    assert kinds(recount(book, rules())) == ["consent"]


def test_consent_for_one_retailer_or_channel_is_none_for_another() -> None:
    book = journal()
    give(book, retailer_id=8, channel="push")
    assert recount(book, rules()) == []
    give(book, NOON + timedelta(seconds=15), retailer_id=8, channel="inbox")
    assert kinds(recount(book, rules())) == ["consent"]


def test_a_delivery_that_raced_the_withdrawal_is_given_the_benefit_of_the_doubt() -> None:
    book = journal()
    sent = next(book.order)
    withdraw(book, MARKETING)
    give(book, span=Span(sent, next(book.order)))
    assert recount(book, rules()) == []


def test_a_withdrawal_that_was_never_acknowledged_accuses_nobody() -> None:
    book = journal()
    withdraw(book, MARKETING, answered=False)
    give(book)
    assert recount(book, rules()) == []


def test_a_delivery_after_a_new_grant_is_lawful() -> None:
    book = journal()
    withdraw(book, MARKETING)
    change(book, MARKETING, True)
    give(book)
    assert recount(book, rules()) == []


def from_the_inbox(book: Journal, decided_at: datetime) -> None:
    request = Span(next(book.order), next(book.order))
    book.see(Delivery("d9", ANN, 1, 7, "push", frozenset(), 9, decided_at), request, decided_now=False)


def tick(book: Journal, at: datetime) -> None:
    book.clock.append((at, Span(next(book.order), next(book.order))))


def test_a_delivery_that_lay_unseen_must_not_be_handed_over_after_a_withdrawal() -> None:
    book = journal()
    tick(book, NOON)
    tick(book, NOON + timedelta(seconds=15))
    withdraw(book, MARKETING)
    from_the_inbox(book, NOON)
    (found,) = recount(book, rules())
    assert "first handed over after the withdrawal of marketing:7:push" in found.explanation


def test_a_withdrawal_cancels_what_was_unseen_even_if_consent_comes_back() -> None:
    book = journal()
    tick(book, NOON)
    tick(book, NOON + timedelta(seconds=15))
    withdraw(book, MARKETING)
    change(book, MARKETING, True)
    from_the_inbox(book, NOON)
    (found,) = recount(book, rules())
    assert "not cancelled by the withdrawal of marketing:7:push" in found.explanation


def test_an_inbox_delivery_decided_after_consent_came_back_is_lawful() -> None:
    book = journal()
    withdraw(book, MARKETING)
    change(book, MARKETING, True)
    tick(book, NOON)
    from_the_inbox(book, NOON)
    assert recount(book, rules()) == []


def test_a_delivery_that_was_seen_before_the_withdrawal_may_stay() -> None:
    book = journal()
    give(book)
    withdraw(book, MARKETING)
    assert recount(book, rules()) == []


def test_fixes_that_were_accepted_without_a_location_purpose_are_reported() -> None:
    book = journal()
    withdraw(book, LOCATION)
    book.accepted.append(AcceptedFixes(ANN, 3, Span(next(book.order), next(book.order))))
    (found,) = recount(book, rules())
    assert found.kind == "consent"
    assert "had 3 fixes accepted without consent to location, of either kind" in found.explanation


def test_consent_to_parking_alone_lets_a_fix_pass_and_no_offer() -> None:
    book = journal()
    withdraw(book, LOCATION)
    change(book, Grant("location_parking"), True)
    book.accepted.append(AcceptedFixes(ANN, 1, Span(next(book.order), next(book.order))))
    assert recount(book, rules()) == []
    give(book)
    assert kinds(recount(book, rules())) == ["consent"]


@pytest.mark.parametrize(("kind", "found"), [("pay", ["consent"]), ("stop", ["consent"]), ("ending", [])])
def test_a_driver_who_is_asked_by_a_position_that_was_not_allowed_is_reported(
    kind: str, found: list[str]
) -> None:
    book = journal()
    span = Span(next(book.order), next(book.order))
    book.asked["p"] = Asked("p", ANN, kind, (5,), None, NOON, span)
    assert kinds(recount(book, rules())) == found


def test_a_driver_may_be_asked_with_consent_to_parking_alone_even_while_it_is_taken_back() -> None:
    book = journal(consenting=False)
    change(book, Grant("location_parking"), True)
    span = Span(next(book.order), 10_000)
    change(book, Grant("location_parking"), False)
    book.asked["p"] = Asked("p", ANN, "pay", (5,), None, NOON, span)
    assert recount(book, rules()) == []


# Caps

TWO_A_DAY = Cap(cap_id=1, scope="system", at_most=2, calendar_unit="day")


def given(*times: datetime, zone: str = "UTC") -> Journal:
    book = journal()
    book.time_zones[ANN] = History(zone)
    for at in times:
        give(book, at)
    return book


def test_the_third_delivery_of_a_day_is_one_too_many_whichever_retailer_sent_it() -> None:
    book = given(NOON, NOON + timedelta(minutes=5))
    assert recount(book, rules(TWO_A_DAY)) == []
    give(book, NOON + timedelta(minutes=9), retailer_id=8)
    (found,) = recount(book, rules(TWO_A_DAY))
    assert found.kind == "caps"
    assert "as number 3, where cap 1 allows 2 (system, day in UTC)" in found.explanation


def test_two_devices_of_a_customer_share_one_count() -> None:
    # The journal names customers, not devices: three answers to two phones are three deliveries.
    book = given(NOON, NOON, NOON)
    assert kinds(recount(book, rules(TWO_A_DAY))) == ["caps"]


def test_each_retailer_has_a_count_of_its_own_under_a_cap_on_each_retailer() -> None:
    cap = Cap(cap_id=2, scope="each_retailer", at_most=1, calendar_unit="day")
    book = given(NOON)
    give(book, NOON + timedelta(minutes=1), retailer_id=8)
    assert recount(book, rules(cap)) == []
    give(book, NOON + timedelta(minutes=2), retailer_id=8)
    assert kinds(recount(book, rules(cap))) == ["caps"]


def test_caps_of_one_retailer_offer_channel_or_tag_count_only_what_they_name() -> None:
    for cap in (
        Cap(cap_id=3, scope="retailer", retailer_id=8, at_most=1, calendar_unit="day"),
        Cap(cap_id=4, scope="offer", retailer_id=7, offer_id=2, at_most=1, calendar_unit="day"),
        Cap(cap_id=5, scope="system", channel="inbox", at_most=1, calendar_unit="day"),
        Cap(cap_id=6, scope="system", tag="coffee", at_most=1, calendar_unit="day"),
    ):
        book = given(NOON, NOON)
        assert recount(book, rules(cap)) == []
        for minutes in (1, 2):
            at = NOON + timedelta(minutes=minutes)
            give(book, at, retailer_id=8)
            give(book, at, offer_id=2, channel="inbox", tags=frozenset({"coffee"}))
        assert kinds(recount(book, rules(cap))) == ["caps"], cap


def test_a_rolling_window_forgets_a_delivery_after_exactly_its_length() -> None:
    cap = Cap(cap_id=7, scope="system", at_most=1, rolling_s=3600)
    assert recount(given(NOON, NOON + timedelta(seconds=3600)), rules(cap)) == []
    assert kinds(recount(given(NOON, NOON + timedelta(seconds=3599)), rules(cap))) == ["caps"]


def test_a_calendar_day_ends_at_midnight_of_the_customers_own_zone() -> None:
    cap = Cap(cap_id=8, scope="system", at_most=1, calendar_unit="day")
    evening, later = datetime(2026, 11, 19, 21, 50, tzinfo=UTC), datetime(2026, 11, 19, 22, 10, tzinfo=UTC)
    # In Helsinki (UTC+2) midnight lies between the two; what is left is the quiet of the night.
    assert kinds(recount(given(evening, later, zone="Europe/Helsinki"), rules(cap, start=NOON))) == [
        "quiet_hours",
        "quiet_hours",
    ]
    assert "caps" in kinds(recount(given(evening, later, zone="Europe/Paris"), rules(cap, start=NOON)))


@pytest.mark.parametrize(
    ("first", "second", "is_same_day"),
    [
        # Europe/Paris, 29 March 2026: 23 hours, from 28 March 23:00 UTC to 29 March 22:00 UTC.
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 22, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC), False),
        # 25 October 2026: 25 hours, from 24 October 22:00 UTC to 25 October 23:00 UTC.
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 22, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 23, 0, tzinfo=UTC), False),
        # The hour that happens twice belongs to one day.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
    ],
)
def test_calendar_days_follow_the_wall_clock_over_both_changes_of_summer_time(
    first: datetime, second: datetime, is_same_day: bool
) -> None:
    cap = Cap(cap_id=9, scope="system", at_most=1, calendar_unit="day")
    found = kinds(recount(given(first, second, zone="Europe/Paris"), rules(cap)))
    assert ("caps" in found) is is_same_day


def test_calendar_weeks_begin_on_monday_and_months_on_their_first_day() -> None:
    sunday, monday = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 23, 12, tzinfo=UTC)
    week = Cap(cap_id=10, scope="system", at_most=1, calendar_unit="week")
    month = Cap(cap_id=11, scope="system", at_most=1, calendar_unit="month")
    assert recount(given(sunday, monday), rules(week)) == []
    assert kinds(recount(given(sunday - timedelta(days=6), sunday), rules(week))) == ["caps"]
    assert kinds(recount(given(sunday, monday), rules(month))) == ["caps"]
    assert recount(given(datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)),
                   rules(month)) == []  # fmt: skip


def test_the_week_of_new_year_is_one_week_over_two_years() -> None:
    week = Cap(cap_id=12, scope="system", at_most=1, calendar_unit="week")
    thursday, friday = datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert kinds(recount(given(thursday, friday), rules(week))) == ["caps"]


def test_a_zone_that_is_being_changed_counts_as_whichever_is_kinder() -> None:
    cap = Cap(cap_id=13, scope="system", at_most=1, calendar_unit="day")
    book = given(datetime(2026, 11, 19, 14, 30, tzinfo=UTC), zone="Europe/Helsinki")
    asked = next(book.order)
    book.time_zones[ANN].changes.append(Change("Asia/Tokyo", asked, None))
    give(book, datetime(2026, 11, 19, 15, 30, tzinfo=UTC))  # the next day in Tokyo
    assert "caps" not in kinds(recount(book, rules(cap)))


def test_what_ignores_caps_passes_them_and_what_does_not_count_takes_no_slot() -> None:
    one = Cap(cap_id=14, scope="system", at_most=1, calendar_unit="day")
    book = given(NOON)
    give(book, NOON + timedelta(minutes=1), offer_id=2)
    free = rules(one, offer_2=OfferRules(ignores_caps=True))
    assert recount(book, free) == []
    # It ignored the cap but it counts: the day is full all the same.
    give(book, NOON + timedelta(minutes=2), offer_id=3)
    assert kinds(recount(book, free)) == ["caps"]
    uncounted = rules(
        one, offer_1=OfferRules(counts_toward_caps=False), offer_2=OfferRules(ignores_caps=True)
    )
    assert "as number 2" in recount(book, uncounted)[0].explanation


def test_deliveries_before_the_run_count_but_are_not_judged() -> None:
    one = Cap(cap_id=15, scope="system", at_most=1, calendar_unit="day")
    book = given(NOON - timedelta(hours=2), NOON - timedelta(hours=1))
    assert recount(book, rules(one, start=NOON)) == []
    give(book, NOON)
    assert kinds(recount(book, rules(one, start=NOON))) == ["caps"]


def test_an_offers_own_limit_per_customer_is_a_cap() -> None:
    limited = rules(offer_1=OfferRules(at_most=1, at_most_days=2))
    assert recount(given(NOON, NOON + timedelta(days=2)), limited) == []
    assert kinds(recount(given(NOON, NOON + timedelta(days=1)), limited)) == ["caps"]
    for_ever = rules(offer_1=OfferRules(at_most=1))
    assert kinds(recount(given(NOON, NOON + timedelta(days=300)), for_ever)) == ["caps"]


def test_an_offer_that_comes_back_too_soon_is_reported() -> None:
    waiting = rules(offer_1=OfferRules(re_eligible_after_s=600))
    assert recount(given(NOON, NOON + timedelta(seconds=600)), waiting) == []
    (found,) = recount(given(NOON, NOON + timedelta(seconds=599)), waiting)
    assert "after 599 s, where the offer waits 600 s" in found.explanation


# Quiet hours


@pytest.mark.parametrize(
    ("wall", "expected"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("07:59", True), ("08:00", False)],
)
def test_the_default_quiet_hours_wrap_midnight(wall: str, expected: bool) -> None:
    at = datetime.fromisoformat(f"2026-11-19T{wall}+00:00")
    assert (kinds(recount(given(at), rules())) == ["quiet_hours"]) is expected


def test_quiet_hours_are_those_of_the_customers_zone_and_choice() -> None:
    assert kinds(recount(given(NOON, zone="America/New_York"), rules())) == ["quiet_hours"]
    book = given(NOON)
    book.quiet_hours[ANN] = History(Quiet(time(11, 30), time(12, 30)))
    (found,) = recount(book, rules())
    assert "at 12:00:00 in UTC, within quiet hours 11:30-12:30" in found.explanation
    book.quiet_hours[ANN] = History(Quiet(time(12, 30), time(13)))
    assert recount(book, rules()) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # Europe/Paris: 02:00-03:00 does not exist on 29 March 2026 and happens twice on 25 October.
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 0, 15, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 1, 15, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ],
)
def test_quiet_hours_follow_the_wall_clock_over_both_changes_of_summer_time(
    at: datetime, expected: bool
) -> None:
    book = given(at, zone="Europe/Paris")
    book.quiet_hours[ANN] = History(Quiet(time(2), time(3)))
    assert (kinds(recount(book, rules())) == ["quiet_hours"]) is expected


def test_quiet_hours_that_are_being_changed_count_as_whichever_is_kinder() -> None:
    book = given(zone="UTC")
    book.quiet_hours[ANN] = History(None)
    book.quiet_hours[ANN].changes.append(Change(Quiet(time(11), time(13)), next(book.order), None))
    give(book)
    assert recount(book, rules()) == []


# Budgets


def test_an_offer_that_was_given_more_often_than_its_budget_is_reported_once() -> None:
    book = given(*(NOON + timedelta(minutes=n) for n in range(4)))
    assert recount(book, rules(offer_1=OfferRules(deliveries=4))) == []
    (found,) = recount(book, rules(offer_1=OfferRules(deliveries=2)))
    assert found == Violation("budget", "offer 1 was delivered 4 times with a budget of 2")


def test_more_redemptions_than_stock_are_reported() -> None:
    book = journal()
    for number in range(3):
        book.redemptions[f"r{number}"] = Redemption(f"r{number}", 1, f"CODE{number}")
    assert recount(book, rules(offer_1=OfferRules(redemptions=3))) == []
    (found,) = recount(book, rules(offer_1=OfferRules(redemptions=2)))
    assert found == Violation("budget", "offer 1 was redeemed 3 times with a stock of 2")


def test_a_code_that_worked_twice_is_reported() -> None:
    book = journal()
    for number in range(2):
        book.redemptions[f"r{number}"] = Redemption(f"r{number}", 1, "SAME")
    assert kinds(recount(book, rules())) == ["budget"]


# The journal's own promises


def test_what_may_have_been_in_force_follows_sent_and_answered() -> None:
    history = History("a", [Change("b", 10, 12), Change("c", 20, None), Change("d", 30, 33)])
    assert history.possible(Span(1, 5)) == {"a"}
    assert history.possible(Span(9, 11)) == {"a", "b"}
    assert history.possible(Span(13, 14)) == {"b"}
    assert history.possible(Span(25, 26)) == {"b", "c"}
    assert history.possible(Span(31, 32)) == {"b", "c", "d"}
    assert history.possible(Span(40, 41)) == {"d"}


def test_an_inbox_delivery_was_decided_between_two_moves_of_the_clock() -> None:
    book = journal()
    tick(book, NOON)
    reached = book.clock[-1][1]
    tick(book, NOON + timedelta(seconds=15))
    passed = book.clock[-1][1]
    from_the_inbox(book, NOON)
    assert book.seen["d9"].decided == Span(reached.sent, passed.answered)


def test_a_delivery_is_noted_at_its_first_sight_only() -> None:
    book = journal()
    delivery = Delivery("d1", ANN, 1, 7, "push", frozenset(), 1, NOON)
    assert book.see(delivery, Span(1, 2), decided_now=True)
    assert not book.see(delivery, Span(8, 9), decided_now=False)
    assert book.seen["d1"].handed == Span(1, 2)
