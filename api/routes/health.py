"""Is this process alive, may it have traffic, and how is it doing."""

from typing import Literal

import msgspec
from litestar import Router, get


class Live(msgspec.Struct, kw_only=True):
    status: Literal["live"] = "live"


@get("/live", summary="Is the process alive?")
async def live() -> Live:
    """Answers as long as the process runs; says nothing about the database."""
    return Live()


router = Router("/health", route_handlers=[live], tags=["Operations"])
