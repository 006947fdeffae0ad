"""All drivers and inspectors of a run together: they act in each interval, and are counted at its end."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.random import SeedSequence

from simulator.parking.drivers import Driver
from simulator.parking.findings import ParkingFindings, PromptFindings, balance_minor
from simulator.parking.inspectors import Inspectors
from simulator.parking.motorists import Motorist
from simulator.parking.prompts import Ridden, score_prompts
from simulator.parking.zones import Zones
from simulator.phones import PhoneAtWork
from simulator.world import World

RAN: Final = frozenset({"active", "ended"})


class Traffic:
    """The motorists hold their first phones; inspectors come after them, so that nothing races."""

    def __init__(
        self,
        world: World,
        zones: Zones,
        phones: Sequence[PhoneAtWork],
        drivers: Mapping[int, Driver],
        inspectors: Mapping[int, str],
        seed: SeedSequence,
    ) -> None:
        self.zones = zones
        self._world = world
        self._phones = phones
        first_phones = [one for one in phones if one.phone.is_first and one.phone.person.number in drivers]
        *seeds, inspectors_seed = seed.spawn(len(first_phones) + 1)
        self.motorists = [
            Motorist(
                phone.enrolled,
                drivers[phone.phone.person.number],
                phone.track.parked,
                zones,
                np.random.default_rng(own),
            )
            for phone, own in zip(first_phones, seeds, strict=True)
        ]
        rng = np.random.default_rng(inspectors_seed)
        self._inspectors = Inspectors(world, inspectors, self.motorists, rng)

    async def tick(self, now: datetime) -> None:
        """What drivers and inspectors do in one interval."""
        await asyncio.gather(*(motorist.tick(now) for motorist in self.motorists))
        await self._inspectors.tick(now)

    async def settles_up(self) -> None:
        """Every driver reads what became of all they bought."""
        await asyncio.gather(*(motorist.settles_up() for motorist in self.motorists))

    def findings(self, duration_s: float) -> ParkingFindings:
        """Counted by what the phones were told."""
        journal = self._world.journal
        stays = [stay for stay in journal.stays.values() if stay.state in RAN]
        ridden = [Ridden(one.customer_id, one.track, one.sent, duration_s) for one in self._phones]
        paid_for = [(stay.customer, stay.zone_id) for stay in stays]
        prompts = score_prompts(ridden, self.zones, journal, self._world.start, paid_for)
        stops = [parked for one in self.motorists for parked, _ in one.places if parked.from_s <= duration_s]
        return ParkingFindings(
            sessions=len(stays),
            paid_minor=sum(stay.paid_minor for stay in stays),
            declined=self._world.declined_payments,
            fps=self._inspectors.surcharges,
            ledger_balance_minor=balance_minor(journal),
            drivers=len(self.motorists),
            stops_in_zones=len(stops),
            extended=sum(one.is_extension and one.was_accepted for one in journal.wanted),
            inspected=self._inspectors.looks,
            prompts=PromptFindings.of(prompts),
        )
