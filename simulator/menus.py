"""Hungry people at noon: they look which menus there are around, and read the cards of a few places.

Owns who is hungry when, and the requests. Reading needs no consent; what is told of it is a count.
"""

from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from simulator.enrolment import UNKNOWN_NOW, Enrolled
from simulator.people import HOME_ZONE
from simulator.tracks import Track

T = TypeVar("T")

IS_HUNGRY: Final = 0.3
LUNCH: Final = range(11, 14)
READS_AT_MOST: Final = 3
SITE_ROUTE: Final = "/v1/sites/{id}/menus"


class _Menu(msgspec.Struct):
    site_id: int


class _Around(msgspec.Struct):
    menus: list[_Menu] = []


class Diner:
    """One phone's appetite: at most once in a run."""

    def __init__(self, enrolled: Enrolled, track: Track, rng: np.random.Generator, duration_s: float) -> None:
        self._enrolled = enrolled
        self._world = enrolled.world
        self._track = track
        self._rng = rng
        is_hungry = rng.random() < IS_HUNGRY
        self._hungry_at_s = float(rng.uniform(0, duration_s)) if is_hungry else float("inf")

    async def tick(self, number: int, now: datetime) -> None:
        """Looks around where the phone believes to be, and reads some of what it finds."""
        if self._world.seconds(now) < self._hungry_at_s or self._enrolled.customer.is_erased:
            return
        self._hungry_at_s = float("inf")
        if now.astimezone(ZoneInfo(HOME_ZONE)).hour not in LUNCH:
            return
        longitude, latitude = self._track.degrees[number].tolist()
        accuracy_m = float(self._track.accuracy_m[number])
        query = f"lat={latitude}&lon={longitude}&accuracy_m={accuracy_m}&kinds=menu&open_now=true"
        found = await self._read(f"/v1/nearby?{query}", None, _Around)
        sites = [] if found is None else list(dict.fromkeys(menu.site_id for menu in found.menus))
        for site_id in sites[: int(self._rng.integers(1, READS_AT_MOST + 1))]:
            await self._read(f"/v1/sites/{site_id}/menus", SITE_ROUTE, dict)

    async def _read(self, path: str, route: str | None, kind: type[T]) -> T | None:
        expected = UNKNOWN_NOW if self._enrolled.phone.person.leaves else frozenset()
        answer = await self._world.api.call(
            "GET", path, key=self._enrolled.token, route=route, expected=expected
        )
        if not answer.is_good:
            return None
        self._world.menu_reads += 1
        return answer.read(kind)
