"""The city as the API describes it: where one can go, which fences there are, which rules hold."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
import shapely

from simulator.client import Api
from simulator.journal import Quiet
from simulator.listing import PAGE, listed
from simulator.plane import Floats
from simulator.recount import Cap, OfferRules, Rules
from simulator.testimony import KnownOffer
from simulator.truth import FenceShape
from simulator.wire import (
    CapLine,
    Counts,
    Defaults,
    Fence,
    FenceCollection,
    Offer,
    Retailer,
    Site,
)

GEOJSON: Final = {"Accept": "application/geo+json"}


@dataclass(frozen=True)
class City:
    """Everything read once, before the run. `fences_in_flux` begin or end within it: nobody judges them."""

    retailers: dict[int, str]
    offers: dict[int, list[Offer]]
    sites: Floats
    fences: tuple[FenceShape, ...]
    retrigger_s: tuple[float, ...]
    fences_in_flux: frozenset[int]
    caps: tuple[Cap, ...]
    default_quiet: Quiet

    @property
    def marketers(self) -> list[int]:
        """The retailers that have something to offer."""
        return sorted(retailer for retailer, offers in self.offers.items() if offers)

    @property
    def offer_tags(self) -> list[str]:
        """Every tag that some offer has: what people may be interested in."""
        return sorted({tag for offers in self.offers.values() for offer in offers for tag in offer.tags})

    @property
    def known_offers(self) -> dict[int, KnownOffer]:
        """What a delivery of each offer has to say of itself."""
        return {
            offer.offer_id: KnownOffer(
                retailer_id,
                offer.channel,
                frozenset(offer.tags),
                has_stock=offer.budget.redemptions is not None,
                may_whisper=offer.quiet_hours.when_quiet == "inbox_only",
            )
            for retailer_id, offers in self.offers.items()
            for offer in offers
        }

    @property
    def fence_numbers(self) -> dict[int, int]:
        """The index of each fence by its id."""
        return {fence.fence_id: number for number, fence in enumerate(self.fences)}

    def rules(self, start: datetime, time_zone: str) -> Rules:
        """What the recount holds deliveries against."""
        offers = {offer.offer_id: _offer_rules(offer) for offers in self.offers.values() for offer in offers}
        return Rules(
            start=start,
            default_quiet=self.default_quiet,
            default_time_zone=time_zone,
            caps=self.caps,
            offers=offers,
            retrigger_s={
                fence.fence_id: wait_s
                for fence, wait_s in zip(self.fences, self.retrigger_s, strict=True)
                if wait_s > 0
            },
        )


async def read_city(api: Api, admin_key: str, start: datetime, until: datetime) -> City:
    """Reads it all with an admin key; fences are those in force for the whole run, sites (lon, lat)."""
    retailers = [one async for one in listed(api, admin_key, "/v1/retailers", Retailer)]
    sites: list[Site] = []
    fences: list[Fence] = []
    offers: dict[int, list[Offer]] = {}
    for retailer in retailers:
        owner = {"retailer_id": retailer.retailer_id}
        sites += [one async for one in listed(api, admin_key, "/v1/sites", Site, **owner)]
        fences += [one async for one in _fences(api, admin_key, retailer.retailer_id)]
        offers[retailer.retailer_id] = [
            one async for one in listed(api, admin_key, "/v1/offers", Offer, **owner)
        ]
    defaults = (await api.call("GET", "/v1/defaults", key=admin_key)).read(Defaults).quiet_hours
    in_flux = {fence.properties.fence_id for fence in fences if _changes(fence, start, until)}
    fences = [
        fence for fence in fences if _is_in_force(fence, start) and fence.properties.fence_id not in in_flux
    ]
    return City(
        retailers={retailer.retailer_id: retailer.name for retailer in retailers},
        offers=offers,
        sites=np.array([(site.lon, site.lat) for site in sites]).reshape(-1, 2),
        fences=tuple(_shape(fence) for fence in fences),
        retrigger_s=tuple(fence.properties.retrigger_s for fence in fences),
        fences_in_flux=frozenset(in_flux),
        caps=tuple([_cap(line) async for line in listed(api, admin_key, "/v1/caps", CapLine)]),
        default_quiet=Quiet(time.fromisoformat(defaults.start), time.fromisoformat(defaults.end)),
    )


async def count_suppressed(api: Api, admin_key: str, city: City) -> Counter[str]:
    """How often each reason held an offer back, over all offers, as the server counts."""
    paths = [
        f"/v1/offers/{offer.offer_id}/counts?retailer_id={retailer}"
        for retailer, offers in city.offers.items()
        for offer in offers
    ]
    route = "/v1/offers/{id}/counts"
    answers = await asyncio.gather(*(api.call("GET", path, key=admin_key, route=route) for path in paths))
    total: Counter[str] = Counter()
    for answer in answers:
        total.update(answer.read(Counts).suppressed)
    return total


async def _fences(api: Api, key: str, retailer_id: int) -> AsyncIterator[Fence]:
    cursor: str | None = None
    while True:
        asked = {"retailer_id": retailer_id, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
        answer = await api.call("GET", f"/v1/fences?{urlencode(asked)}", key=key, headers=GEOJSON)
        page = answer.read(FenceCollection)
        for fence in page.features:
            yield fence
        cursor = page.next_cursor
        if cursor is None:
            return


def _is_in_force(fence: Fence, at: datetime) -> bool:
    starts_at, disabled_at = fence.properties.starts_at, fence.properties.disabled_at
    return (starts_at is None or starts_at <= at) and (disabled_at is None or at < disabled_at)


def _changes(fence: Fence, start: datetime, until: datetime) -> bool:
    dates = (fence.properties.starts_at, fence.properties.disabled_at)
    return any(start < date <= until for date in dates if date is not None)


def _shape(fence: Fence) -> FenceShape:
    return FenceShape(
        fence.properties.fence_id, shapely.from_geojson(bytes(fence.geometry)), fence.properties.radius_m
    )


def _cap(line: CapLine) -> Cap:
    scope: Any = line.scope
    unit: Any = line.window.calendar
    return Cap(
        cap_id=line.cap_id,
        scope=scope,
        at_most=line.at_most,
        rolling_s=line.window.rolling_s,
        calendar_unit=unit,
        retailer_id=line.retailer_id,
        offer_id=line.offer_id,
        channel=line.channel,
        tag=line.tag,
    )


def _offer_rules(offer: Offer) -> OfferRules:
    per_customer = offer.limits.per_customer
    return OfferRules(
        deliveries=offer.budget.deliveries,
        redemptions=offer.budget.redemptions,
        at_most=per_customer.at_most if per_customer else None,
        at_most_days=per_customer.days if per_customer else None,
        re_eligible_after_s=offer.limits.re_eligible_after_s,
        ignores_caps=offer.limits.ignores_caps,
        counts_toward_caps=offer.limits.counts_toward_caps,
        when_quiet=offer.quiet_hours.when_quiet,
        needs_presence=offer.quiet_hours.needs_presence,
        holdout_percent=offer.holdout_percent,
    )
