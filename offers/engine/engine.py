"""The engine of one worker: its snapshot of the configuration, its queue, its leases, its sweeper."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from geo.errors import Unavailable
from offers.engine import snapshot as configuration
from offers.engine.batcher import Batcher
from offers.engine.flush import Flusher
from offers.engine.leases import Leases
from offers.engine.snapshot import Snapshot
from offers.engine.sweeper import Sweeper
from offers.engine.work import Outcome, Work
from offers.observer import Observer

LOOK_FOR_EDITS_EVERY_S: Final = 0.5
EDITED: Final = "alentour_config"  # the channel on which edits are announced

_log: Final = structlog.get_logger("alentour.engine")


class Engine:
    """Wires the parts; the edge submits work to `batcher` and reads `snapshot`."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        observer: Observer,
        *,
        workers: int,
        default_time_zone: str,
        queue_fixes: int,
        queue_bytes: int,
        flush_fixes: int,
        one_bucket: bool = False,
    ) -> None:
        self._pool = pool
        self._observer = observer
        self._default_time_zone = default_time_zone
        self._snapshot: Snapshot | None = None
        self._checked_at = time.monotonic()
        self._refreshing = asyncio.Lock()
        self._refresher: asyncio.Task[None] | None = None
        self.leases = Leases(pool, workers)
        self._flusher = Flusher(pool, self.leases, observer)
        self.batcher = Batcher(
            self._flush,
            observer,
            most_fixes=queue_fixes,
            most_bytes=queue_bytes,
            flush_fixes=flush_fixes,
            one_bucket=one_bucket,
        )
        self.sweeper = Sweeper(pool, self.batcher, self.leases)

    @property
    def snapshot(self) -> Snapshot:
        if self._snapshot is None:
            raise Unavailable("The configuration is not loaded yet.", code="starting")
        return self._snapshot

    async def start(self) -> None:
        await self.refresh()
        self.batcher.start()
        self.sweeper.start()
        self._refresher = asyncio.create_task(self._watch_for_edits(), name="refresher")

    async def stop(self) -> None:
        await self.sweeper.stop()
        await self.batcher.stop()
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)

    async def settle(self) -> None:
        """Return once everything that is due now has been done, on the newest configuration."""
        await self.refresh()
        await self.sweeper.lapses.sweep()
        await self.sweeper.fire_due()

    async def refresh(self) -> None:
        """Load the configuration again if it was edited."""
        async with self._pool.acquire() as connection:
            await self._refresh_on(connection)

    async def _refresh_on(self, connection: asyncpg.Connection) -> None:
        async with self._refreshing:
            before = self._snapshot
            version, _ = await configuration.newest_version(connection)
            self._checked_at = time.monotonic()
            if before is None or version != before.version:
                self._snapshot = await configuration.load(
                    connection, default_time_zone=self._default_time_zone, before=before
                )
            assert self._snapshot is not None
            self._observer.refreshed(self._snapshot.version, 0.0)

    async def _flush(self, work: Sequence[Work], *, wait: bool) -> list[Outcome]:
        return await self._flusher.flush(work, self.snapshot, wait=wait)

    async def _watch_for_edits(self) -> None:
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._look_again_and_again(connection)
            except Exception as error:  # noqa: BLE001 - the database may be restarting; age tells
                _log.warning("refresh_failed", error=type(error).__name__)
                self._observer.refreshed(self.snapshot.version, time.monotonic() - self._checked_at)
            await asyncio.sleep(LOOK_FOR_EDITS_EVERY_S)

    async def _look_again_and_again(self, connection: asyncpg.Connection) -> None:
        """Twice a second, and at once when an edit says so; what is said may be lost."""
        was_edited = asyncio.Event()

        def hear(*_: object) -> None:
            was_edited.set()

        await connection.add_listener(EDITED, hear)
        try:
            while True:
                # Not wait_for: it swallows a cancellation that arrives together with an edit.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_FOR_EDITS_EVERY_S):
                        await was_edited.wait()
                was_edited.clear()
                await self._refresh_on(connection)
        finally:
            # What a dead connection says now must not take the place of a cancellation.
            with contextlib.suppress(Exception):
                await connection.remove_listener(EDITED, hear)
