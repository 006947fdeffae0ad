"""What all phones of a run share, and what the phones of one person share."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from simulator.client import Api
from simulator.journal import Journal
from simulator.score import Claim
from simulator.testimony import KnownOffer


@dataclass
class World:
    """The server, the tills, the journal, and what was counted on the way.

    `tills` holds a till key per retailer, `offers` what was read of each offer before the run,
    `fence_numbers` the index of each fence by its id. `contradictions` counts what the server said
    that cannot be.
    """

    api: Api
    journal: Journal
    start: datetime
    tills: Mapping[int, str]
    offers: Mapping[int, KnownOffer]
    fence_numbers: dict[int, int]
    fences_not_judged: Collection[int] = ()
    fixes_sent: int = 0
    fix_statuses: Counter[str] = field(default_factory=Counter)
    claims: list[Claim] = field(default_factory=list)
    crossing_kinds: dict[str, str] = field(default_factory=dict)
    refused_redemptions: Counter[str] = field(default_factory=Counter)
    repeats_answered_differently: int = 0
    contradictions: Counter[str] = field(default_factory=Counter)
    declined_payments: int = 0
    menu_reads: int = 0

    def seconds(self, at: datetime) -> float:
        """A moment as seconds since the start."""
        return (at - self.start).total_seconds()

    def fence_number(self, fence_id: int) -> int:
        """A fence that was not there before the run gets a number at which nobody ever truly is."""
        return self.fence_numbers.setdefault(fence_id, len(self.fence_numbers))


@dataclass
class Customer:
    """One person to the server."""

    customer_id: str
    notice_versions: dict[str, int] = field(default_factory=dict)
    is_erased: bool = False
    may_be_too_young: bool = False
