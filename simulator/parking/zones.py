"""The paid zones as their operators published them, on the plane of the streets."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import shapely

from simulator.client import Api
from simulator.listing import listed
from simulator.parking.hours import Week, read_hours
from simulator.parking.wire import PublishedTariff, TariffLine, ZoneFeature
from simulator.plane import Floats, Plane

# Nearer to the edge of a zone than this, it is a matter of opinion whether a car stands in it.
UNCLEAR_M: Final = 25.0


class Zone(NamedTuple):
    """A zone whose tariff is in force. `shape` in metres.

    `paid` are the weeks in which visitors pay, None where that is not understood; `classes` those that
    some rate of its tariff is for; `is_free_at_first`: some minutes are free to visitors.
    """

    zone_id: int
    retailer_id: int
    code: str
    time_zone: str
    shape: shapely.Geometry
    paid: tuple[Week, ...] | None
    classes: frozenset[str]
    is_free_at_first: bool = False

    def is_paid(self, at: datetime) -> bool | None:
        """Whether a visitor pays then; None where that cannot be said."""
        if self.paid is None:
            return None
        return any(week.holds(at.astimezone(ZoneInfo(self.time_zone))) for week in self.paid)

    def may_be_paid(self, at: datetime) -> bool:
        """Whether there is, or may be, something to pay."""
        return self.is_paid(at) is not False


@dataclass(frozen=True)
class Zones:
    """All zones of a city; where one is, is asked by the position on the plane."""

    zones: tuple[Zone, ...] = ()

    @property
    def by_id(self) -> dict[int, Zone]:
        return {zone.zone_id: zone for zone in self.zones}

    def at(self, metres: Floats) -> list[Zone]:
        """Those that cover (x, y)."""
        x, y = metres.tolist()
        return [zone for zone in self.zones if shapely.intersects_xy(zone.shape, x, y)]

    def near(self, metres: Floats, within_m: float = UNCLEAR_M) -> list[Zone]:
        """Those at most so far from (x, y), the covering ones among them."""
        here = shapely.Point(*metres.tolist())
        return [zone for zone in self.zones if shapely.dwithin(zone.shape, here, within_m)]

    def depth_m(self, zone: Zone, metres: Floats) -> float:
        """How deep inside a zone (x, y) is; negative outside."""
        here = shapely.Point(*metres.tolist())
        away_m = float(shapely.distance(shapely.boundary(zone.shape), here))
        return away_m if shapely.intersects(zone.shape, here) else -away_m


async def read_zones(api: Api, key: str, retailer_ids: Iterable[int], plane: Plane, at: datetime) -> Zones:
    """The open zones of these operators, with the version of their tariff that is in force `at` a moment."""
    found: list[Zone] = []
    for retailer_id in retailer_ids:
        features = [one async for one in _features(api, key, retailer_id)]
        open_ones = [one for one in features if one.properties.closed_at is None]
        wanted = {one.properties.tariff_id for one in open_ones} - {None}
        tariffs = await _tariffs(api, key, retailer_id, at) if wanted else {}
        found += [
            _zone(one, retailer_id, plane, tariffs[one.properties.tariff_id])
            for one in open_ones
            if one.properties.tariff_id in tariffs
        ]
    return Zones(tuple(found))


def _features(api: Api, key: str, retailer_id: int) -> AsyncIterator[ZoneFeature]:
    return listed(api, key, "/v1/parking/zones/all", ZoneFeature, retailer_id=retailer_id)


async def _tariffs(api: Api, key: str, retailer_id: int, at: datetime) -> dict[int | None, PublishedTariff]:
    """By id, the version in force."""
    found: dict[int | None, PublishedTariff] = {}
    async for line in listed(api, key, "/v1/parking/tariffs", TariffLine, retailer_id=retailer_id):
        version = line.version_at(at)
        if version is not None:
            path = f"/v1/parking/tariffs/{line.tariff_id}/versions/{version}?retailer_id={retailer_id}"
            route = "/v1/parking/tariffs/{id}/versions/{version}"
            answer = await api.call("GET", path, key=key, route=route)
            found[line.tariff_id] = answer.read(PublishedTariff)
    return found


def _zone(feature: ZoneFeature, retailer_id: int, plane: Plane, published: PublishedTariff) -> Zone:
    said = feature.properties
    drawn = shapely.transform(shapely.from_geojson(bytes(feature.geometry)), plane.to_metres)
    shape = drawn if said.buffer_m is None else shapely.buffer(drawn, said.buffer_m)
    shapely.prepare(shape)
    rates = published.tariff.rates
    visitors = [rate for rate in rates if not rate.user_classes]
    weeks = [read_hours(rate.hours) for rate in visitors]
    return Zone(
        zone_id=said.zone_id,
        retailer_id=retailer_id,
        code=said.code,
        time_zone=said.time_zone,
        shape=shape,
        paid=None if None in weeks else tuple(week for week in weeks if week is not None),
        classes=frozenset(name for rate in rates for name in rate.user_classes),
        is_free_at_first=any(rate.free is not None for rate in visitors),
    )
