"""A fix as the crossing rules see it, and what a device's own memory of its fixes holds.

Times here are Unix seconds (float, UTC), already shifted from the phone's clock to the server's.
"""

from typing import Literal

import msgspec


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One location report. `accuracy_m` is a 68 % radius; `at` is on the server's clock."""

    fix_id: str
    at: float
    lat: float
    lon: float
    accuracy_m: float
    speed_mps: float | None = None
    heading_deg: float | None = None
    mocked: bool = False


Verdict = Literal["accepted", "duplicate", "late", "rejected"]
CrossingKind = Literal["enter", "dwell", "exit"]
