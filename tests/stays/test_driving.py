"""Beginning, extending and stopping stays on real rows, with several drivers and connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from geo.errors import AlentourError, Conflict, InvalidInput, NotFound
from offers.engine.retention import forget
from offers.parking.prompts import prompt
from offers.parking.quotes import ZoneWish
from offers.parking.time_passes import do_all_due
from offers.people.customers import lock_customers
from tests.stays.street import ORANGE, Street, at, steps


def code_of(error: pytest.ExceptionInfo[AlentourError]) -> str:
    return error.value.code


async def test_a_quote_pins_price_version_and_scale(street: Street) -> None:
    driver = await street.driver()
    quote = await street.quote(driver, 47)
    assert (quote.price_minor, quote.currency, quote.ends_at) == (200, "EUR", at(60))
    assert (quote.tariff_version, quote.fps_minor, quote.has_plate) == (1, 1200, True)
    assert [step.price_minor for step in quote.scale][:3] == [50, 100, 150]
    assert quote.expires_at == at(10)


async def test_a_zone_is_found_by_the_code_on_its_sign(street: Street) -> None:
    driver = await street.driver()
    by_code = await street.quote(driver, zone=ZoneWish(None, " 75001", None))
    assert by_code.zone_id == street.zone_id
    with pytest.raises(NotFound):
        await street.quote(driver, zone=ZoneWish(None, "75002", None))
    first_operator = street.operator_id
    await street.opens()
    with pytest.raises(Conflict, match="City") as error:
        await street.quote(driver, zone=ZoneWish(None, "75001", None))
    assert code_of(error) == "zone_ambiguous"
    named = await street.quote(driver, zone=ZoneWish(None, "75001", first_operator))
    assert named.zone_id == by_code.zone_id


async def test_a_closed_zone_and_one_without_a_tariff_sell_nothing(street: Street) -> None:
    driver = await street.driver()
    quote = await street.quote(driver)
    running = await street.parks(driver, 60, "EF-456-GH")
    await street.pool.execute("UPDATE parking_zones SET closed_at = $1, closed_by = 'retailer'", at(0))
    for ask in (street.quote(driver), street.begins(driver, quote), street.extends(driver, running)):
        with pytest.raises(Conflict) as error:
            await ask
        assert code_of(error) == "zone_closed"
    await street.pool.execute("UPDATE parking_zones SET closed_at = NULL, closed_by = NULL, tariff_id = NULL")
    with pytest.raises(Conflict) as error:
        await street.quote(driver)
    assert code_of(error) == "zone_not_paid"


async def test_a_class_needs_a_permit_of_the_plate(street: Street) -> None:
    driver = await street.driver()
    with pytest.raises(InvalidInput) as refused:
        await street.quote(driver, user_class="resident")
    assert refused.value.faults[0].field == "user_class"
    assert (await street.quote(driver, plate=None, user_class="resident")).classes == ["resident"]


async def test_a_stay_is_paid_and_its_plate_may_stand(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    assert (session.stay.state, session.stay.price_minor) == ("active", 200)
    [right] = await street.rights()
    assert (right["state"], right["covered_until"], right["paid_minor"]) == ("valid", at(60), 200)
    assert street.money.kept_minor == 200


async def test_a_decline_leaves_no_stay_and_the_quote_free(street: Street) -> None:
    driver = await street.driver()
    quote = await street.quote(driver)
    street.money.answer = "declined"
    assert (await street.begins(driver, quote)).stay.state == "dropped"
    assert await street.rights() == []
    street.money.answer = "captured"
    assert (await street.begins(driver, quote)).stay.state == "active"
    assert street.money.kept_minor == 200


async def test_a_free_stay_needs_no_payment(street: Street) -> None:
    driver = await street.driver()
    await street.world.moves_to(at(4 * 24 * 60))  # a Sunday
    quote = await street.quote(driver, until=at(4 * 24 * 60 + 90), duration_min=None)
    session = await street.begins(driver, quote, method=None)
    assert (session.stay.state, session.stay.price_minor, street.money.payments) == ("active", 0, {})


async def test_the_same_operation_again_begins_nothing_new(street: Street) -> None:
    driver = await street.driver()
    quote, operation_id = await street.quote(driver), uuid4()
    first = await street.begins(driver, quote, operation_id=operation_id)
    again = await street.begins(driver, quote, operation_id=operation_id)
    assert first == again
    assert len(street.money.payments) == 1
    other = await street.quote(driver)
    with pytest.raises(Conflict):
        await street.begins(driver, other, operation_id=operation_id)


@pytest.mark.parametrize(
    ("wrong", "code"), [("used", "quote_used"), ("late", "quote_expired"), ("bare", "quote_without_plate")]
)
async def test_a_quote_that_cannot_be_used_changes_nothing(street: Street, wrong: str, code: str) -> None:
    driver = await street.driver()
    quote = await street.quote(driver, plate=None if wrong == "bare" else "AB-123-CD")
    if wrong == "used":
        await street.stops(driver, await street.begins(driver, quote))
    if wrong == "late":
        await street.world.moves_to(at(10))
    before = await street.pool.fetchval("SELECT count(*) FROM parking_sessions")
    with pytest.raises(Conflict) as error:
        await street.begins(driver, quote)
    assert code_of(error) == code
    assert await street.pool.fetchval("SELECT count(*) FROM parking_sessions") == before


async def test_another_drivers_quote_and_stay_are_not_there(street: Street) -> None:
    driver, other = await street.driver(), await street.driver()
    quote = await street.quote(driver)
    for ask in (
        street.begins(other, quote),
        street.stops(other, await street.begins(driver, quote)),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_one_plate_has_one_stay_in_a_zone_whoever_pays(street: Street) -> None:
    driver, other = await street.driver(), await street.driver()
    await street.parks(driver)
    with pytest.raises(Conflict) as error:
        await street.parks(other, plate="ab 123 cd")
    assert code_of(error) == "already_parked"
    assert street.money.kept_minor == 200
    assert (await street.parks(other, plate="EF-456-GH")).stay.state == "active"


async def test_two_starts_for_one_plate_at_once_give_one_stay_and_one_payment(street: Street) -> None:
    for number in range(5):
        plate = f"AB-{number + 100}-CD"
        drivers = [await street.driver() for _ in range(4)]
        quotes = [await street.quote(one, plate=plate) for one in drivers]
        kept = street.money.kept_minor
        done = await asyncio.gather(
            *(street.begins(one, quote) for one, quote in zip(drivers, quotes, strict=True)),
            return_exceptions=True,
        )
        assert sum(not isinstance(one, BaseException) for one in done) == 1
        assert {one.code for one in done if isinstance(one, AlentourError)} == {"already_parked"}
        assert street.money.kept_minor == kept + 200


async def test_an_extension_is_a_second_payment_of_the_difference(street: Street) -> None:
    driver = await street.driver()
    session = await street.extends(driver, await street.parks(driver), 30, price_minor=100)
    assert (session.stay.ends_at, session.stay.price_minor) == (at(90), 300)
    assert [one.amount_minor for one in street.money.payments.values()] == [200, 100]
    [right] = await street.rights()
    assert (right["covered_until"], right["paid_minor"]) == (at(90), 300)


async def test_a_declined_extension_leaves_the_stay_as_it_was(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    street.money.answer = "declined"
    same = await street.extends(driver, session)
    assert (same.stay.ends_at, same.stay.price_minor, same.stay.state) == (at(60), 200, "active")


async def test_a_driver_who_was_shown_another_price_is_asked_again(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    with pytest.raises(Conflict) as error:
        await street.extends(driver, session, price_minor=99)
    assert code_of(error) == "price_changed"
    assert len(street.money.payments) == 1


async def test_a_stay_may_not_be_longer_than_the_longest(street: Street) -> None:
    await street.opens(rate={"lines": steps(*ORANGE)})
    driver = await street.driver()
    with pytest.raises(Conflict) as error:
        await street.quote(driver, 301)
    assert code_of(error) == "stay_not_allowed"
    session = await street.parks(driver, 300)
    with pytest.raises(Conflict) as error:
        await street.extends(driver, session, 1)
    assert code_of(error) == "stay_not_allowed"


async def test_who_left_may_return_only_after_a_while_with_any_phone(street: Street) -> None:
    await street.opens(rate={"no_return_minutes": 60})
    driver, other = await street.driver(), await street.driver()
    session = await street.parks(driver)
    await street.world.moves_to(at(30))
    await street.stops(driver, session)
    await street.world.moves_to(at(89))
    with pytest.raises(Conflict) as error:
        await street.parks(other)
    assert code_of(error) == "no_return"
    await street.world.moves_to(at(90))
    assert (await street.parks(other)).stay.state == "active"


async def test_an_early_stop_gives_back_what_was_not_used_where_the_zone_does(street: Street) -> None:
    driver = await street.driver()
    session = await street.extends(driver, await street.parks(driver), 30)
    await street.world.moves_to(at(20))
    ended = await street.stops(driver, session)
    assert (ended.stay.price_minor, ended.stay.given_back_minor) == (300, 200)
    assert street.money.kept_minor == 100
    [right] = await street.rights()
    assert (right["state"], right["covered_until"], right["paid_minor"]) == ("over", at(20), 100)


async def test_an_early_stop_gives_nothing_back_where_the_zone_does_not(street: Street) -> None:
    await street.opens(pays_actual_time=False)
    driver = await street.driver()
    session = await street.parks(driver)
    await street.world.moves_to(at(20))
    ended = await street.stops(driver, session)
    assert (ended.stay.ended_at, ended.stay.given_back_minor) == (at(20), 0)


async def test_a_stay_that_was_stopped_is_not_stopped_or_extended_again(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    await street.stops(driver, session)
    for ask in (street.stops(driver, session), street.extends(driver, session)):
        with pytest.raises(Conflict) as error:
            await ask
        assert code_of(error) == "stay_ended"
    assert street.money.kept_minor == 0


async def test_extend_against_stop_ends_the_stay_and_keeps_the_price_of_its_time(street: Street) -> None:
    for number in range(8):
        driver = await street.driver()
        session = await street.parks(driver, plate=f"AB-{number + 100}-CD")
        kept = street.money.kept_minor - 200
        await street.world.moves_to(at(20))
        done = await asyncio.gather(
            street.extends(driver, session), street.stops(driver, session), return_exceptions=True
        )
        assert not isinstance(done[1], BaseException)
        assert done[0].code == "stay_ended" if isinstance(done[0], AlentourError) else True
        ended = await street.read(session)
        assert (ended.stay.state, ended.stay.price_minor - ended.stay.given_back_minor) == ("ended", 100)
        assert street.money.kept_minor == kept + 100
        await street.world.moves_to(at(0))


async def test_money_for_an_extension_that_comes_after_the_stop_goes_back(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    street.money.answer = "waits"
    waiting = await street.extends(driver, session)
    assert waiting.stay.pending is not None
    await street.world.moves_to(at(20))
    await street.stops(driver, session)
    street.money.answer = "captured"
    late = await street.settled(waiting)
    assert late.stay.purchases[-1].state == "given_back"
    assert street.money.kept_minor == 100


async def test_drivers_are_reminded_once_and_stays_end_in_time(street: Street) -> None:
    driver = await street.driver()
    session = await street.parks(driver)
    await street.world.moves_to(at(49))
    assert await do_all_due(street.pool) == 0
    await street.world.moves_to(at(50))
    await asyncio.gather(*(do_all_due(street.pool) for _ in range(3)))
    [told] = await street.pool.fetch("SELECT * FROM parking_prompts")
    assert (told["kind"], told["session_id"], told["ends_at"]) == ("ending", session.session_id, at(60))
    longer = await street.extends(driver, session)
    assert (await street.pool.fetchval("SELECT answered_at FROM parking_prompts")) == at(50)
    await street.world.moves_to(at(80))
    await do_all_due(street.pool)
    assert await street.pool.fetchval("SELECT count(*) FROM parking_prompts") == 2
    await street.world.moves_to(at(90))
    await do_all_due(street.pool)
    ended = await street.read(longer)
    assert (ended.stay.state, ended.stay.ended_because, ended.stay.ended_at) == ("ended", "expired", at(90))
    assert await do_all_due(street.pool) == 0
    assert {row["state"] for row in await street.rights()} == {"over"}


async def test_a_beginning_answers_the_question_that_led_to_it(street: Street) -> None:
    driver = await street.driver()
    async with street.pool.acquire() as connection, connection.transaction():
        now = await lock_customers(connection, driver.key)
        await prompt(connection, driver.key, "pay", zone_ids=[street.zone_id], now=now)
    await street.parks(driver)
    assert await street.pool.fetchval("SELECT answered_at FROM parking_prompts") == at(0)


async def test_whoever_parks_again_at_the_very_end_need_not_wait_for_the_sweeper(street: Street) -> None:
    driver = await street.driver()
    await street.parks(driver)
    await street.world.moves_to(at(60))
    assert (await street.parks(driver)).stay.state == "active"


async def test_free_minutes_of_a_day_are_had_once_by_a_plate(street: Street) -> None:
    await street.opens(rate={"free": {"minutes": 30, "per": "day"}})
    driver, other = await street.driver(), await street.driver()
    first, second = await street.quote(driver, 30), await street.quote(other, 30)
    assert (first.price_minor, second.price_minor) == (0, 0)
    await street.stops(driver, await street.begins(driver, first))
    await street.world.moves_to(at(5))
    running = await street.parks(driver, 30)
    await street.world.moves_to(at(9))
    await street.stops(driver, running)
    with pytest.raises(Conflict) as error:
        await street.begins(other, second)
    assert code_of(error) == "quote_outdated"
    assert (await street.quote(other, 30)).price_minor > 0


async def test_what_nobody_needs_is_forgotten(street: Street) -> None:
    driver = await street.driver()
    street.money.answer = "declined"
    await street.parks(driver)
    await street.world.moves_to(at(10) + timedelta(days=1, seconds=1))
    await forget(street.pool)
    for table in ("parking_quotes", "parking_sessions", "parking_purchases"):
        assert await street.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"until": at(-5), "duration_min": None}, "until"),
        ({"starts_at": at(-5)}, "start"),
        ({"starts_at": at(60 * 24 * 8)}, "start"),
    ],
)
async def test_bad_wishes_name_their_field(street: Street, said: dict[str, Any], field: str) -> None:
    driver = await street.driver()
    with pytest.raises(InvalidInput) as error:
        await street.quote(driver, **said)
    assert [fault.field for fault in error.value.faults] == [field]
