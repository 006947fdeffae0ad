"""Invented people and their phones: who they are, what they consent to, and when they change their minds.

Owns the choices that are made before the run; the same seed gives the same people. Walks are in
`simulator.walks`, what phones do with offers in `simulator.manners`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from simulator.journal import Grant, Quiet

HOME_ZONE: Final = "Europe/Helsinki"
AWAY_ZONES: Final = ("America/New_York", "Asia/Tokyo", "Europe/Paris", "Europe/London", "America/Sao_Paulo")
CHANNELS: Final = ("push", "inbox")
LOCATION: Final = Grant("location_offers")

# Shares of people, unless said otherwise.
HAS_TWO_PHONES: Final = 0.08
SECOND_PHONE_STAYS_HOME: Final = 0.3
LIVES_ELSEWHERE: Final = 0.06
CHOSE_QUIET_NOW: Final = 0.10
CHOSE_QUIET_NIGHT: Final = 0.06
PERSONALISES: Final = 0.4
IS_NO_ADULT: Final = 0.08
AGE_BANDS: Final = ("unknown", "under_15", "15_17")
TURNS_OUT_YOUNG: Final = 0.02
ERASES: Final = 0.03
MEASURED: Final = 0.5


class Decision(NamedTuple):
    """A yes or no to one purpose."""

    grant: Grant
    granted: bool


class ChangeOfMind(NamedTuple):
    """Something a person does in the middle of the run, `at_s` seconds after its start.

    Who `erases` is unknown to the server afterwards: nothing follows it.
    """

    at_s: float
    decisions: tuple[Decision, ...] = ()
    quiet: Quiet | None = None
    age_band: str | None = None
    erases: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer. `decisions` are taken before the run, `changes` during it, in the order of time."""

    number: int
    language: str
    time_zone: str
    age_band: str
    interests: tuple[str, ...]
    quiet: Quiet | None
    decisions: tuple[Decision, ...]
    changes: tuple[ChangeOfMind, ...]

    @property
    def leaves(self) -> bool:
        """Whether there comes a moment from which nobody knows this person any more."""
        return any(change.erases for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One device. `phase_s` is when in each interval it takes its fix; `skew_s` how wrong its clock is."""

    number: int
    person: Person
    is_first: bool
    is_left_at_home: bool
    installation_id: str
    platform: str
    phase_s: float
    skew_s: float
    fixes_per_request: int
    repeats: float
    delays: float
    tells_speed: bool


class Inventor:
    """Makes up people for one run."""

    def __init__(
        self, retailer_ids: Sequence[int], interests: Sequence[str], start: datetime, duration_s: float
    ) -> None:
        """`interests` are what one can be interested in: the tags that offers have."""
        self._interests = list(interests)
        self._marketing = [Grant("marketing", *pair) for pair in product(sorted(retailer_ids), CHANNELS)]
        self._start = start
        self._duration_s = duration_s

    def people_and_phones(self, seed: np.random.SeedSequence, phones: int, interval_s: float) -> list[Phone]:
        """As many phones as asked for, held by slightly fewer people."""
        found: list[Phone] = []
        while len(found) < phones:
            number = len(found)
            (own,) = seed.spawn(1)
            rng = np.random.default_rng(own)
            person = self.person(rng, number)
            found.append(self._phone(rng, number, person, interval_s, is_first=True))
            if rng.random() < HAS_TWO_PHONES and len(found) < phones:
                found.append(self._phone(rng, number + 1, person, interval_s, is_first=False))
        return found

    def person(self, rng: np.random.Generator, number: int) -> Person:
        """One person, with an attitude to consent that the changes of mind go with."""
        away = rng.random() < LIVES_ELSEWHERE
        zone = str(rng.choice(AWAY_ZONES)) if away else HOME_ZONE
        interests = rng.permutation(self._interests)[: int(rng.integers(0, 4))]
        decisions = self._decisions(rng)
        language, quiet = str(rng.choice(["fr", "en"])), self._quiet(rng, zone)
        changes = self._changes(rng, decisions, zone)
        is_adult = rng.random() >= IS_NO_ADULT
        return Person(
            number=number,
            language=language,
            time_zone=zone,
            age_band="adult" if is_adult else str(rng.choice(AGE_BANDS)),
            interests=tuple(sorted(str(interest) for interest in interests)),
            quiet=quiet,
            decisions=decisions,
            changes=(*changes, *self._last_change(rng, changes)),
        )

    def _last_change(
        self, rng: np.random.Generator, changes: Sequence[ChangeOfMind]
    ) -> tuple[ChangeOfMind, ...]:
        """A few turn out to be younger than they said, a few want to be forgotten; after all else."""
        began_s = max((change.at_s for change in changes), default=0.2 * self._duration_s)
        at_s = float(rng.uniform(began_s, 0.9 * self._duration_s))
        choice = rng.random()
        if choice < TURNS_OUT_YOUNG:
            return (ChangeOfMind(at_s, age_band="15_17"),)
        if choice < TURNS_OUT_YOUNG + ERASES:
            return (ChangeOfMind(at_s, erases=True),)
        return ()

    def _decisions(self, rng: np.random.Generator) -> tuple[Decision, ...]:
        yes = self._granted(rng)
        if yes and rng.random() < PERSONALISES:
            yes.append(Grant("personalisation"))
        if yes and rng.random() < MEASURED:
            yes.append(Grant("measurement"))
        return tuple(Decision(grant, True) for grant in yes) or (Decision(LOCATION, False),)

    def _granted(self, rng: np.random.Generator) -> list[Grant]:
        attitude = rng.random()
        if attitude < 0.10:  # no to everything
            return []
        if attitude < 0.13:  # parking alone: their fixes tell where a car stops, and nothing else
            return [Grant("location_parking"), *self._marketing]
        if attitude < 0.23:  # where, but no marketing
            return [LOCATION]
        if attitude < 0.50:  # yes to everything
            return [LOCATION, *self._marketing]
        openness = rng.uniform(0.3, 0.95)  # some retailers, some channels
        return [LOCATION, *(grant for grant in self._marketing if rng.random() < openness)]

    def _quiet(self, rng: np.random.Generator, zone: str) -> Quiet | None:
        choice = rng.random()
        if choice < CHOSE_QUIET_NOW:  # a window over part of the run
            begin_s = rng.uniform(-0.8, 0.5) * self._duration_s
            return self._window(zone, begin_s, begin_s + rng.uniform(0.4, 1.0) * self._duration_s)
        if choice < CHOSE_QUIET_NOW + CHOSE_QUIET_NIGHT:
            return Quiet(time(23), time(7))
        return None

    def _window(self, zone: str, begin_s: float, end_s: float) -> Quiet:
        """Wall-clock minutes in the person's zone; at least ten of them."""
        begin = (self._start + timedelta(seconds=begin_s)).astimezone(ZoneInfo(zone))
        end = (self._start + timedelta(seconds=max(end_s, begin_s + 600))).astimezone(ZoneInfo(zone))
        return Quiet(
            begin.time().replace(second=0, microsecond=0), end.time().replace(second=0, microsecond=0)
        )

    def _changes(
        self, rng: np.random.Generator, decisions: Sequence[Decision], zone: str
    ) -> tuple[ChangeOfMind, ...]:
        granted = [decision.grant for decision in decisions if decision.granted]
        at_s = float(rng.uniform(0.1, 0.6) * self._duration_s)
        choice = rng.random()
        if not granted:
            late_yes = [Decision(grant, True) for grant in (LOCATION, *self._marketing)]
            return (ChangeOfMind(at_s, tuple(late_yes)),) if choice < 0.2 else ()
        if choice < 0.07:
            return self._taken_back(rng, at_s, [LOCATION] if LOCATION in granted else granted)
        if choice < 0.19:
            return self._taken_back(rng, at_s, [grant for grant in granted if grant.purpose == "marketing"])
        if choice < 0.31:
            marketing = [grant for grant in granted if grant.purpose == "marketing"]
            return self._taken_back(
                rng, at_s, [marketing[int(rng.integers(len(marketing)))]] if marketing else []
            )
        if choice < 0.36:
            return (ChangeOfMind(at_s, quiet=self._window(zone, at_s - 60, self._duration_s + 600)),)
        return ()

    def _taken_back(
        self, rng: np.random.Generator, at_s: float, grants: Sequence[Grant]
    ) -> tuple[ChangeOfMind, ...]:
        if not grants:
            return ()
        no = ChangeOfMind(at_s, tuple(Decision(grant, False) for grant in grants))
        yes = ChangeOfMind(
            at_s + float(rng.uniform(0.05, 0.25) * self._duration_s),
            tuple(Decision(grant, True) for grant in grants),
        )
        return (no, yes) if rng.random() < 0.6 else (no,)

    def _phone(
        self, rng: np.random.Generator, number: int, person: Person, interval_s: float, *, is_first: bool
    ) -> Phone:
        batches = rng.random() < 0.4
        return Phone(
            number=number,
            person=person,
            is_first=is_first,
            is_left_at_home=not is_first and bool(rng.random() < SECOND_PHONE_STAYS_HOME),
            installation_id=rng.bytes(16).hex(),
            platform=str(rng.choice(["ios", "android"])),
            phase_s=round(float(rng.uniform(0.001, interval_s)), 3),
            skew_s=round(float(rng.normal(0, 40)), 3) if rng.random() < 0.1 else 0.0,
            fixes_per_request=int(rng.integers(2, 5)) if batches else 1,
            repeats=0.05 if rng.random() < 0.2 else 0.0,
            delays=0.04 if rng.random() < 0.1 else 0.0,
            tells_speed=bool(rng.random() < 0.5),
        )
