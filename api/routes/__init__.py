"""Every route there is. A module of routes exports `router`; one line each wires it here."""

from collections.abc import Sequence
from typing import Final

from litestar.types import ControllerRouterHandler

from api.routes import (
    caps,
    clock,
    consents,
    deliveries,
    devices,
    docs,
    fences,
    fixes,
    health,
    inbox,
    keys,
    live,
    nearby,
    notices,
    offers,
    preferences,
    problems,
    receipts,
    redemptions,
    retailers,
    sites,
    sync,
)

ROUTERS: Final[Sequence[ControllerRouterHandler]] = [
    docs.router,
    problems.router,
    health.router,
    clock.router,
    retailers.router,
    keys.router,
    sites.router,
    fences.router,
    offers.router,
    caps.router,
    fixes.router,
    devices.router,
    notices.router,
    consents.router,
    receipts.router,
    preferences.router,
    nearby.router,
    sync.router,
    inbox.router,
    live.router,
    deliveries.router,
    redemptions.router,
]
