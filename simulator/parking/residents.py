"""Residents: drivers with a permit for one zone, entered by its operator before the run."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from simulator.client import Api
from simulator.parking.drivers import Driver
from simulator.parking.zones import Zones

RESIDENT: Final = "resident"
HOLDS_FOR: Final = timedelta(days=365)


async def register_residents(
    api: Api, admin_key: str, drivers: Collection[Driver], zones: Zones, start: datetime
) -> None:
    """Each gets a home among the zones with a price for residents, in turn; nobody where there are none."""
    homes = [zone for zone in zones.zones if RESIDENT in zone.classes]
    residents = [driver for driver in drivers if driver.is_resident]
    if not homes or not residents:
        return
    for retailer_id in sorted({zone.retailer_id for zone in homes}):
        permits = [
            {
                "plate": driver.plate,
                "country": driver.country,
                "user_class": RESIDENT,
                "valid_from": start - timedelta(days=1),
                "valid_until": start + HOLDS_FOR,
                "zones": [home.code],
            }
            for number, driver in enumerate(residents)
            for home in [homes[number % len(homes)]]
            if home.retailer_id == retailer_id
        ]
        if permits:
            path = f"/v1/parking/permits/import?retailer_id={retailer_id}"
            (await api.call("POST", path, key=admin_key, body={"permits": permits})).read(dict)
