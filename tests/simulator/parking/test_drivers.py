"""Who drives and what drivers agree to: alike for one seed, and as mixed as the promises need them."""

from dataclasses import astuple
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from numpy.random import SeedSequence

from offers.parking.plates import read_plate
from simulator.parking.drivers import PARKING, WHERE, Driver, give_cars
from simulator.people import LOCATION, Decision, Inventor, Person, Phone

START = datetime(2026, 11, 19, 10, tzinfo=UTC)
HOUR_S = 3600.0

Given = tuple[list[Phone], dict[int, Driver]]


def walkers(phones: int = 1500) -> list[Phone]:
    return Inventor((3, 5), ["coffee"], START, HOUR_S).people_and_phones(SeedSequence(1), phones, 15)


@pytest.fixture(scope="module")
def given() -> Given:
    return give_cars(walkers(), SeedSequence(2), HOUR_S)


@pytest.fixture(scope="module")
def driving(given: Given) -> list[tuple[Person, Driver]]:
    phones, drivers = given
    return [(p.person, drivers[p.person.number]) for p in phones if p.is_first and p.person.number in drivers]


def granted(person: Person) -> set[object]:
    return {decision.grant for decision in person.decisions if decision.granted}


def test_the_same_seed_gives_the_same_drivers() -> None:
    one, same, other = (give_cars(walkers(60), SeedSequence(seed), HOUR_S) for seed in (2, 2, 3))
    assert [astuple(phone) for phone in one[0]] == [astuple(phone) for phone in same[0]]
    assert one[1] == same[1]
    assert one[1] != other[1]


def test_whoever_does_not_drive_is_who_they_were(given: Given) -> None:
    phones, drivers = given
    before = {phone.person.number: phone.person for phone in walkers()}
    for phone in phones:
        if phone.person.number not in drivers:
            assert phone.person == before[phone.person.number]
        assert phone.person.number in before


def test_a_share_of_the_adults_drives_and_both_their_phones_know(given: Given) -> None:
    phones, drivers = given
    assert 0.15 < len(drivers) / sum(phone.is_first for phone in phones) < 0.3
    assert {p.person.age_band for p in phones if p.person.number in drivers} == {"adult"}
    firsts = {phone.person.number: phone.person for phone in phones if phone.is_first}
    assert all(phone.person is firsts[phone.person.number] for phone in phones)


def test_who_pays_when_asked_lets_the_car_be_followed(driving: list[tuple[Person, Driver]]) -> None:
    asked = [person for person, driver in driving if driver.habit == "asked"]
    assert asked
    assert all(PARKING in granted(person) for person in asked)


def test_some_pay_by_code_without_any_location_and_never_change_their_minds(
    driving: list[tuple[Person, Driver]],
) -> None:
    def ever_granted(person: Person) -> set[object]:
        later = {d.grant for change in person.changes for d in change.decisions if d.granted}
        return granted(person) | later

    never = [p for p, driver in driving if driver.habit == "by_code" and not ever_granted(p) & set(WHERE)]
    assert len(never) >= 20
    explicitly = [p for p in never if all(Decision(grant, False) in p.decisions for grant in WHERE)]
    assert len(explicitly) >= 20


def test_some_are_followed_for_offers_and_not_in_their_car(driving: list[tuple[Person, Driver]]) -> None:
    assert sum(LOCATION in granted(p) and PARKING not in granted(p) for p, _ in driving) >= 10
    assert sum(LOCATION not in granted(p) and PARKING in granted(p) for p, _ in driving) >= 5


def test_some_take_it_back_in_the_order_of_time(driving: list[tuple[Person, Driver]]) -> None:
    takes_back = [
        person
        for person, _ in driving
        if any(d.grant == PARKING and not d.granted for change in person.changes for d in change.decisions)
    ]
    assert takes_back
    assert all(a.at_s <= b.at_s for p, _ in driving for a, b in pairwise(p.changes))
    assert not any(person.leaves for person in takes_back)


def test_nobody_is_asked_the_same_twice(driving: list[tuple[Person, Driver]]) -> None:
    for person, _ in driving:
        asked = [decision.grant for decision in person.decisions]
        assert len(asked) == len(set(asked))


def test_every_manner_of_paying_is_there_and_every_plate_is_one(driving: list[tuple[Person, Driver]]) -> None:
    drivers = [driver for _, driver in driving]
    assert {driver.habit for driver in drivers} == {"asked", "by_code", "ignores"}
    for manner in ("is_resident", "is_declined", "tries_again", "extends", "buys_too_little", "stops_early"):
        assert {getattr(driver, manner) for driver in drivers} == {True, False}
    assert all(read_plate(driver.plate, driver.country) for driver in drivers)
    assert len({driver.plate for driver in drivers}) == len(drivers)
