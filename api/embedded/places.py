"""Which account runs PostgreSQL, and where its data and its socket live.

PostgreSQL refuses to run as root. Started by root it runs as `postgres`, else `nobody`, and its
folders must lie where that account can reach them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pwd
import re
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

from geo.errors import Unavailable

PORT: Final = 5432
# A Unix socket's path has 107 bytes on Linux and 103 on BSD and macOS.
_SOCKET_PATH_BYTES: Final = 103
_STATE_OF_ROOT: Final = Path("/var/lib/alentour")


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """Who owns the cluster. `switch` are the subprocess arguments that become this account."""

    name: str
    uid: int
    gid: int

    @property
    def switch(self) -> dict[str, Any]:
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Give the folder to the account, closed to everybody else."""
        if os.geteuid() != self.uid:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Every path of one cluster. Lock files and log belong to the app, the rest to the account."""

    root: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.root / "cluster"

    @property
    def log(self) -> Path:
        return self.root / "postgresql.log"

    @property
    def guardian_log(self) -> Path:
        return self.root / "guardian.log"

    @property
    def socket(self) -> Path:
        """The socket's folder: inside the data folder unless that makes the path too long."""
        near = self.root / "socket"
        if len(os.fsencode(near / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_BYTES:
            return near
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        # Root's runtime folder is closed to the account that serves.
        base = runtime if runtime and len(runtime) < 60 and os.geteuid() != 0 else "/tmp"  # noqa: S108  # owned, 0700, checked
        return Path(base) / f"alentour-{self.account.uid}-{_short_hash(self.root)}"

    def prepare(self) -> None:
        """Make the folders that are missing; refuse a socket folder that someone else made."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not os.access(self.root, os.W_OK):
            raise Unavailable(f"the data folder {self.root} is not writable")
        self.socket.mkdir(mode=0o700, exist_ok=True)
        there = os.lstat(self.socket)
        if not stat.S_ISDIR(there.st_mode) or there.st_uid not in {os.geteuid(), self.account.uid}:
            raise Unavailable(f"the socket folder {self.socket} belongs to another user")
        self.account.own(self.socket)


def account_for_postgres() -> Account:
    """This process's own account, or for root one that PostgreSQL accepts."""
    uid = os.geteuid()
    if uid != 0:
        return Account(_name_of(uid), uid, os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Unavailable("PostgreSQL does not run as root and there is no account postgres or nobody")


def places_for(data_dir: Path, account: Account) -> Places:
    """The folder asked for; for root, one under /var/lib/alentour when the account cannot reach it."""
    root = data_dir.resolve()
    if account.uid != os.geteuid() and not _is_reachable(root, account):
        root = _STATE_OF_ROOT / f"{_slug(root.name)}-{_short_hash(root)}"
    return Places(root, account)


def default_data_dir() -> Path:
    """`~/.local/share/alentour/<checkout>`: two checkouts side by side never share a cluster."""
    package = Path(__file__).resolve().parent.parent.parent
    if (package / "pyproject.toml").is_file():
        return _share() / "alentour" / f"{_slug(package.name)}-{_short_hash(package)}"
    return _share() / "alentour" / "installed"


def _share() -> Path:
    """The folder for user data; a machine without homes still has a place that lasts."""
    for home in (os.environ.get("HOME", ""), _home_of(os.geteuid())):
        if home and home != "/" and os.access(home, os.W_OK):
            return Path(home) / ".local" / "share"
    return Path("/var/lib") if os.geteuid() == 0 else Path(tempfile.gettempdir())


def _is_reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass every folder above `path` that exists already."""
    return all(_may_pass(folder.stat(), account) for folder in path.parents if folder.exists())


def _may_pass(folder: os.stat_result, account: Account) -> bool:
    if folder.st_uid == account.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _home_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return ""


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "alentour"
