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
    diagnosis,
    docs,
    fences,
    fixes,
    health,
    inbox,
    keys,
    live,
    measuring,
    nearby,
    offers,
    preferences,
    problems,
    redemptions,
    reports,
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
    diagnosis.router,
    measuring.router,
    reports.router,
    caps.router,
    fixes.router,
    devices.router,
    consents.router,
    preferences.router,
    nearby.router,
    sync.router,
    inbox.router,
    live.router,
    deliveries.router,
    redemptions.router,
]
