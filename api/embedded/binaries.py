"""Finding a usable PostgreSQL server with PostGIS on this machine; says what to install if none."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from geo.errors import Unavailable

OLDEST_MAJOR: Final = 14


@dataclasses.dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of one server's programs, and its major version."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """Path of `postgres`, `initdb` or `psql`."""
        return str(self.folder / name)


def find_binaries(major: int | None = None) -> Binaries:
    """The newest server with PostGIS, or exactly `major` when a data folder was made by that one.

    Raises Unavailable with one line that names the Debian packages to install.
    """
    servers = [server for server in _servers() if server.major >= OLDEST_MAJOR]
    wanted = [server for server in servers if major in {None, server.major}]
    for server in wanted:
        if _has_postgis(server):
            return server
    raise Unavailable(_what_to_install(servers, wanted, major))


def _what_to_install(servers: list[Binaries], wanted: list[Binaries], major: int | None) -> str:
    if wanted:
        newest = wanted[0].major
        return f"PostgreSQL {newest} has no PostGIS: run apt-get install postgresql-{newest}-postgis-3"
    if servers and major is not None:
        return (
            f"the data folder was made by PostgreSQL {major}, this machine has {servers[0].major}: run "
            f"apt-get install postgresql-{major} postgresql-{major}-postgis-3, or move the folder away"
        )
    return (
        "PostgreSQL with PostGIS is not installed: run apt-get install postgresql postgresql-postgis "
        "(Debian, Ubuntu), or set ALENTOUR_DATABASE_URL to a server elsewhere"
    )


def _servers() -> Iterator[Binaries]:
    """Every installed server once, newest first."""
    found = {server.folder: server for folder in _folders() if (server := _server_in(folder))}
    return iter(sorted(found.values(), key=lambda server: server.major, reverse=True))


def _folders() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir"))
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    yield from Path("/usr").glob("pgsql-*/bin")
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _server_in(folder: Path) -> Binaries | None:
    """None where only the client is installed: `pg_config` alone proves nothing."""
    folder = folder.resolve()
    if not all((folder / name).is_file() for name in ("postgres", "initdb", "psql")):
        return None
    version = re.search(r"\d+", _output(str(folder / "postgres"), "--version"))
    return Binaries(folder, int(version.group())) if version else None


def _has_postgis(server: Binaries) -> bool:
    shares = [
        server.folder.parent / "share",
        server.folder.parent / "share" / "postgresql",
        Path("/usr/share/postgresql") / str(server.major),
    ]
    if (server.folder / "pg_config").is_file():
        shares.append(Path(_output(server.program("pg_config"), "--sharedir")))
    return any((share / "extension" / "postgis.control").is_file() for share in shares)


def _output(*command: str) -> str:
    """What the command prints; nothing when it cannot run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
