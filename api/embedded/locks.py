"""Advisory file locks that the kernel lets go of when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from geo.errors import Unavailable


class FileLock:
    """One open file that can be locked, shared or exclusive; one object is one holder."""

    def __init__(self, path: Path) -> None:
        # Opened without following links: the folder may be a shared one.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def try_exclusive(self) -> bool:
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def wait(self, *, shared: bool = False, within_s: float, what: str) -> None:
        """Poll, so that a stuck holder becomes an error that says what was waited for."""
        deadline = time.monotonic() + within_s
        while not self._try(fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise Unavailable(f"{what} took longer than {within_s:.0f} s")
            time.sleep(0.02)

    def release(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        # Unlocked first: a forked child may still hold the same open file.
        self.release()
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, mode: int) -> bool:
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
