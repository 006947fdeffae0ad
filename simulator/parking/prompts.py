"""What drivers are asked, against where cars truly stopped.

Owns the rule: a car that stopped clearly inside a zone, in paid hours, for three minutes or more, is to be
asked about once, while its driver certainly consents; nobody else must be asked. A question is right within
five minutes of the stop, and with the true zone among those named.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from simulator import wire
from simulator.journal import PARKING, Asked, Grant, Journal, Span
from simulator.parking.outings import Parked
from simulator.parking.zones import Zone, Zones
from simulator.tracks import Track
from simulator.watching import SentFix
from simulator.world import World

LONG_ENOUGH_S: Final = 180.0
ASKED_WITHIN_S: Final = 300.0
# One zone is asked about once in so long; and what is to be paid so soon may be asked about already.
NOT_AGAIN_FOR: Final = timedelta(minutes=30)
PAID_SOON: Final = timedelta(minutes=15)
# A stop must have been watched from before it until after it.
BEFORE_S: Final = 45.0
# In metres inside its zone: a kerb is not wide.
CLEARLY_M: Final = 3.0


def hear_prompt(world: World, customer_id: str, said: wire.Prompt, span: Span) -> None:
    """Notes a question at its first hearing, on whichever phone."""
    now = world.journal.clock[-1][0]
    asked = Asked(said.prompt_id, customer_id, said.kind, tuple(said.zone_ids), said.session_id, now, span)
    world.journal.asked.setdefault(said.prompt_id, asked)


class Ridden(NamedTuple):
    """A phone that was in a car or on a walk: its person, its track, and what it sent."""

    customer: str
    track: Track
    sent: Sequence[SentFix]
    duration_s: float


@dataclass(frozen=True, slots=True)
class PromptScore:
    """`due` stops and how many of them were `found`; of all `asked`, how many were `wrong`.

    `pedestrians_asked` are those of the wrong whose person was in no car; what is neither found nor wrong was
    tolerated: right, but not due.
    """

    asked: int = 0
    due: int = 0
    found: int = 0
    wrong: int = 0
    pedestrians_asked: int = 0

    @property
    def precision(self) -> float:
        return (self.asked - self.wrong) / self.asked if self.asked else 0.0

    @property
    def recall(self) -> float:
        return self.found / self.due if self.due else 0.0


class _Stop(NamedTuple):
    parked: Parked
    zones: list[Zone]
    near: list[Zone]


Stays = Iterable[tuple[str, int]]


def score_prompts(
    phones: Iterable[Ridden], zones: Zones, journal: Journal, start: datetime, stays: Stays
) -> PromptScore:
    """`stays`: (customer, zone) of everything that was paid for in the run, which needs no asking."""
    judge = _Judge(zones, journal, start, frozenset(stays))
    by_customer: dict[str, list[Ridden]] = defaultdict(list)
    for phone in phones:
        by_customer[phone.customer].append(phone)
    found = due = wrong = on_foot = 0
    for customer, theirs in by_customer.items():
        asked = [one for one in journal.asked.values() if one.customer == customer and one.kind == "pay"]
        stops = judge.stops(theirs)
        for one in asked:
            is_right, is_by_a_car = judge.is_right(one, stops)
            wrong += not is_right
            on_foot += not is_by_a_car
        for stop in stops:
            is_asked = any(judge.is_about(one, stop) for one in asked)
            if judge.is_due(stop, theirs, asked):
                due += 1
                found += is_asked
    total = sum(one.kind == "pay" for one in journal.asked.values())
    return PromptScore(asked=total, due=due, found=found, wrong=wrong, pedestrians_asked=on_foot)


class _Judge:
    def __init__(
        self, zones: Zones, journal: Journal, start: datetime, stays: frozenset[tuple[str, int]]
    ) -> None:
        self._zones = zones
        self._journal = journal
        self._start = start
        self._stays = stays

    def stops(self, phones: Sequence[Ridden]) -> list[_Stop]:
        """Every time that the person's car stood, within the run."""
        ridden = max(phones, key=lambda phone: len(phone.track.parked))
        return [
            _Stop(parked, self._zones.at(parked.metres), self._zones.near(parked.metres))
            for parked in ridden.track.parked
            if parked.from_s <= ridden.duration_s
        ]

    def is_about(self, asked: Asked, stop: _Stop) -> bool:
        """Whether this asks about that stop, in time."""
        after_s = self._seconds(asked) - stop.parked.from_s
        return 0 <= after_s <= ASKED_WITHIN_S and any(zone.zone_id in asked.zone_ids for zone in stop.zones)

    def is_right(self, asked: Asked, stops: Sequence[_Stop]) -> tuple[bool, bool]:
        """(whether a car stopped where one pays, or near, or soon; whether they were in a car at all)."""
        at_s = self._seconds(asked)
        recent = [stop for stop in stops if 0 <= at_s - stop.parked.from_s <= ASKED_WITHIN_S]
        right = any(
            zone.zone_id in asked.zone_ids and self._may_be_paid(zone, stop.parked)
            for stop in recent
            for zone in stop.near
        )
        is_away = any(stop.parked.from_s <= at_s <= stop.parked.until_s for stop in stops)
        return right, bool(recent) or (bool(stops) and not is_away)

    def _may_be_paid(self, zone: Zone, parked: Parked) -> bool:
        at = self._start + timedelta(seconds=parked.from_s)
        return zone.is_paid(at) is not False or zone.is_paid(at + PAID_SOON) is not False

    def is_due(self, stop: _Stop, phones: Sequence[Ridden], asked: Sequence[Asked]) -> bool:
        """Whether the driver must be asked about this stop."""
        parked = stop.parked
        until_s = parked.from_s + ASKED_WITHIN_S
        at = self._start + timedelta(seconds=parked.from_s)
        zone = next((one for one in stop.zones if one.is_paid(at)), None)
        if zone is None or parked.until_s - parked.from_s < LONG_ENOUGH_S or len(stop.zones) > 1:
            return False
        if self._zones.depth_m(zone, parked.metres) < CLEARLY_M:
            return False
        customer = phones[0].customer
        if (customer, zone.zone_id) in self._stays and not any(self.is_about(one, stop) for one in asked):
            return False
        if any(0 < (at - one.at) / NOT_AGAIN_FOR < 1 and zone.zone_id in one.zone_ids for one in asked):
            return False
        return any(
            until_s <= phone.duration_s
            and bool(phone.track.parked)
            and self._is_watched(phone, parked.from_s - BEFORE_S, until_s)
            for phone in phones
        )

    def _is_watched(self, phone: Ridden, from_s: float, until_s: float) -> bool:
        consent = self._journal.consent(phone.customer, Grant(PARKING))
        within = [one for one in phone.sent if from_s <= float(phone.track.seconds[one.number]) <= until_s]
        return bool(within) and from_s >= 0 and all(consent.possible(one.request) == {True} for one in within)

    def _seconds(self, asked: Asked) -> float:
        return (asked.at - self._start).total_seconds()
