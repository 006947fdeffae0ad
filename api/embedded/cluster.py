"""Using the embedded cluster: come, wait until it is ready, make databases, leave.

Every user holds a shared lock on `users.lock`; arrivals and the end of the cluster exclude each
other by `change.lock`; `guard.lock` says that a guardian lives. The kernel drops a dead process's
locks, so nothing here can be left behind by a crash.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from api.embedded import guardian, postmaster
from api.embedded.binaries import Binaries, find_binaries
from api.embedded.locks import FileLock
from api.embedded.places import PORT, account_for_postgres, default_data_dir, places_for
from geo.errors import Fault, InvalidInput, Unavailable

_START_WITHIN_S: Final = 120.0
_STOP_WITHIN_S: Final = 90.0


class Cluster:
    """One user of the cluster in `data_dir`. Several, in any processes, share one PostgreSQL.

    `settings` override server settings when this user is the one who starts it; `fsync: off` is
    for tests. Errors are Unavailable with one line that says what to do.
    """

    def __init__(self, data_dir: Path | None = None, *, settings: Mapping[str, str] | None = None) -> None:
        self._asked_for = default_data_dir() if data_dir is None else Path(data_dir)
        self._places = places_for(self._asked_for, account_for_postgres())
        self._overrides = dict(settings or {})
        self._binaries: Binaries | None = None
        self._users: FileLock | None = None

    @property
    def data_dir(self) -> Path:
        """Where the data is; for root this may be another folder than the one asked for."""
        return self._places.root

    @property
    def was_moved(self) -> bool:
        """Whether the folder asked for could not be reached by the account that runs PostgreSQL."""
        return self._places.root != self._asked_for.resolve()

    @property
    def postmaster_pid(self) -> int | None:
        """The pid of the running server, for those who want to kill it."""
        return postmaster.running_pid(self._places)

    def start(self) -> None:
        """Return once the cluster takes connections; safe to call from many processes at once."""
        if self._users is not None:
            return
        self._places.prepare()
        with FileLock(self._places.root / "change.lock") as change:
            change.wait(within_s=_START_WITHIN_S, what="another process's start of the database")
            self._prepare_data()
            users = FileLock(self._places.root / "users.lock")
            try:
                users.wait(shared=True, within_s=5, what="the lock of the database's users")
                self._ensure_guardian()
                self._await_ready()
            except BaseException:
                users.close()
                raise
            self._users = users

    def stop(self) -> None:
        """Leave. The last to leave returns only when PostgreSQL has shut down cleanly."""
        if self._users is None:
            return
        self._users.close()
        self._users = None
        deadline = time.monotonic() + _STOP_WITHIN_S
        while self._is_ending():
            if time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL in {self.data_dir} did not stop; see {self._places.log}")
            time.sleep(0.02)

    def url(self, database: str) -> str:
        """A `postgresql://` URL that asyncpg understands and no PG* variable can bend."""
        folder = quote(str(self._places.socket), safe="/")
        return f"postgresql://{postmaster.SUPERUSER}@/{_checked(database)}?host={folder}&port={PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """CREATE DATABASE; Unavailable when it exists or the template is in use."""
        source = f' TEMPLATE "{_checked(template)}"' if template else ""
        self._query(f'CREATE DATABASE "{_checked(name)}"{source}')

    def drop_database(self, name: str) -> None:
        """Drop it, ending the connections that are still open to it; nothing when it is not there."""
        self._query(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE)')

    def has_database(self, name: str) -> bool:
        found = self._query(f"SELECT 1 FROM pg_database WHERE datname = '{_checked(name)}'")  # noqa: S608  # checked
        return found == "1"

    def databases(self, prefix: str) -> list[str]:
        """The names of the databases that begin so."""
        found = self._query(
            f"SELECT datname FROM pg_database WHERE starts_with(datname, '{_checked(prefix)}') ORDER BY 1"  # noqa: S608  # checked
        )
        return found.splitlines()

    def ensure_database(self, name: str) -> None:
        """Create it unless it is there, also when two processes want it at once."""
        if self.has_database(name):
            return
        try:
            self.create_database(name)
        except Unavailable:
            if not self.has_database(name):
                raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _query(self, sql: str) -> str:
        binaries = self._binaries or find_binaries(postmaster.major_of(self._places))
        return postmaster.query(binaries, self._places, "postgres", sql)

    def _prepare_data(self) -> None:
        major = postmaster.major_of(self._places)
        self._binaries = find_binaries(major)
        if major is None:
            is_durable = self._overrides.get("fsync") != "off"
            postmaster.make_data_folder(self._binaries, self._places, is_durable=is_durable)

    def _ensure_guardian(self) -> None:
        """Start a guardian unless one is at work; return when it holds its lock."""
        if self._has_guardian():
            return
        assert self._binaries is not None  # _prepare_data ran under the same lock
        settings = postmaster.settings_of(self._places, self._overrides)
        with self._places.guardian_log.open("wb") as log:
            subprocess.run(
                [sys.executable, "-m", "api.embedded", str(self._places.root)],
                input=guardian.instructions(self._binaries, self._places, settings).encode(),
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                start_new_session=True,
                check=False,
            )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START_WITHIN_S
        while not postmaster.is_ready(self._places):
            if not self._has_guardian():
                raise Unavailable(self._why_not())
            if time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL in {self.data_dir} is not ready; see {self._places.log}")
            time.sleep(0.02)

    def _has_guardian(self) -> bool:
        with FileLock(self._places.root / "guard.lock") as guard:
            return not guard.try_exclusive()

    def _is_ending(self) -> bool:
        """Whether nobody else uses the cluster and its guardian has still to finish."""
        with (
            FileLock(self._places.root / "change.lock") as change,
            FileLock(self._places.root / "users.lock") as users,
            FileLock(self._places.root / "guard.lock") as guard,
        ):
            if guard.try_exclusive():
                return False
            if not change.try_exclusive():
                return True
            return users.try_exclusive()

    def _why_not(self) -> str:
        for log in (self._places.guardian_log, self._places.log):
            if (text := postmaster.tail_of(log)).strip():
                return f"PostgreSQL in {self.data_dir} does not start: {postmaster.last_line(text)}"
        return f"PostgreSQL in {self.data_dir} does not start"


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        reason = f"{name!r} is not a database name: lower-case letters, digits and _"
        raise InvalidInput(reason, faults=(Fault("database", reason),))
    return name
