"""The three servers under load, as processes with the same server settings."""

import os
import shutil
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
from typing import Final, Self

WORKERS: Final = 2
START_WITHIN_S: Final = 60

# The options `alentour serve` gives Granian, for the baselines as well.
GRANIAN: Final = [
    *("--interface", "asgi", "--workers", str(WORKERS), "--loop", "uvloop", "--http", "1", "--no-ws"),
    *("--http1-buffer-size", "65536", "--http1-header-read-timeout", "10000"),
    *("--backlog", "2048", "--backpressure", "1024", "--log-level", "warning", "--host", "127.0.0.1"),
]


@dataclass
class Contender:
    """One running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Contenders:
    """Starts the servers and stops them at the end of the block; their logs stay only where it failed."""

    def __init__(self, database_url: str) -> None:
        self._environment = os.environ | {
            "ALENTOUR_DATABASE_URL": database_url,
            "ALENTOUR_WORKERS": str(WORKERS),
            "ALENTOUR_LOG_LEVEL": "warning",
        }
        self._running: list[Contender] = []
        self._logs = Path(tempfile.mkdtemp(prefix="alentour-bench-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for contender in self._running:
            contender.process.terminate()
        for contender in self._running:
            contender.process.wait(timeout=30)
        if error is None:
            shutil.rmtree(self._logs)

    def baseline(self, name: str) -> Contender:
        port = _free_port()
        target = f"loadtests.baselines.{name}:app"
        return self._start(name, port, ["-m", "granian", *GRANIAN, "--port", str(port), target], {})

    def alentour(self) -> Contender:
        port = _free_port()
        return self._start("fixes", port, ["-m", "api.cli", "serve"], {"ALENTOUR_PORT": str(port)})

    def _start(self, name: str, port: int, command: list[str], more: dict[str, str]) -> Contender:
        with (self._logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *command],
                env=self._environment | more,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parent.parent.parent,
            )
        contender = Contender(name, port, process)
        self._running.append(contender)
        deadline = time.monotonic() + START_WITHIN_S
        while not _answers(contender.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} did not start; see {self._logs / name}.log")
            time.sleep(0.1)
        return contender


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 404  # a baseline is there, and has no such route
    except OSError:
        return False
