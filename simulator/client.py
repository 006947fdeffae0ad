"""HTTP to the API: one connection pool, polite retries, and a count of everything unexpected.

Knows no route. Every request takes its two marks from the run's one order (`simulator.journal`).
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from simulator.journal import Span
from simulator.wire import Problem

T = TypeVar("T")

MOST_AT_ONCE: Final = 64
MOST_ATTEMPTS: Final = 12
LONGEST_WAIT_S: Final = 5.0
LONGEST_ANSWER_S: Final = 60.0
COME_BACK_LATER: Final = frozenset({429, 503})
UNREACHABLE: Final = 0

_encode: Final = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """What came back. `status` is 0 when nothing did. `code` is that of a problem, else empty."""

    status: int
    body: bytes
    code: str
    span: Span

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def read(self, kind: type[T]) -> T:
        """The body as what it should be; raises `UnexpectedAnswerError` where it is not."""
        if not self.is_good:
            raise UnexpectedAnswerError(
                f"{self.status} {self.code}: {self.body[:300].decode(errors='replace')}"
            )
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswerError(f"{error} in {self.body[:300]!r}") from error


class UnexpectedAnswerError(Exception):
    """The API answered something that the run cannot go on with."""


class Api:
    """A client of one server. `errors` counts answers that nobody expected, by route and code."""

    def __init__(self, url: str, order: Iterator[int]) -> None:
        self._url = url.rstrip("/")
        self._order = order
        self.errors: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=LONGEST_ANSWER_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None,
        body: object = None,
        route: str | None = None,
        expected: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, repeated while the server asks for patience.

        `route` names it among the errors (the path with its ids left out); `expected` are problem
        codes that are no error here.
        """
        sent = next(self._order)
        all_headers = dict(headers or {})
        if key is not None:
            all_headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else _encode(body)
        if data is not None:
            all_headers["Content-Type"] = "application/json"
        route = f"{method} {route or path.partition('?')[0]}"
        status, answer = await self._until_settled(method, path, data, all_headers, route)
        code = "" if 200 <= status < 300 else _code_of(answer)
        if not 200 <= status < 300 and code not in expected:
            self.errors[f"{route} {status} {code}".rstrip()] += 1
        return Answer(status, answer, code, Span(sent, next(self._order)))

    async def _until_settled(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], route: str
    ) -> tuple[int, bytes]:
        url = URL(self._url + path, encoded=True)
        status, body = UNREACHABLE, b""
        for attempt in range(MOST_ATTEMPTS):
            wait_s = min(0.05 * 2**attempt, LONGEST_WAIT_S)
            self.requests += 1
            try:
                async with self._session.request(method, url, data=data, headers=headers) as response:
                    status, body = response.status, await response.read()
                    if status not in COME_BACK_LATER:
                        return status, body
                    wait_s = min(_seconds(response.headers.get("Retry-After"), wait_s), LONGEST_WAIT_S)
            except (aiohttp.ClientError, TimeoutError) as error:
                status, body = UNREACHABLE, type(error).__name__.encode()
            self.retries[f"{route} {status or body.decode()}"] += 1
            await asyncio.sleep(wait_s)
        return status, body


def _seconds(header: str | None, otherwise: float) -> float:
    try:
        return float(header) if header is not None else otherwise
    except ValueError:
        return otherwise


def _code_of(body: bytes) -> str:
    try:
        problem: Any = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return "no_problem_json"
    return str(problem.code)
