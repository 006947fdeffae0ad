"""Asking a server over HTTP as many clients at once: what they send, what they get, when they come back.

Owns no world; that is `tests.concurrency.street`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from tests.world import HELSINKI, METRES_PER_DEGREE, Phone

# A phone's clock may show what it likes: the server reckons from the time of sending.
PHONE_CLOCK = "2026-06-04T09:{minute:02}:{second:02}Z"
PHONE_CLOCK_S = 59 * 60
COMES_BACK = {429, 503}
BREATH_S = 0.02
GENEROUS = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.raw)
        return said

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = self.body["deliveries"]
        return said

    @property
    def code(self) -> str | None:
        """The stable code of a problem; None for what is none."""
        is_problem = self.headers["content-type"] == "application/problem+json"
        return self.body["code"] if is_problem else None


@dataclass
class Client:
    """Asks one server. Comes back when told to, or after `longest_wait_s` where that is sooner.

    `sent_away` counts the answers that told us to come back later, `broken_off` those that never came.
    """

    http: aiohttp.ClientSession
    url: str
    longest_wait_s: float = 10.0
    sent_away: int = 0
    broken_off: int = 0

    async def ask(self, method: str, path: str, token: str, body: object = None, **headers: str) -> Answer:
        """One request, one answer; raises what aiohttp raises when there is none."""
        sent = {"authorization": f"Bearer {token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        data = None if body is None else json.dumps(body)
        if data is not None:
            sent["content-type"] = "application/json"
        async with self.http.request(method, self.url + path, data=data, headers=sent) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def settle(self, method: str, path: str, token: str, body: object = None, **headers: str) -> Answer:
        """The same, coming back as often as the server says so."""
        while True:
            answer = await self.ask(method, path, token, body, **headers)
            if answer.status not in COMES_BACK:
                return answer
            self.sent_away += 1
            await asyncio.sleep(min(float(answer.headers["retry-after"]), self.longest_wait_s))

    async def persist(
        self, method: str, path: str, token: str, body: object = None, **headers: str
    ) -> Answer:
        """The same, and also as often as nobody is there, or whoever took the request dies."""
        while True:
            try:
                return await self.settle(method, path, token, body, **headers)
            except aiohttp.ClientError:
                self.broken_off += 1
                await asyncio.sleep(BREATH_S)

    async def report(self, phone: Phone, *fixes: dict[str, Any]) -> Answer:
        """Fixes of a phone, settled."""
        return await self.settle("POST", "/v1/fixes", phone.token, report_of(*fixes))

    async def follow(self, phone: Phone) -> AsyncIterator[dict[str, Any]]:
        """The deliveries that the live stream tells this phone, as they come."""
        headers = {"authorization": f"Bearer {phone.token}"}
        async with self.http.get(self.url + "/v1/live", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))


def report_of(*fixes: dict[str, Any]) -> dict[str, Any]:
    """The body of `POST /v1/fixes`."""
    return {"sent_at": _phone_time(0), "fixes": list(fixes)}


def fix_at(
    north_m: float, *, before_s: int = 0, accuracy_m: float = 5.0, fix_id: str | None = None
) -> dict[str, Any]:
    """A fix so many metres north of the middle of the world, recorded so long before it is sent."""
    lat, lon = HELSINKI
    return {
        "fix_id": fix_id or uuid4().hex,
        "lat": lat + north_m / METRES_PER_DEGREE,
        "lon": lon,
        "accuracy_m": accuracy_m,
        "recorded_at": _phone_time(before_s),
    }


def _phone_time(before_s: int) -> str:
    minute, second = divmod(PHONE_CLOCK_S - before_s, 60)
    return PHONE_CLOCK.format(minute=minute, second=second)
