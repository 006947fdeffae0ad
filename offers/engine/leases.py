"""Budgets by lease: units of delivery that this worker may spend without touching the offer's row.

A short transaction of its own (`take_lease`) moves units from the offer's row, of its total, its day
and its week together, to a lease of 60 seconds. Every delivery carries its lease; use stops ten seconds
before expiry, and what no delivery carries goes back afterwards. So no limit can ever be passed, whoever
crashes when.

Leases run on machine time: they bound a process, not a promise to a customer. The worker counts on its
monotonic clock, the database on its own; where those disagree (a machine that slept), the database
refuses a delivery whose lease has ended (`write_flush`). Days and weeks are the domain's: a lease of a
day's units is good for decisions of that day only.
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog

LEASE_S: Final = 60.0
UNUSED_BEFORE_EXPIRY_S: Final = 10.0
RETURNED_AFTER_EXPIRY_S: Final = 30.0
ASK_AGAIN_AFTER_S: Final = 2.0
LONGEST_WAIT_S: Final = 1.0
AT_ONCE: Final = 200

BudgetState = Literal["free", "spent", "reserved"]

_TAKE: Final = "SELECT granted, good_until FROM take_lease($1, $2, $3, $4, $5)"

_IS_SPENT: Final = "SELECT NOT EXISTS (SELECT FROM budget_leases WHERE offer_id = $1)"

_EXPIRED: Final = """
SELECT lease_id, offer_id, granted FROM budget_leases
WHERE expires_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY lease_id LIMIT $2 FOR UPDATE SKIP LOCKED
"""

_RETURN: Final = """
WITH ended AS (
    DELETE FROM budget_leases WHERE lease_id = $1 RETURNING offer_id, granted, day_start, week_start
)
SELECT return_units(
    e.offer_id, e.granted - (SELECT count(*) FROM deliveries d WHERE d.lease_id = $1)::integer,
    e.day_start, e.week_start)
FROM ended e
"""


_log: Final = structlog.get_logger("alentour.leases")


class Lease(msgspec.Struct):
    """Units in hand for one offer, until a moment on this process's monotonic clock.

    And for decisions before `good_until` on the domain's clock, if there is a daily or weekly limit.
    """

    lease_id: UUID
    units: int
    usable_until: float
    good_until: datetime | None = None


class Leases:
    """The leases of one worker."""

    def __init__(
        self, pool: asyncpg.Pool, workers: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.worker_id = uuid4()
        self._pool = pool
        self._workers = workers
        self._monotonic = monotonic
        self._held: dict[int, Lease] = {}
        self._refused: dict[int, tuple[BudgetState, float]] = {}

    def state(self, offer_id: int, now: datetime) -> BudgetState:
        """Whether a unit can be taken `now`; `reserved` when other workers hold the last ones."""
        if self._usable(offer_id, now) is not None:
            return "free"
        state, _ = self._refused.get(offer_id, ("reserved", 0.0))
        return state

    def take(self, offer_id: int, now: datetime) -> UUID | None:
        """One unit of the offer's budget: the lease to write on the delivery, or None."""
        lease = self._usable(offer_id, now)
        if lease is None:
            return None
        lease.units -= 1
        return lease.lease_id

    def give_back(self, offer_id: int, lease_id: UUID) -> None:
        """A unit whose delivery was certainly rolled back."""
        lease = self._held.get(offer_id)
        if lease is not None and lease.lease_id == lease_id:
            lease.units += 1

    def abandon(self, offer_id: int) -> None:
        """Hold nothing of this offer any more: its units go back when the lease has ended."""
        self._held.pop(offer_id, None)

    async def refill(self, offer_ids: Iterable[int], now: datetime) -> None:
        """Lease units for the offers that have none in hand, each in a transaction of its own."""
        for offer_id in sorted(set(offer_ids)):
            refused_until = self._refused.get(offer_id, ("free", 0.0))[1]
            if self._usable(offer_id, now) is None and self._monotonic() >= refused_until:
                await self._lease(offer_id)

    async def return_expired(self) -> int:
        """Give back what ended leases of any worker did not use; how many leases ended."""
        returned = 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                ended = await connection.fetch(_EXPIRED, RETURNED_AFTER_EXPIRY_S, AT_ONCE)
                for row in sorted(ended, key=lambda row: row["offer_id"]):
                    await connection.execute(_RETURN, row["lease_id"])
            returned += len(ended)
            if len(ended) < AT_ONCE:
                return returned

    def _usable(self, offer_id: int, now: datetime) -> Lease | None:
        lease = self._held.get(offer_id)
        if lease is None or lease.units < 1 or self._monotonic() >= lease.usable_until:
            return None
        return lease if lease.good_until is None or now < lease.good_until else None

    async def _lease(self, offer_id: int) -> None:
        lease_id = uuid4()
        usable_until = self._monotonic() + LEASE_S - UNUSED_BEFORE_EXPIRY_S
        state: BudgetState = "reserved"
        try:
            # Whoever asks holds a connection and locks already: it must not wait long for more.
            async with self._pool.acquire(timeout=LONGEST_WAIT_S) as connection:
                taken = await connection.fetchrow(
                    _TAKE, offer_id, self._workers, lease_id, self.worker_id, LEASE_S, timeout=LONGEST_WAIT_S
                )
                if taken is not None:
                    self._refused.pop(offer_id, None)
                    self._held[offer_id] = Lease(
                        lease_id, taken["granted"], usable_until, taken["good_until"]
                    )
                    return
                if await connection.fetchval(_IS_SPENT, offer_id):
                    state = "spent"
        except (TimeoutError, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
            _log.warning("lease_not_taken", error=type(error).__name__)
        self._refused[offer_id] = (state, self._monotonic() + ASK_AGAIN_AFTER_S)
