"""Drivers at work: they are asked, buy, extend, overstay, stop, and leave.

One per person with a car, on the person's first phone. Owns the agenda; how each request goes is
`simulator.parking.buying`'.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal, NamedTuple

import numpy as np

from simulator.enrolment import Enrolled
from simulator.journal import Asked, StayTold
from simulator.parking.buying import DECLINING, PAYING, Buyer, Lot
from simulator.parking.drivers import Driver
from simulator.parking.outings import Parked
from simulator.parking.zones import Zone, Zones

Act = Literal["buy", "pay_otherwise", "look", "extend", "stop"]

REACTS_S: Final = (5.0, 60.0)
TYPES_CODE_S: Final = (15.0, 120.0)
ANOTHER_CARD_S: Final = 20.0
SHORTEST_MIN: Final = 5
LONGEST_MIN: Final = 120
# Of the time they stay: bought by the thrifty, and by the careful.
TOO_LITTLE: Final = (0.3, 0.7)
ENOUGH: Final = (1.1, 1.8)
EXTENDS_BEFORE_S: Final = (45.0, 240.0)
EXTENDS_BY_MIN: Final = 15
IS_REMINDED_S: Final = 9 * 60.0
HEEDS_A_STOP: Final = 0.7


class _Due(NamedTuple):
    at_s: float
    number: int
    act: Act
    place: int


class _Place(NamedTuple):
    """Where the car stands, for how long, and in which zone; by how much is bought for it."""

    parked: Parked
    zone: Zone
    wanted_min: int


class Motorist:
    """A driver with a phone. `sessions` are those that began, by the place where the car stood."""

    def __init__(
        self,
        enrolled: Enrolled,
        driver: Driver,
        parked: Sequence[Parked],
        zones: Zones,
        rng: np.random.Generator,
    ) -> None:
        self.enrolled = enrolled
        self.driver = driver
        self._world = enrolled.world
        self._rng = rng
        self._numbers = count()
        self._agenda: list[_Due] = []
        self._buyer = Buyer(enrolled, driver)
        self._places = [self._place(one, zone) for one in parked for zone in zones.at(one.metres)[:1]]
        self._lots: dict[int, Lot] = {}
        self._heard: set[str] = set()
        if driver.habit == "by_code":
            for number, place in enumerate(self._places):
                self._plan(place.parked.from_s + self._between(TYPES_CODE_S), "buy", number)

    @property
    def places(self) -> list[tuple[Parked, Zone]]:
        """Where the car stood in a zone."""
        return [(place.parked, place.zone) for place in self._places]

    async def tick(self, now: datetime) -> None:
        """Hears what was asked, and does what is due by now."""
        now_s = self._world.seconds(now)
        for asked in list(self._world.journal.asked.values()):
            if asked.customer == self.customer_id and asked.prompt_id not in self._heard:
                self._heard.add(asked.prompt_id)
                await self._consider(asked, now_s)
        while self._agenda and self._agenda[0].at_s <= now_s:
            due = heappop(self._agenda)
            await self._do(due, now)

    async def settles_up(self) -> None:
        """Looks once more at all that was bought."""
        await self._buyer.read_all()

    @property
    def customer_id(self) -> str:
        """Who drives, to the server."""
        return self.enrolled.customer.customer_id

    def _place(self, parked: Parked, zone: Zone) -> _Place:
        stay_min = (parked.until_s - parked.from_s) / 60
        part = self._between(TOO_LITTLE if self.driver.buys_too_little else ENOUGH)
        return _Place(parked, zone, min(max(math.ceil(stay_min * part), SHORTEST_MIN), LONGEST_MIN))

    async def _consider(self, asked: Asked, now_s: float) -> None:
        """Pay when asked, if that is one's way and the zone is the one on the sign; stop when reminded."""
        if asked.kind == "pay":
            number = self._standing_at(now_s)
            knows_it = number is not None and self._places[number].zone.zone_id in asked.zone_ids
            if self.driver.habit == "asked" and number is not None and knows_it:
                self._plan(now_s + self._between(REACTS_S), "buy", number)
            elif self._rng.random() < 0.5:
                await self._buyer.dismiss(asked)
        elif asked.kind == "stop" and self._rng.random() < HEEDS_A_STOP:
            for number, lot in self._lots.items():
                if lot.session_id == asked.session_id:
                    self._plan(now_s + self._between(REACTS_S), "stop", number)

    def _standing_at(self, now_s: float) -> int | None:
        for number, place in enumerate(self._places):
            if place.parked.from_s <= now_s <= place.parked.until_s and number not in self._lots:
                return number
        return None

    async def _do(self, due: _Due, now: datetime) -> None:
        if self.enrolled.customer.is_erased:
            return
        place = self._places[due.place]
        if due.act in {"buy", "pay_otherwise"}:
            await self._buy(due, place, now)
            return
        lot = self._lots[due.place]
        if due.act == "look":
            await self._buyer.look_at_prompts()
        elif due.act == "stop":
            await self._buyer.stop(lot)
        elif due.act == "extend":
            stay = await self._buyer.extend(lot, EXTENDS_BY_MIN, now)
            if stay is not None:
                self._go_on(due.place, stay)

    async def _buy(self, due: _Due, place: _Place, now: datetime) -> None:
        """With the first card or, where that was declined, another one for the same quote."""
        if (
            due.place in self._lots
            or not place.zone.may_be_paid(now)
            or self._buyer.is_paid_for(place.zone, now)
        ):
            return
        is_first = due.act == "buy"
        method = DECLINING if is_first and self.driver.is_declined else PAYING
        lot = await self._buyer.begin(
            place.zone,
            place.wanted_min,
            method,
            now,
            by_code=self.driver.habit == "by_code",
            twice=self.driver.taps_twice,
        )
        if lot is not None:
            self._lots[due.place] = lot
            self._go_on(due.place, self._world.journal.stays[lot.session_id])
        elif is_first and self.driver.is_declined and self.driver.tries_again:
            self._plan(due.at_s + ANOTHER_CARD_S, "pay_otherwise", due.place)

    def _go_on(self, number: int, stay: StayTold) -> None:
        """What to do about a stay that runs until a new end."""
        parked, ends_s = self._places[number].parked, self._world.seconds(stay.ends_at)
        if ends_s > parked.until_s:
            if self.driver.stops_early:
                self._plan(parked.until_s, "stop", number)
            return
        self._plan(ends_s - IS_REMINDED_S, "look", number)
        if self.driver.extends:
            self._plan(ends_s - self._between(EXTENDS_BEFORE_S), "extend", number)

    def _plan(self, at_s: float, act: Act, place: int) -> None:
        heappush(self._agenda, _Due(at_s, next(self._numbers), act, place))

    def _between(self, bounds: tuple[float, float]) -> float:
        return float(self._rng.uniform(*bounds))
