"""One flush: the transaction in which many phones' fixes become states, crossings and deliveries.

Lock and load, follow, decide, write, commit; only then does anybody hear of it. A flush that fails
is rolled back and rerun by halves, so that one bad row fails its own customer only.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from geo.errors import AlentourError, Unauthenticated, Unavailable
from geo.tracking import NO_ANSWER
from offers.engine.answers import Delivered, FixesAnswer
from offers.engine.deciding import Decided, Decider, Occasion, by_fix
from offers.engine.following import Followed, Follower
from offers.engine.holding import LetGoing, load_due
from offers.engine.leases import Leases
from offers.engine.loading import Loaded, load, load_customers
from offers.engine.snapshot import Snapshot, stopped_offers
from offers.engine.work import Due, LetGo, Outcome, Sent, Skipped, Work
from offers.engine.writing import write
from offers.observer import Observer
from offers.parking.asking import ask_drivers
from offers.people.devices import not_let_in_yet
from offers.people.lapses import lapse, read_now_and_last_lapse
from offers.terms import Reason

_RERUN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_BUSY: Final = (asyncpg.LockNotAvailableError,)
_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says when a connection dies between two messages
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,  # no connection, memory or disk left: no half of a flush fares better
    asyncpg.InvalidTransactionStateError,
    OSError,
    TimeoutError,
)
_RERUNS: Final = 3
_SHORT_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '500ms'"

_log: Final = structlog.get_logger("alentour.flush")
_encode: Final = msgspec.json.Encoder().encode


class Flusher:
    """Runs flushes on connections of `pool`. Holds no state of its own between two of them."""

    def __init__(self, pool: asyncpg.Pool, leases: Leases, observer: Observer) -> None:
        self._pool = pool
        self._leases = leases
        self._observer = observer

    async def flush(self, work: Sequence[Work], snapshot: Snapshot, *, wait: bool = False) -> list[Outcome]:
        """The outcome of each piece of work, in order, all of it committed or certainly not."""
        for _ in range(_RERUNS):
            try:
                return await self._attempt(work, snapshot, wait=wait)
            except _RERUN:
                await asyncio.sleep(0.005)
            except asyncpg.QueryCanceledError:
                break  # too slow as a whole, and certainly rolled back: rerun by halves
            except _BUSY:
                return [Skipped()] * len(work)
            except _LOST as error:
                _log.warning("flush_lost", error=type(error).__name__)
                return [_unavailable() for _ in work]
            except Exception:  # noqa: BLE001 - one bad row fails its own customer only
                if len(work) == 1:
                    _log.exception("flush_failed")
                    return [AlentourError("This could not be dealt with.", code="internal_error")]
                break
        return await self._halves(work, snapshot, wait=wait)

    async def _halves(self, work: Sequence[Work], snapshot: Snapshot, *, wait: bool) -> list[Outcome]:
        if len(work) == 1:
            return [_unavailable()]
        middle = len(work) // 2
        first = await self.flush(work[:middle], snapshot, wait=wait)
        return first + await self.flush(work[middle:], snapshot, wait=wait)

    async def _attempt(self, work: Sequence[Work], snapshot: Snapshot, *, wait: bool) -> list[Outcome]:
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            decided = Decided()
            try:
                if wait:
                    await connection.execute(_SHORT_LOCK_TIMEOUT)
                loaded = await _load(connection, work, wait=wait)
                await self._reload_stops(connection, loaded, snapshot)
                followed = _follow(work, loaded, snapshot)
                let_go = await _let_go(connection, work, loaded, followed, snapshot)
                if followed.occasions or let_go.is_anything:
                    await self._decide(connection, followed, let_go, loaded, snapshot, decided)
                if followed.cars:
                    await ask_drivers(connection, followed.cars, loaded.now)
                outcomes = _outcomes(work, loaded, followed, decided)
                await _write(connection, loaded, followed, decided)
            except BaseException as error:
                self._give_back(decided, error)
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            # From here on the units are spent: a COMMIT whose answer is lost may have happened.
            await transaction.commit()
        self._tell(followed, decided)
        return outcomes

    async def _reload_stops(self, connection: asyncpg.Connection, loaded: Loaded, snapshot: Snapshot) -> None:
        if loaded.stop_version > snapshot.stop_version:
            stopped = await stopped_offers(connection)
            if loaded.stop_version > snapshot.stop_version:  # no other flush has read a newer one meanwhile
                snapshot.stopped, snapshot.stop_version = stopped, loaded.stop_version

    async def _decide(
        self,
        connection: asyncpg.Connection,
        followed: Followed,
        let_go: LetGoing,
        loaded: Loaded,
        snapshot: Snapshot,
        decided: Decided,
    ) -> None:
        together = [*by_fix(followed.occasions), *let_go.occasions.values()]
        customers = await load_customers(connection, _wanted(together), loaded.now)
        decider = Decider(snapshot, self._leases, customers, loaded.now, decided)
        for held, reason in let_go.gone:
            decider.gone(held, reason)
        # Fix by fix: units that one used up are leased before the next is told there are none.
        for occasions in together:
            await self._leases.refill(
                (offer.offer_id for one in occasions for offer in one.offers if offer.is_limited),
                loaded.now,
            )
            decider.decide(occasions)

    def _give_back(self, decided: Decided, error: BaseException) -> None:
        """Of certainly rolled back deliveries; but a lease may be what the database refused."""
        for delivery in decided.deliveries:
            if delivery.lease_id is None:
                continue
            if isinstance(error, asyncpg.SerializationError):
                self._leases.abandon(delivery.offer.offer_id)
            else:
                self._leases.give_back(delivery.offer.offer_id, delivery.lease_id)

    def _tell(self, followed: Followed, decided: Decided) -> None:
        reasons: Counter[Reason] = Counter()
        for outcome, n in decided.outcomes.items():
            reasons[outcome.reason] += n
        for reason, n in reasons.items():
            self._observer.decided(reason, n)
        for verdict, n in followed.verdicts.items():
            self._observer.fixed(verdict, n)


async def _load(connection: asyncpg.Connection, work: Sequence[Work], *, wait: bool) -> Loaded:
    """`load`, and again for as long as consents of those it locked had lapsed unnoticed (almost never)."""
    while (loaded := await load(connection, work, wait=wait)).overdue:
        await lapse(connection, loaded.overdue, *await read_now_and_last_lapse(connection))
    return loaded


def _follow(work: Sequence[Work], loaded: Loaded, snapshot: Snapshot) -> Followed:
    follower = Follower(
        snapshot,
        loaded.now.timestamp(),
        is_ticking=loaded.is_ticking,
        is_behind=loaded.version > snapshot.version,
    )
    batches = []
    for position, visitor in loaded.visitors.items():
        item = work[position]
        if isinstance(item, Sent):
            batches.append((position, item, visitor))
        elif isinstance(item, Due):
            follower.fire_timer(position, item, visitor)
    follower.follow_phones(batches)
    return follower.followed


async def _let_go(
    connection: asyncpg.Connection,
    work: Sequence[Work],
    loaded: Loaded,
    followed: Followed,
    snapshot: Snapshot,
) -> LetGoing:
    """What was held for the customers of this work and is due; nothing is read where nobody is."""
    positions = {position: item for position in loaded.visitors if isinstance(item := work[position], LetGo)}
    if not positions:
        return LetGoing()
    customers = {(item.bucket, item.customer_id) for item in positions.values()}
    is_behind = loaded.version > snapshot.version
    found = await load_due(connection, customers, snapshot, loaded.now, is_behind=is_behind)
    followed.deferred |= {p for p, item in positions.items() if item.customer_id in found.unheard_of}
    return found


def _wanted(together: Iterable[Sequence[Occasion]]) -> dict[tuple[int, UUID], bool]:
    """Whose customers to load, and whether an offer asks what it may only know with consent."""
    wanted: dict[tuple[int, UUID], bool] = {}
    for occasions in together:
        for one in occasions:
            key = one.bucket, one.customer_id
            wanted[key] = wanted.get(key, False) or any(offer.audience.is_personal for offer in one.offers)
    return wanted


async def _write(
    connection: asyncpg.Connection, loaded: Loaded, followed: Followed, decided: Decided
) -> None:
    if not loaded.visitors:
        return
    await write(
        connection,
        now=loaded.now,
        visitors={visitor.device_id: visitor for visitor in loaded.visitors.values()}.values(),
        seen=followed.seen,
        timers=followed.timers,
        decided=decided,
    )


def _outcomes(work: Sequence[Work], loaded: Loaded, followed: Followed, decided: Decided) -> list[Outcome]:
    """The answers, with each delivery in that of the phone whose fix earned it; kept with the state."""
    told = {delivery.told.crossing_id: delivery.told for delivery in decided.deliveries}
    outcomes: list[Outcome] = []
    for position, item in enumerate(work):
        answer = followed.answers.get(position)
        if position in loaded.skipped:
            outcomes.append(Skipped(loaded.skipped[position]))
        elif not isinstance(item, Sent):
            outcomes.append(_behind() if position in followed.deferred else None)
        elif isinstance(answer, FixesAnswer):
            outcomes.append(_finish(answer, told, loaded, position))
        elif position in loaded.pending:
            outcomes.append(not_let_in_yet())
        else:
            outcomes.append(answer or Unauthenticated("This token is unknown or was revoked."))
    return outcomes


def _finish(answer: FixesAnswer, told: dict[UUID, Delivered], loaded: Loaded, position: int) -> bytes:
    if told and answer.crossings:
        answer.deliveries.extend(told[c.crossing_id] for c in answer.crossings if c.crossing_id in told)
    encoded = _encode(answer)
    visitor = loaded.visitors[position]
    if visitor.was_touched:
        is_plain = not (answer.crossings or answer.parking_prompts)
        is_plain &= all(fix.status == "accepted" for fix in answer.fixes)
        visitor.state.answer = NO_ANSWER if is_plain else msgspec.Raw(encoded)
    return encoded


def _behind() -> AlentourError:
    return Unavailable("This worker has not heard of the fence yet.", code="configuration_behind")


def _unavailable() -> AlentourError:
    return Unavailable("It is not known whether this was recorded; send it again.", code="outcome_unknown")
