"""What a phone is told about its fixes: the shapes of the answer to `POST /v1/fixes`."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from geo.fixes import Verdict
from offers.parking.prompts import ParkingPrompt


class FixOutcome(msgspec.Struct, omit_defaults=True):
    """What became of one fix; `reason` only when it was rejected."""

    fix_id: str
    status: Verdict
    reason: str | None = None


class CrossingSeen(msgspec.Struct):
    """An edge crossed. `confidence` is 0 to 1; `at` is on the server's clock."""

    crossing_id: UUID
    fence_id: int
    site_id: int | None
    kind: str
    at: datetime
    confidence: float


class Delivered(msgspec.Struct):
    """An offer given to this customer, in their language. `code` is what the till asks for; a `menu_id` opens
    with `GET /v1/menus/{menu_id}/card`.
    """

    delivery_id: UUID
    seq: int
    offer_id: int
    retailer_id: int
    site_id: int | None
    fence_id: int
    crossing_id: UUID
    trigger: str
    channel: str
    title: str
    text: str
    language: str
    code: str
    tags: list[str]
    decided_at: datetime
    expires_at: datetime
    menu_id: int | None = None


class FixesAnswer(msgspec.Struct):
    """The whole answer. Inside `quiet_radius_m` around the last fix nothing can happen."""

    fixes: list[FixOutcome]
    crossings: list[CrossingSeen]
    deliveries: list[Delivered]
    parking_prompts: list[ParkingPrompt]
    quiet_radius_m: float
    next_fix_after_s: int
    server_time: datetime


def utc(seconds: float) -> datetime:
    """An aware UTC datetime from Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def words(content: dict[str, dict[str, str]], language: str) -> tuple[str, dict[str, str]]:
    """The best language an offer speaks for this person: theirs, its base language, English, any."""
    for wanted in (language, language.split("-", maxsplit=1)[0], "en"):
        if wanted in content:
            return wanted, content[wanted]
    return next(iter(content.items()))
