"""Making a data folder and running one postmaster on it: the commands, settings and pid files.

Knows nothing of who uses the cluster or how long: that is `cluster` and `guardian`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api.embedded.binaries import Binaries
from api.embedded.places import PORT, Places
from geo.errors import Unavailable

SUPERUSER: Final = "alentour"
_MIB: Final = 1024 * 1024
_LOG_KEPT_BYTES: Final = 16 * _MIB
# Above the largest pid that Linux ever gives (2 ** 22).
_NO_PROCESS: Final = 99_999_999


def settings_of(places: Places, overrides: Mapping[str, str]) -> dict[str, str]:
    """Server settings by name. Given at every start, so that new defaults reach old folders."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(places.socket),
        "unix_socket_permissions": "0700",
        # A worker opens up to 20, and there is one per core; the rest are for tools.
        "max_connections": str(max(200, 100 + 24 * (os.cpu_count() or 1))),
        "shared_buffers": f"{max(64, min(512, memory // _MIB // 8))}MB",
        "effective_cache_size": f"{max(128, memory // _MIB // 2)}MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "autovacuum": "on",
        "autovacuum_naptime": "15s",
        # Short statements by the thousand: compiling one costs more than it saves.
        "jit": "off",
        # Workers would need more shared memory than a container's /dev/shm has, and cores serve.
        "max_parallel_workers_per_gather": "0",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "warning",
        # Details and contexts of errors would repeat values of rows: ids, codes, what a person typed.
        "log_error_verbosity": "terse",
        "cluster_name": "alentour",
        **overrides,
    }


def make_data_folder(binaries: Binaries, places: Places, *, is_durable: bool) -> None:
    """initdb into a folder beside it, then rename: a half-done one is never mistaken for a cluster."""
    for leftover in places.root.glob("cluster.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=places.root))
    places.account.own(fresh)
    command = [
        binaries.program("initdb"), f"--pgdata={fresh}", f"--username={SUPERUSER}", "--auth=trust",
        "--encoding=UTF8", "--locale=C", *([] if is_durable else ["--no-sync"]),
    ]  # fmt: skip  # one option after the other reads as the command does
    done = _run(command, places)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Unavailable(f"initdb failed in {places.root}: {last_line(done.stderr or done.stdout)}")
    fresh.rename(places.data)
    if is_durable:
        _sync(places.root)


def major_of(places: Places) -> int | None:
    """The PostgreSQL version that made the data folder; None when there is no folder yet."""
    try:
        return int((places.data / "PG_VERSION").read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        return None


def launch(binaries: Binaries, places: Places, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the postmaster as a child of this process; crash recovery happens by itself."""
    if places.log.exists() and places.log.stat().st_size > _LOG_KEPT_BYTES:
        places.log.replace(places.log.with_suffix(".log.1"))
    _disown_stale_pids(places)
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with places.log.open("ab") as log:
        return subprocess.Popen(
            [binaries.program("postgres"), "-D", str(places.data), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_plain_environment(),
            start_new_session=True,
            **places.account.switch,
        )


def is_ready(places: Places) -> bool:
    """PostgreSQL writes `ready` on the eighth line of its pid file once it takes connections."""
    lines = _lines(places.data / "postmaster.pid")
    return len(lines) > 7 and lines[7].strip() == "ready" and running_pid(places) is not None


def running_pid(places: Places) -> int | None:
    """The pid of the live postmaster of this data folder; None when it is stopped or dead."""
    return _live_pid(places.data / "postmaster.pid", places)


def stop(pid: int, *, within_s: float = 60.0) -> None:
    """Fast shutdown: open transactions are rolled back, everything committed is kept."""
    for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if not is_alive(pid):
                return
            time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; a child that ended is reaped, so that it does not look alive."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def query(binaries: Binaries, places: Places, database: str, sql: str) -> str:
    """Run one administrative statement through psql and return what it prints, unaligned."""
    command = [
        binaries.program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
        "--set=ON_ERROR_STOP=1", f"--host={places.socket}", f"--port={PORT}",
        f"--username={SUPERUSER}", f"--dbname={database}", f"--command={sql}",
    ]  # fmt: skip  # one option after the other reads as the command does
    done = _run(command, places)
    if done.returncode != 0:
        raise Unavailable(last_line(done.stderr))
    return done.stdout.strip()


def last_line(text: str) -> str:
    """The last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


def tail_of(log: Path) -> str:
    """The last few lines of a log file; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 2000))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _run(command: list[str], places: Places) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=_plain_environment(),
            check=False,
            **places.account.switch,
        )
    except PermissionError as error:
        raise Unavailable(f"cannot run {command[0]} as {places.account.name}: {error.strerror}") from None


def _plain_environment() -> dict[str, str]:
    """No PG* variable, locale or preload of the caller's reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _disown_stale_pids(places: Places) -> None:
    """Where a pid file's pid is now another program's, write one that no process can have.

    PostgreSQL recognises a dead pid by itself, but not one that came back: in a container that is
    common, and would keep it from starting for ever. The file stays, for its other lines guard the
    shared memory that backends of a killed postmaster may still be using.
    """
    for pid_file in (places.data / "postmaster.pid", places.socket / f".s.PGSQL.{PORT}.lock"):
        pid = _pid_in(pid_file)
        if pid is not None and is_alive(pid) and not _serves(pid, places.data):
            rest = pid_file.read_bytes().partition(b"\n")[2]
            pid_file.write_bytes(b"%d\n" % _NO_PROCESS + rest)


def _live_pid(pid_file: Path, places: Places) -> int | None:
    pid = _pid_in(pid_file)
    return pid if pid is not None and is_alive(pid) and _serves(pid, places.data) else None


def _pid_in(pid_file: Path) -> int | None:
    first = next(iter(_lines(pid_file)), "").strip().lstrip("-")
    return int(first) if first.isdigit() and int(first) > 1 else None


def _serves(pid: int, folder: Path) -> bool:
    """Whether the command line names our data folder. Where that cannot be read, believe the file."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True
    return os.fsencode(folder) in words


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
