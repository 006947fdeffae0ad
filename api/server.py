"""Serving: everything that happens before and around the workers of one machine.

Owns the main process: port, database, clock mode, the folder of shared metrics and Granian's options.
Replacing failed workers is `api.supervisor`, what a worker does is `api.app`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from api.cashier import check_secrets
from api.clock import settle_mode
from api.provision import bring_up_to_date, provided_database, with_connection
from api.settings import Settings, variable_of
from api.supervisor import Supervisor
from geo.errors import Unavailable

_BACKLOG: Final = 2048
# Requests one worker works on at once; more wait in the kernel, and the engine's queue says 429.
_BACKPRESSURE: Final = 1024
_GRACE_S: Final = 10
# Where Granian reads a request's head: more than `api.bounds` lets pass, so that it can be told why.
_HEAD_BYTES: Final = 64 * 1024
# Whoever takes longer over the head of one request holds a connection for nothing.
_HEAD_WITHIN_MS: Final = 10_000
_PORT_WITHIN_S: Final = 5.0


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises AlentourError, in one line, for what an operator can mend."""
    variables = f"{variable_of('port')} or {variable_of('host')}"
    check_secrets(settings)
    await_port(settings.host, settings.port, instead=f"set {variables}")
    with _metrics_folder(settings) as metrics_dir, provided_database(settings) as provided:
        bring_up_to_date(provided, is_embedded=settings.database_url is None)
        with_connection(provided, functools.partial(settle_mode, mode=settings.clock))
        _tell_workers(dataclasses.replace(provided, metrics_dir=metrics_dir))
        _announce(provided)
        # Forked workers would share the parent's threads' locks and its metrics.
        multiprocessing.set_start_method("spawn", force=True)
        Supervisor(**_granian_options(settings)).run()


def _granian_options(settings: Settings) -> dict[str, Any]:
    return {
        "target": "api.supervisor:create_worker_app",
        "factory": True,
        "interface": Interfaces.ASGI,
        "address": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "loop": Loops.uvloop,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(max_buffer_size=_HEAD_BYTES, header_read_timeout=_HEAD_WITHIN_MS),
        "websockets": False,
        "backlog": _BACKLOG,
        "backpressure": _BACKPRESSURE,
        "log_level": LogLevels.warning if settings.log_level == "info" else LogLevels(settings.log_level),
        "log_dictconfig": _granian_logs(settings),
        "log_access": False,
        "respawn_failed_workers": True,
        "workers_kill_timeout": _GRACE_S,
    }


def _granian_logs(settings: Settings) -> dict[str, Any]:
    """Granian's few lines go to stderr with ours, in the format of ours."""
    json = '{"event": "%(message)s", "level": "%(levelname)s", "timestamp": "%(asctime)s"}'
    text = "%(asctime)s [%(levelname)s] %(message)s"
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "generic"}
    return {
        "formatters": {
            "generic": {
                "()": "logging.Formatter",
                "fmt": json if settings.log_format == "json" else text,
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            }
        },
        "handlers": {"console": handler, "access": handler},
    }


def await_port(host: str, port: int, *, instead: str) -> None:
    """Wait until nobody else listens there. After five seconds Unavailable says what to do `instead`.

    Granian shares ports (SO_REUSEPORT): two servers on one would each get half of the requests. A
    little patience lets the workers of a killed server end.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + _PORT_WITHIN_S
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                if error.errno != 98 or time.monotonic() > deadline:  # EADDRINUSE
                    raise Unavailable(
                        f"cannot listen on {host}:{port}: {error.strerror}; {instead}"
                    ) from None
        time.sleep(0.1)


@contextlib.contextmanager
def _metrics_folder(settings: Settings) -> Iterator[Path]:
    """An empty folder that the workers share their numbers in: counters start at 0 with the server."""
    with contextlib.ExitStack() as stack:
        folder = settings.metrics_dir
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alentour-metrics-")))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.db"):
                old.unlink()
        except OSError as error:
            raise Unavailable(f"{variable_of('metrics_dir')} {folder}: {error.strerror}") from None
        yield folder


def _tell_workers(settings: Settings) -> None:
    """Workers read the same environment; what was found out at start is added to it."""
    assert settings.database_url is not None  # provided
    os.environ[variable_of("database_url")] = settings.database_url
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.metrics_dir)


def _announce(settings: Settings) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Alentour listens on http://{host}:{settings.port}", file=sys.stderr, flush=True)
