"""The request and the answer of `POST /v1/fixes`, written once more: a baseline shares no code with us."""

from datetime import datetime
from typing import Annotated

import msgspec


class Fix(msgspec.Struct):
    """One location report."""

    fix_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, msgspec.Meta(gt=0)]
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    speed_mps: float | None = None
    heading_deg: float | None = None
    mocked: bool = False


class Fixes(msgspec.Struct):
    """The request."""

    sent_at: Annotated[datetime, msgspec.Meta(tz=True)]
    fixes: Annotated[list[Fix], msgspec.Meta(min_length=1, max_length=100)]


class FixOutcome(msgspec.Struct):
    """What became of one fix."""

    fix_id: str
    status: str


class Answer(msgspec.Struct):
    """The answer."""

    fixes: list[FixOutcome]
    crossings: list[dict[str, object]]
    deliveries: list[dict[str, object]]
    quiet_radius_m: float
    next_fix_after_s: int
    server_time: datetime


def answer_to(fixes: Fixes, crossings: list[dict[str, object]]) -> Answer:
    """Every fix accepted, nothing delivered."""
    return Answer(
        [FixOutcome(fix.fix_id, "accepted") for fix in fixes.fixes], crossings, [], 0.0, 15, fixes.sent_at
    )
