"""Invented people: alike for one seed, and as mixed as the promises need them to be."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.random import SeedSequence

from simulator.journal import Quiet
from simulator.people import LOCATION, Inventor, Person, Phone
from simulator.recount.quiet import is_quiet
from simulator.streets import read_streets
from simulator.tracks import Track, tracks
from simulator.walks import Walker

START = datetime(2026, 11, 19, 10, tzinfo=UTC)  # noon in Helsinki
HOUR_S = 3600.0
RETAILERS = (3, 5, 8)


def invent(seed: int, phones: int = 1000) -> list[Phone]:
    inventor = Inventor(RETAILERS, ["coffee", "books"], START, HOUR_S)
    return inventor.people_and_phones(SeedSequence(seed), phones, 15)


@pytest.fixture(scope="module")
def phones() -> list[Phone]:
    return invent(1)


@pytest.fixture(scope="module")
def people(phones: list[Phone]) -> list[Person]:
    return [phone.person for phone in phones if phone.is_first]


def granted(person: Person) -> set[str]:
    return {decision.grant.purpose for decision in person.decisions if decision.granted}


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    first, again, other = invent(7, 50), invent(7, 50), invent(8, 50)
    assert [astuple(phone) for phone in first] == [astuple(phone) for phone in again]
    assert not {phone.installation_id for phone in first} & {phone.installation_id for phone in other}


def test_there_are_as_many_phones_as_asked_for_and_slightly_fewer_people(
    phones: list[Phone], people: list[Person]
) -> None:
    assert [phone.number for phone in phones] == list(range(1000))
    assert 880 < len(people) < 960
    seconds = [phone for phone in phones if not phone.is_first]
    assert all(phones[phone.number - 1].person is phone.person for phone in seconds)
    assert 0.1 < np.mean([phone.is_left_at_home for phone in seconds]) < 0.6


def test_consents_are_mixed(people: list[Person]) -> None:
    share = {
        "nothing": np.mean([not granted(person) for person in people]),
        "location only": np.mean(
            [granted(p) & {"location_offers", "marketing"} == {"location_offers"} for p in people]
        ),
        "parking": np.mean(["location_parking" in granted(person) for person in people]),
        "some marketing": np.mean(["marketing" in granted(person) for person in people]),
    }
    assert 0.05 < share["nothing"] < 0.15
    assert 0.05 < share["location only"] < 0.2
    assert 0.01 < share["parking"] < 0.06
    assert share["some marketing"] > 0.7
    marketing = [sum(d.grant.purpose == "marketing" for d in person.decisions) for person in people]
    assert set(marketing) == set(range(2 * len(RETAILERS) + 1))


def test_nobody_says_yes_twice_to_the_same_question(people: list[Person]) -> None:
    for person in people:
        asked = [decision.grant for decision in person.decisions]
        assert len(asked) == len(set(asked))


def test_some_withdraw_midway_and_some_of_them_come_back(people: list[Person]) -> None:
    withdrawn = [
        p for p in people if p.changes and p.changes[0].decisions and not p.changes[0].decisions[0].granted
    ]
    returned = [person for person in withdrawn if len(person.changes) > 1 and person.changes[1].decisions]
    assert len(withdrawn) > 150
    assert 0.4 < len(returned) / len(withdrawn) < 0.8
    assert any(decision.grant == LOCATION for p in withdrawn for decision in p.changes[0].decisions)
    for person in returned:
        no, yes = person.changes[:2]
        assert 0 < no.at_s < yes.at_s < HOUR_S
        assert [decision.grant for decision in no.decisions] == [decision.grant for decision in yes.decisions]
        assert all(decision.granted for decision in yes.decisions)
        assert {d.grant for d in no.decisions} <= {d.grant for d in person.decisions if d.granted}


def test_some_are_no_adults_some_turn_out_to_be_none_and_some_want_to_be_forgotten(
    people: list[Person],
) -> None:
    assert 0.04 < np.mean([person.age_band != "adult" for person in people]) < 0.13
    assert {person.age_band for person in people} == {"adult", "unknown", "under_15", "15_17"}
    for kind in ("age_band", "erases"):
        changing = [person for person in people if any(getattr(one, kind) for one in person.changes)]
        assert 5 < len(changing) < 0.1 * len(people)
        assert all(getattr(person.changes[-1], kind) for person in changing), "nothing follows it"
        assert all(a.at_s <= b.at_s for person in changing for a, b in pairwise(person.changes))


def test_quiet_hours_bite_for_some_of_the_time(people: list[Person]) -> None:
    default = Quiet(START.time().replace(hour=21), START.time().replace(hour=8))
    moments = [START + timedelta(minutes=minute) for minute in range(0, 60, 5)]

    def quiet_moments(person: Person) -> int:
        quiet = person.quiet or default
        return sum(is_quiet(quiet, moment, person.time_zone) for moment in moments)

    counts = [quiet_moments(person) for person in people]
    assert 0.05 < np.mean([0 < n < len(moments) for n in counts]) < 0.2
    assert 0.01 < np.mean([n == len(moments) for n in counts]) < 0.1
    assert {person.time_zone for person in people} > {"Europe/Helsinki", "America/New_York", "Asia/Tokyo"}
    assert all(ZoneInfo(person.time_zone) for person in people)


def test_a_few_phones_have_wrong_clocks_repeat_themselves_or_come_late(phones: list[Phone]) -> None:
    for is_so in (
        [phone.skew_s != 0 for phone in phones],
        [phone.repeats > 0 for phone in phones],
        [phone.delays > 0 for phone in phones],
    ):
        assert 0.02 < np.mean(is_so) < 0.3
    assert {phone.fixes_per_request for phone in phones} == {1, 2, 3, 4}
    assert all(0 < phone.phase_s <= 15 for phone in phones)


def test_who_lets_their_location_be_used_for_parking_does_so_for_parking_alone(people: list[Person]) -> None:
    parking = [person for person in people if "location_parking" in granted(person)]
    assert parking
    assert not any("location_offers" in granted(person) for person in parking)


# What the phones will report


def make_tracks(town_file: Path, phones: list[Phone], seed: int) -> list[Track]:
    streets = read_streets(town_file)
    stops = streets.metres[::7] + 10
    return tracks(phones, Walker(streets, stops), seed=SeedSequence(seed), duration_s=HOUR_S, interval_s=15)


def test_the_same_seed_gives_the_same_fixes_and_another_seed_others(town_file: Path) -> None:
    phones = invent(3, 20)
    first, again, other = (make_tracks(town_file, phones, seed) for seed in (1, 1, 2))
    for one, same, different in zip(first, again, other, strict=True):
        assert np.array_equal(one.degrees, same.degrees)
        assert np.array_equal(one.accuracy_m, same.accuracy_m)
        assert not np.array_equal(one.degrees, different.degrees)


def test_a_phone_takes_a_fix_every_15_seconds_for_the_whole_run(town_file: Path) -> None:
    phones = invent(3, 20)
    for phone, track in zip(phones, make_tracks(town_file, phones, 1), strict=True):
        assert len(track.seconds) == 240
        assert np.allclose(np.diff(track.seconds), 15)
        assert track.seconds[0] == phone.phase_s
        assert (track.accuracy_m >= 1).all()


def test_fixes_lie_around_the_true_walk_as_their_accuracy_says(town_file: Path) -> None:
    streets = read_streets(town_file)
    phones = invent(4, 200)
    ratios = []
    for track in make_tracks(town_file, phones, 5):
        away_m = np.hypot(*(streets.plane.to_metres(track.degrees) - track.walk.at(track.seconds)).T)
        ratios.append(away_m / track.accuracy_m)
    assert (np.concatenate(ratios) <= 1).mean() == pytest.approx(0.68, abs=0.02)


def test_two_phones_of_one_person_walk_together_with_errors_of_their_own(town_file: Path) -> None:
    phones = invent(5, 300)
    made = make_tracks(town_file, phones, 1)
    carried = [phone.number for phone in phones if not phone.is_first and not phone.is_left_at_home]
    left = [phone.number for phone in phones if phone.is_left_at_home]
    assert carried
    assert left
    for number in carried:
        assert made[number].walk is made[number - 1].walk
        assert not np.array_equal(made[number].degrees, made[number - 1].degrees)
    assert all(len(made[number].walk.seconds) == 1 for number in left)
