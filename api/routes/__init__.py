"""Every route there is. A module of routes exports `router`; one line each wires it here."""

from collections.abc import Sequence
from typing import Final

from litestar.types import ControllerRouterHandler

from api.routes import (
    audit,
    caps,
    clock,
    consents,
    deliveries,
    devices,
    docs,
    fence_lint,
    fences,
    fixes,
    health,
    inbox,
    keys,
    live,
    me,
    nearby,
    offers,
    preferences,
    problems,
    reach,
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
    audit.router,
    sites.router,
    fences.router,
    fence_lint.router,
    reach.router,
    offers.router,
    caps.router,
    fixes.router,
    devices.router,
    consents.router,
    preferences.router,
    me.router,
    nearby.router,
    sync.router,
    inbox.router,
    live.router,
    deliveries.router,
    redemptions.router,
]
