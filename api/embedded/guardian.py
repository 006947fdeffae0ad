"""The process that keeps PostgreSQL running while somebody uses it, and stops it afterwards.

One guardian for one data folder. It restarts a postmaster that died (kill -9, out of memory) and
ends the cluster when the last user's shared lock is gone: an app that crashed is a user that left.
Started by `cluster` as `python -m api.embedded FOLDER`, told the rest on stdin; never by hand.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

from api.embedded import postmaster
from api.embedded.binaries import Binaries
from api.embedded.locks import FileLock
from api.embedded.places import Account, Places

_LOOK_EVERY_S: Final = 0.1
_RETRY_AFTER_S: Final = 0.5
_STARTS_BEFORE_GIVING_UP: Final = 5
# A backend of a killed postmaster notices at its next wait, and leaves the shared memory then.
_STARTS_WHILE_OLD_BACKENDS_LIVE: Final = 200


class Guardian:
    """Holds the `guard` lock for as long as it lives."""

    def __init__(self, binaries: Binaries, places: Places, settings: dict[str, str]) -> None:
        self._binaries = binaries
        self._places = places
        self._settings = settings
        self._change = FileLock(places.root / "change.lock")
        self._users = FileLock(places.root / "users.lock")
        self._guard = FileLock(places.root / "guard.lock")
        self._pid: int | None = None
        self._failures = 0
        self._is_told_to_stop = False

    def leave_parent(self) -> None:
        """Take the guard lock, then go on as a process of nobody's; whoever started us sees an exit.

        The lock belongs to the open file, which the fork carries over.
        """
        self._guard.wait(within_s=10, what="another guardian's end")
        if os.fork() > 0:
            os._exit(0)

    def run(self) -> int:
        """Watch until nobody uses the cluster; the exit code is 1 when it could not be started."""
        signal.signal(signal.SIGTERM, self._note_signal)
        signal.signal(signal.SIGINT, self._note_signal)
        self._pid = postmaster.running_pid(self._places)
        while self._failures < self._patience():
            if self._is_told_to_stop or self._is_deserted():
                self._stop()
                return 0
            if self._pid is None or not postmaster.is_alive(self._pid):
                self._start()
            time.sleep(_LOOK_EVERY_S)
        return 1

    def _note_signal(self, _number: int, _frame: object) -> None:
        self._is_told_to_stop = True

    def _is_deserted(self) -> bool:
        """True keeps the change lock, so that nobody can arrive between the look and the stop."""
        if not self._change.try_exclusive():
            return False
        if self._users.try_exclusive():
            return True
        self._change.release()
        return False

    def _start(self) -> None:
        child = postmaster.launch(self._binaries, self._places, self._settings)
        self._pid = child.pid
        while child.poll() is None:
            if postmaster.is_ready(self._places):
                self._failures = 0
                return
            if self._is_told_to_stop:
                return
            time.sleep(0.02)
        self._pid = None
        self._failures += 1
        time.sleep(_RETRY_AFTER_S)

    def _patience(self) -> int:
        is_held = self._failures > 0 and "still in use" in postmaster.tail_of(self._places.log)
        return _STARTS_WHILE_OLD_BACKENDS_LIVE if is_held else _STARTS_BEFORE_GIVING_UP

    def _stop(self) -> None:
        if self._pid is not None:
            postmaster.stop(self._pid)


def main(folder: str, message: str) -> int:
    """`message` is what `instructions` wrote; `folder` is on the command line for people to see."""
    told: dict[str, Any] = json.loads(message)
    places = Places(Path(folder), Account(*told["account"]))
    binaries = Binaries(Path(told["binaries"]), told["major"])
    guardian = Guardian(binaries, places, told["settings"])
    guardian.leave_parent()
    return guardian.run()


def instructions(binaries: Binaries, places: Places, settings: dict[str, str]) -> str:
    """What a new guardian has to know beyond its folder."""
    account = places.account
    return json.dumps(
        {
            "account": [account.name, account.uid, account.gid],
            "binaries": str(binaries.folder),
            "major": binaries.major,
            "settings": settings,
        }
    )
