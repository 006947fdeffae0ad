"""Every route there is. A module of routes exports `router`; one line each wires it here."""

from collections.abc import Sequence
from typing import Final

from litestar.types import ControllerRouterHandler

from api.routes import clock, docs, fixes, health, keys, retailers

ROUTERS: Final[Sequence[ControllerRouterHandler]] = [
    docs.router,
    health.router,
    clock.router,
    retailers.router,
    keys.router,
    fixes.router,
]
