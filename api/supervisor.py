"""Keeping workers alive: Granian's main process with our rules for replacing failed ones.

Also the first things a worker does, which tie its life to the main process.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from typing import Any, Final

from granian.server.mp import MPServer

from geo.errors import Unavailable

# A worker that fails is replaced; so many failures in so short a time are no accident.
_FAILURES: Final = 20
_FAILURES_WITHIN_S: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1


def create_worker_app() -> object:
    """What Granian loads in each worker: an ASGI application."""
    _die_with_parent()
    _collect_seldom()
    _leave_interrupts_to_parent()
    from api.app import create_app  # noqa: PLC0415  # after the environment says where metrics go

    return create_app()


class Supervisor(MPServer):
    """Granian's main process, with three differences in how failed workers are replaced.

    A worker that is killed twice in a few seconds does not end the server; one that fails while
    others are being replaced is not overlooked; and a dead worker's gauges stop being counted.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._failed_at: deque[float] = deque(maxlen=_FAILURES)
        self.has_given_up = False

    def run(self) -> None:
        """Serve until a signal ends it; raises Unavailable when workers keep failing."""
        self.serve()
        if self.has_given_up:
            raise Unavailable(f"workers failed {_FAILURES} times in {_FAILURES_WITHIN_S:.0f} s; see the log")

    def _respawn_workers(
        self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        failed = sorted(set(workers))
        for index in failed:
            self._note_failure(self.wrks[index].inner.pid)
        if self.has_given_up:
            self.interrupt_signal = True
            self.main_loop_interrupt.set()
            return
        super()._respawn_workers(failed, spawn_target, target_loader, delay)
        # Granian ends the server when a worker of this table fails again within 5.5 s.
        self.respawned_wrks.clear()
        for index, worker in enumerate(self.wrks):
            if not worker.inner.is_alive() and index not in self.interrupt_children:
                self.interrupt_children.append(index)
                self.main_loop_interrupt.set()

    def _note_failure(self, pid: int) -> None:
        _forget_gauges(pid)
        now = time.monotonic()
        self._failed_at.append(now)
        is_full = len(self._failed_at) == _FAILURES
        self.has_given_up = is_full and now - self._failed_at[0] < _FAILURES_WITHIN_S


def _forget_gauges(pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415  # it reads the folder

    mark_process_dead(pid, os.environ["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]  # bare


def _collect_seldom() -> None:
    """A request makes hundreds of objects and hardly a cycle; by default every few of them are searched."""
    gc.set_threshold(20000, 20, 50)


def _die_with_parent() -> None:
    """A worker whose main process was killed must not go on serving a port that nobody watches."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal, and the main one then tells its workers to end.

    Of two signals in a row Granian's worker can lock itself up. Blocked, because it sets handlers later.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
