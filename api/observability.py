"""Logs and metrics: what an operator sees. Never a query string, a coordinate, a token or a body.

Owns the metric names and the log format. Metrics are shared between worker processes through the
folder in `PROMETHEUS_MULTIPROC_DIR`, which must be set before this module is first imported.
"""

import logging
import os
import sys
import traceback
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from structlog.typing import EventDict

from api.settings import Settings

# They would double the number of lines for something nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it bare

_FIX_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FLUSH_FIXES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


class TalliedHistogram(Histogram):
    """A histogram whose observations are added up in memory first.

    Workers share their numbers through a file, where each observation would change two cells; a request
    that takes a tenth of a millisecond has no time for that. `settle` writes what was added up.
    """

    def __init__(self, name: str, documentation: str, *, buckets: Sequence[float], **more: Any) -> None:
        super().__init__(name, documentation, buckets=buckets, **more)
        self._tally = [0] * len(self._upper_bounds)
        self._seconds = 0.0

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG002 - the library's
        """As Histogram.observe; nobody sees it before the next `settle`. Exemplars are not kept."""
        self._tally[bisect_left(self._upper_bounds, amount)] += 1
        self._seconds += amount

    def settle(self) -> int:
        """Write what was observed since the last time; how many observations that were."""
        tally, self._tally = self._tally, [0] * len(self._upper_bounds)
        seconds, self._seconds = self._seconds, 0.0
        if n := sum(tally):
            self._sum.inc(seconds)
            for bucket, observed in zip(self._buckets, tally, strict=True):
                if observed:
                    bucket.inc(observed)
        return n


class Metrics:
    """Everything that is counted. Also the engine's `offers.observer.Observer`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._fix_seconds = TalliedHistogram(
            "alentour_fix_seconds", "POST /v1/fixes, from first byte to answer",
            buckets=_FIX_SECONDS, registry=registry,
        )  # fmt: skip
        self._fixes = Counter("alentour_fixes_total", "Fixes by verdict", ["verdict"], registry=registry)
        self._decisions = Counter(
            "alentour_decisions_total", "Decisions by reason", ["reason"], registry=registry
        )
        self._flush_fixes = Histogram(
            "alentour_flush_fixes", "Fixes in one transaction", buckets=_FLUSH_FIXES, registry=registry
        )
        self._flush_seconds = Histogram(
            "alentour_flush_seconds", "One transaction of fixes, commit included",
            buckets=_FIX_SECONDS, registry=registry,
        )  # fmt: skip
        self._queue = Gauge(
            "alentour_queue_fixes", "Fixes waiting", multiprocess_mode="livesum", registry=registry
        )
        self._version = Gauge(
            "alentour_index_version", "Version of the configuration in memory (the oldest worker's)",
            multiprocess_mode="livemin", registry=registry,
        )  # fmt: skip
        self._age = Gauge(
            "alentour_index_age_seconds", "Since it was last found current (the worst worker's)",
            multiprocess_mode="livemax", registry=registry,
        )  # fmt: skip
        self._requests = Counter(
            "alentour_http_requests_total", "Requests", ["route", "method", "status"], registry=registry
        )
        self._fixes_refused = 0  # since the last settling
        self._request_seconds = Histogram(
            "alentour_http_request_seconds", "Requests, from first byte to answer", ["route"],
            buckets=_FIX_SECONDS, registry=registry,
        )  # fmt: skip

    def requested(self, route: str, method: str, status: int, seconds: float) -> None:
        """`route` is the template, never the path."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def fix_answered(self, status: int, seconds: float) -> None:
        """One call per POST /v1/fixes. Written at the next `refreshed` or exposition."""
        self._fix_seconds.observe(seconds)
        if status != 200:
            self._fixes_refused += 1
            self._requests.labels("/v1/fixes", "POST", str(status)).inc()

    def flushed(self, fixes: int, seconds: float) -> None:
        self._flush_fixes.observe(fixes)
        self._flush_seconds.observe(seconds)

    def fixed(self, verdict: str, n: int) -> None:
        self._fixes.labels(verdict).inc(n)

    def decided(self, reason: str, n: int) -> None:
        self._decisions.labels(reason).inc(n)

    def queued(self, n: int) -> None:
        self._queue.set(n)

    def refreshed(self, version: int, age_s: float) -> None:
        self._version.set(version)
        self._age.set(age_s)
        self._settle()

    def _settle(self) -> None:
        answered = self._fix_seconds.settle() - self._fixes_refused
        self._fixes_refused = 0
        if answered:
            self._requests.labels("/v1/fixes", "POST", "200").inc(answered)

    def exposition(self) -> bytes:
        """Prometheus text format: all workers together when they share a folder.

        What the others added up in the last half second is missing yet.
        """
        self._settle()
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library leaves it bare
        return generate_latest(together)


def configure_logs(settings: Settings) -> None:
    """Structured lines on stderr, as JSON or for the eye. Harmless when repeated."""
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_error,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Asked for at each line: stderr may have been replaced since.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _name_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An error at hand is told by its type and where it came from; its text may hold what a phone sent."""
    error = sys.exc_info()[1]
    if event.pop("exc_info", False) and error is not None:
        event["error"] = type(error).__name__
        event["frames"] = frames_of(error)
    return event


def frames_of(error: BaseException, deepest: int = 12) -> list[str]:
    """`file:line function` of the innermost frames, nothing of the values in them."""
    return [
        f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-deepest:]
    ]
