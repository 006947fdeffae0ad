"""A server with its own embedded database, and the ways in which it may lose a part of itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from api.embedded import Cluster
from tests.concurrency.waiting import until
from tests.serving import Server, StartServer

DATABASE = "alentour"
Found = TypeVar("Found")


class Machine:
    """`alentour serve` with two workers and a data folder of its own, as anybody starts it."""

    def __init__(self, start_server: StartServer, data_dir: Path) -> None:
        self._start_server = start_server
        self._data_dir = data_dir
        self._cluster = Cluster(data_dir)  # only to look: it is never started from here
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        assert self._server is not None, "the machine was not started"
        return self._server

    @property
    def database_url(self) -> str:
        return self._cluster.url(DATABASE)

    async def starts(self) -> None:
        """Start it, on the same port as before; ready when this returns."""
        self._server = await asyncio.to_thread(
            self._start_server,
            None,
            workers=2,
            clock="simulated",
            port=None if self._server is None else self._server.port,
            environ={
                "ALENTOUR_DATA_DIR": str(self._data_dir),
                # Whoever is killed cannot take its temporary folder away.
                "ALENTOUR_METRICS_DIR": str(self._data_dir.with_name("crash-metrics")),
            },
        )

    async def loses(self, what: str) -> None:
        """kill -9 of a part; what does not come back by itself is started again."""
        if what == "worker":
            os.kill((await _one(self.server.worker_pids))[0], signal.SIGKILL)
        if what in {"postgres", "everything"}:
            os.kill(await _one(lambda: self._cluster.postmaster_pid), signal.SIGKILL)
        if what in {"server", "everything"}:
            self.server.kill()
            await self.starts()


async def _one(look: Callable[[], Found | None]) -> Found:
    """What is there to be killed, as soon as it is: it may just be coming back from the last time."""
    await until(lambda: bool(look()))
    found = look()
    assert found
    return found
