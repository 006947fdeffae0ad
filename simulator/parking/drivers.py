"""Who has a car, and how they pay for parking: choices made before the run, by the seed.

Owns the choices. Where they drive is `simulator.parking.outings`', carrying out is
`simulator.parking.motorists`'.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import numpy as np

from simulator.enrolment import ADULT
from simulator.journal import PARKING as LOCATION_FOR_PARKING
from simulator.journal import Grant
from simulator.people import LOCATION, ChangeOfMind, Decision, Person, Phone

PARKING: Final = Grant(LOCATION_FOR_PARKING)
WHERE: Final = (LOCATION, PARKING)
COUNTRY: Final = "FI"
LETTERS: Final = "ABCEFGHIJKLMNPRSTUVXYZ"

# Shares of people, or of drivers.
HAS_A_CAR: Final = 0.25
IS_RESIDENT: Final = 0.12
PAYS_WHEN_ASKED: Final = 0.5
PAYS_BY_CODE: Final = 0.35
# Of those who do not wait to be asked.
WITHOUT_ANY_LOCATION: Final = 0.35
NOT_FOR_PARKING: Final = 0.3
CARD_IS_DECLINED: Final = 0.15
TRIES_AGAIN: Final = 0.5
EXTENDS: Final = 0.6
BUYS_TOO_LITTLE: Final = 0.5
STOPS_EARLY: Final = 0.6
TAPS_TWICE: Final = 0.3
TAKES_IT_BACK: Final = 0.08

# `asked`: pays what the phone asks about. `by_code`: types the code on the sign. `ignores`: pays nothing.
Habit = Literal["asked", "by_code", "ignores"]


class Driver(NamedTuple):
    """How one person pays. `plate` as it is typed.

    `is_declined`: their card, unless they try another; `taps_twice`: sends the same start twice at once.
    """

    plate: str
    country: str
    habit: Habit
    is_resident: bool
    is_declined: bool
    tries_again: bool
    extends: bool
    buys_too_little: bool
    stops_early: bool
    taps_twice: bool


def give_cars(
    phones: Sequence[Phone], seed: np.random.SeedSequence, duration_s: float
) -> tuple[list[Phone], dict[int, Driver]]:
    """The same phones, those of drivers with what drivers consent to; and the drivers by person's number."""
    drivers: dict[int, Driver] = {}
    people: dict[int, Person] = {}
    for phone in phones:
        number = phone.person.number
        if number not in people:
            (own,) = seed.spawn(1)
            rng = np.random.default_rng(own)
            people[number] = phone.person
            if phone.person.age_band == ADULT and rng.random() < HAS_A_CAR:
                drivers[number] = _driver(rng)
                people[number] = _consenting(rng, phone.person, drivers[number], duration_s)
    return [replace(phone, person=people[phone.person.number]) for phone in phones], drivers


def _driver(rng: np.random.Generator) -> Driver:
    choice = rng.random()
    habit: Habit = "ignores"
    if choice < PAYS_WHEN_ASKED:
        habit = "asked"
    elif choice < PAYS_WHEN_ASKED + PAYS_BY_CODE:
        habit = "by_code"
    letters = "".join(rng.choice(list(LETTERS), size=3))
    return Driver(
        plate=f"{letters}-{int(rng.integers(1, 1000))}",
        country=COUNTRY,
        habit=habit,
        is_resident=bool(rng.random() < IS_RESIDENT),
        is_declined=bool(rng.random() < CARD_IS_DECLINED),
        tries_again=bool(rng.random() < TRIES_AGAIN),
        extends=bool(rng.random() < EXTENDS),
        buys_too_little=bool(rng.random() < BUYS_TOO_LITTLE),
        stops_early=bool(rng.random() < STOPS_EARLY),
        taps_twice=bool(rng.random() < TAPS_TWICE),
    )


def _consenting(rng: np.random.Generator, person: Person, driver: Driver, duration_s: float) -> Person:
    choice = 1.0 if driver.habit == "asked" else rng.random()
    if choice < WITHOUT_ANY_LOCATION:
        return _saying_no(person, WHERE)
    if choice < WITHOUT_ANY_LOCATION + NOT_FOR_PARKING:
        return _saying_no(person, (PARKING,))
    at_s = float(rng.uniform(0.3, 0.9) * duration_s)
    return _letting_park(person, at_s if rng.random() < TAKES_IT_BACK else None)


def _saying_no(person: Person, grants: tuple[Grant, ...]) -> Person:
    """They say no to these uses of where they are, and keep to that; all else they said goes on."""
    kept = tuple(one for one in person.decisions if one.grant not in grants)
    no = tuple(Decision(grant, False) for grant in grants)
    changes = (_but(change, grants) for change in person.changes)
    return replace(person, decisions=(*kept, *no), changes=tuple(one for one in changes if one is not None))


def _but(change: ChangeOfMind, grants: tuple[Grant, ...]) -> ChangeOfMind | None:
    if not change.decisions:
        return change
    left = tuple(one for one in change.decisions if one.grant not in grants)
    return change._replace(decisions=left) if left else None


def _letting_park(person: Person, takes_back_s: float | None) -> Person:
    """Location for parking beside whatever else they said; `takes_back_s` is when not any more."""
    others = tuple(one for one in person.decisions if one.grant != PARKING)
    changes = list(person.changes)
    if takes_back_s is not None and not person.leaves:
        changes.append(ChangeOfMind(takes_back_s, (Decision(PARKING, False),)))
    return replace(
        person,
        decisions=(*others, Decision(PARKING, True)),
        changes=tuple(sorted(changes, key=lambda change: change.at_s)),
    )
