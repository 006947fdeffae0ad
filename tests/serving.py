"""A real `alentour serve` as a process, for tests over HTTP, of races and of crashes."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

CHECKOUT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 120.0
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_PORTS = range(10_000 + _WORKER, 32_768, _WORKERS)


@dataclass
class Server:
    """A server that was ready once. `database_url` is the database it was given."""

    process: subprocess.Popen[bytes]
    port: int
    database_url: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker_pids(self) -> list[int]:
        """The live workers: the main process's children that run Python code of ours."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [pid for pid in map(int, children.split()) if not _is_tracker(pid)]

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server is not ready after {within_s} s:\n{self.log_text()}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM, as an operator stops it; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9 of the main process and all its workers, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")


class StartServer:
    """Callable fixture: starts servers and stops those that still run at its end."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._folder = tempfile.TemporaryDirectory(prefix="alentour-servers-")

    def __call__(
        self,
        database_url: str | None,
        *,
        workers: int = 1,
        clock: str = "normal",
        port: int | None = None,
        environ: dict[str, str] | None = None,
        wait: bool = True,
        command: list[str] | None = None,
    ) -> Server:
        """`command` replaces `python -m api.cli serve`, for test entry points that break a rule."""
        port = port or free_port()
        log = Path(self._folder.name) / f"server-{len(self._servers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command or [sys.executable, "-m", "api.cli", "serve"],
                cwd=CHECKOUT,
                env=environment(database_url, port, workers, clock) | (environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(process, port, database_url or "", log)
        self._servers.append(server)
        if wait:
            server.wait_until_ready()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            if server.process.poll() is None:
                server.stop()
        self._folder.cleanup()


def environment(database_url: str | None, port: int, workers: int, clock: str) -> dict[str, str]:
    """This process's environment without any ALENTOUR_ variable, plus what a server needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALENTOUR_")}
    kept |= {
        "ALENTOUR_PORT": str(port),
        "ALENTOUR_WORKERS": str(workers),
        "ALENTOUR_CLOCK": clock,
        "ALENTOUR_LOG_LEVEL": "warning",
    }
    return kept | ({"ALENTOUR_DATABASE_URL": database_url} if database_url else {})


def free_port() -> int:
    """A port that nobody listens on, nor will by chance until it is used.

    It lies below those that Linux gives to whoever asks for any, and no two workers of a run draw the same.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _is_tracker(pid: int) -> bool:
    """multiprocessing's resource tracker is a child too, but serves nothing."""
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
