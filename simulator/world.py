"""What all phones of a run share, and what the phones of one person share."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from simulator.client import Api
from simulator.journal import Journal
from simulator.score import Claim


@dataclass
class World:
    """The server, the tills, the journal, and what was counted on the way.

    `tills` holds a till key per retailer, `fence_numbers` the index of each fence by its id.
    """

    api: Api
    journal: Journal
    start: datetime
    tills: Mapping[int, str]
    fence_numbers: Mapping[int, int]
    fixes_sent: int = 0
    fix_statuses: Counter[str] = field(default_factory=Counter)
    claims: list[Claim] = field(default_factory=list)
    crossing_kinds: dict[str, str] = field(default_factory=dict)
    refused_redemptions: Counter[str] = field(default_factory=Counter)
    repeats_answered_differently: int = 0

    def seconds(self, at: datetime) -> float:
        """A moment as seconds since the start."""
        return (at - self.start).total_seconds()


@dataclass
class Customer:
    """One person to the server. `withdrawals` counts how often location was taken back."""

    customer_id: str
    notice_version: int = 1
    withdrawals: int = 0
