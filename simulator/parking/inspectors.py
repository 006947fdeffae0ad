"""Inspectors, who look up the plates of cars that stand in a zone, and what they must be told.

Owns whom they look at, and the comparison: a car that was paid for must be told as valid, one that was not,
in paid hours, as not paid. Where the truth is uncertain (a stay that ended, a permit, free minutes) nothing
is compared.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import quote

import numpy as np

from simulator.parking.drivers import Driver
from simulator.parking.motorists import Motorist
from simulator.parking.wire import PlateTold
from simulator.parking.zones import Zone
from simulator.world import World

IS_LOOKED_AT: Final = 0.6
ROUTE: Final = "/v1/parking/enforcement/plates/{plate}"


class _Look(NamedTuple):
    at_s: float
    driver: Driver
    customer: str
    zone: Zone


class Inspectors:
    """Those of all operators. `surcharges` counts the cars that would have got one, `looks` all."""

    def __init__(
        self, world: World, keys: Mapping[int, str], motorists: Sequence[Motorist], rng: np.random.Generator
    ) -> None:
        self._world = world
        self._keys = keys
        self.looks = 0
        self.surcharges = 0
        self._due = sorted(
            (
                _Look(float(rng.uniform(parked.from_s, parked.until_s)), one.driver, one.customer_id, zone)
                for one in motorists
                for parked, zone in one.places
                if zone.retailer_id in keys and rng.random() < IS_LOOKED_AT
            ),
            key=lambda look: look.at_s,
        )

    async def tick(self, now: datetime) -> None:
        """Looks at the cars whose turn it is by now."""
        now_s = self._world.seconds(now)
        while self._due and self._due[0].at_s <= now_s:
            await self._look(self._due.pop(0), now)

    async def _look(self, look: _Look, now: datetime) -> None:
        path = f"/v1/parking/enforcement/plates/{quote(look.driver.plate)}"
        asked = f"{path}?country={look.driver.country}&zone_id={look.zone.zone_id}"
        answer = await self._world.api.call("GET", asked, key=self._keys[look.zone.retailer_id], route=ROUTE)
        if not answer.is_good:
            return
        told = answer.read(PlateTold)
        self.looks += 1
        self.surcharges += told.verdict == "not_paid" and told.fps is not None
        due = self._must_be_told(look, now)
        if due is not None and told.verdict != due:
            self._world.contradictions[f"inspector told {told.verdict} of a car that is {due}"] += 1

    def _must_be_told(self, look: _Look, now: datetime) -> str | None:
        """What is certain of this car here and now, by what its driver was told."""
        theirs = [
            stay
            for stay in self._world.journal.stays.values()
            if (stay.plate, stay.zone_id) == (look.driver.plate, look.zone.zone_id)
        ]
        if any(stay.state == "active" and stay.starts_at <= now < stay.ends_at for stay in theirs):
            return "valid"
        is_certain = not theirs and not look.driver.is_resident and not look.zone.is_free_at_first
        return "not_paid" if is_certain and look.zone.is_paid(now) else None
