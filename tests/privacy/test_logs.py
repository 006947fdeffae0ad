"""What a server logs and counts holds nothing of anybody, whatever is sent and wherever it is put."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx

from tests.http.phones import Phone, no
from tests.privacy.life import CAR, FENCE_APART_M, PLATE, Life, batch, found_in, live
from tests.serving import Server
from tests.world import HELSINKI, METRES_PER_DEGREE

# As many digits as tell a street; the fixes of tests/privacy/life.py are there.
POSITIONS = [
    f"{HELSINKI[0] + FENCE_APART_M / METRES_PER_DEGREE:.4f}",
    "60.1718",
    "24.9416",
    "48.8534",
    "2.3488",
]
ADDRESS = "127.0.0.1"
SECRET_WORDS = ["Mannerheimintie", "somebody@example.org"]


async def test_nothing_of_anybody_is_logged_or_counted(
    http, rows, street, server: Server, short_folder: Path
):
    life = await live(http, rows, street)
    await makes_mistakes(life)
    await puts_it_everywhere(http, life)
    await speaks_no_http(server, life)
    await a_proxys_own_ids_are_taken(http, server)
    await something_of_ours_breaks(rows, life)
    await life.phone.answers(no("location_offers"))
    await http.request("DELETE", "/v1/me", headers=life.phone.headers)
    private = [*life.needles.values(), *POSITIONS, *SECRET_WORDS]
    logged = server.log_text()
    events = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    assert len([one for one in events if one["event"] == "request"]) > 50, "it logs what is asked"
    said = "\n".join(line for line in logged.splitlines() if "listen" not in line.lower())
    assert found_in(said, [*private, ADDRESS]) == [], "it says nothing but where it listens"
    database_logs = [log.read_text(errors="replace") for log in (short_folder / "pg").glob("*.log")]
    assert any('"broken"' in text for text in database_logs), "they say what failed"
    assert found_in("\n".join(database_logs), private) == []
    for _ in range(4):  # of either worker
        metrics = (await http.get("/metrics", headers={"connection": "close"})).text
        assert found_in(metrics, [*private, ADDRESS]) == []


async def makes_mistakes(life: Life) -> None:
    """Bodies that are wrong in every way, with something private in each."""
    phone = life.phone
    wrong = batch(0.0)
    wrong["fixes"][0]["lat"] = f"{phone.token} at 60.1718"
    refused = [
        await phone.post("/v1/fixes", wrong),
        await phone.post("/v1/fixes", {**batch(0.0), phone.token: "24.9416"}),
        await phone.post("/v1/consents", {"decisions": [{"purpose": SECRET_WORDS[1], "granted": True}]}),
        await phone.post("/v1/consents", {"withdraw_all": phone.device_id}),
        await phone.patch("/v1/me/preferences", {"time_zone": f"{PLATE}/60.1718"}),
        await phone.patch("/v1/me/preferences", {SECRET_WORDS[0]: phone.customer_id}),
        await phone.http.post("/v1/redemptions", json={"code": PLATE}, headers=phone.headers),
        await phone.post("/v1/me/plates", {"plate": f"{CAR} {CAR}", "country": "FR"}),
        await phone.post("/v1/me/plates", {"plate": CAR, "country": CAR}),
        await phone.post("/v1/me/plates", {CAR: CAR, "plate": PLATE}),
        await phone.get("/v1/parking/zones", params={"lat": POSITIONS[1], "lon": POSITIONS[2], "plate": CAR}),
        await phone.get(f"/v1/parking/zones/by-code/{CAR}"),
        await phone.http.post("/v1/devices", json={"installation_id": phone.installation_id}),
    ]
    assert {answer.status_code for answer in refused} <= {200, 400, 401, 403, 404}
    for content in bodies(phone):
        answer = await phone.http.post("/v1/fixes", content=content, headers=phone.headers)
        assert answer.status_code == 400, answer.text
        zipped = phone.headers | {"content-encoding": "gzip"}
        await phone.http.post("/v1/fixes", content=content, headers=zipped)
        await phone.http.post("/v1/fixes", content=gzip.compress(content)[:-4], headers=zipped)
        typed = phone.headers | {"content-type": "application/json"}
        await phone.http.post("/v1/consents", content=content, headers=typed)
        await phone.http.post(
            "/v1/consents", content=content, headers=phone.headers | {"content-type": "text/60.1718"}
        )


def bodies(phone: Phone) -> Iterator[bytes]:
    yield f'{{"lat": 60.1718, "token": "{phone.token}"'.encode()
    yield f'["{phone.device_id}", 24.9416]'.encode()
    yield b"\xff\xfe" + phone.token.encode()
    yield f'{{"sent_at": "{phone.customer_id}\\u0000", "fixes": []}}'.encode()
    yield b"[" * 5_000 + phone.token.encode()


async def puts_it_everywhere(http: httpx.AsyncClient, life: Life) -> None:
    """In paths, queries, header names and values, and methods."""
    phone = life.phone
    secrets = [phone.token, phone.device_id, phone.customer_id, "60.1718,24.9416", PLATE, SECRET_WORDS[1]]
    for secret in secrets:
        said = quote(secret)
        for path in (f"/{said}", f"/v1/{said}/me", f"/v1/deliveries/{said}/why", f"/v1/me/link-codes/{said}"):
            await phone.get(path)
        await phone.get(f"/v1/nearby?lat={said}&lon={said}&{said}={said}")
        await phone.get(f"/v1/nearby?lat=60.1718&lon=24.9416&token={said}#{said}")
        await http.get(f"/v1/inbox?access_token={said}")
        for header in (
            "authorization",
            "last-event-id",
            "if-none-match",
            "accept-language",
            "cookie",
            "referer",
        ):
            await http.get("/v1/inbox", headers={header: secret})
        await phone.get("/v1/me", headers={"user-agent": secret, "x-forwarded-for": secret, "origin": secret})
        await phone.post("/v1/consents", {}, headers={"idempotency-key": secret.replace(" ", "")})
        await http.post("/v1/fixes", json=batch(0.0), headers={"authorization": f"Bearer {secret}"})
        await http.get("/v1/me", headers={"authorization": f"Bearer {secret[:-1]}"})
    for secret in (phone.token, "60.1718_24.9416", "lat-60.1718"):
        answer = await http.get("/health/live", headers={"x-request-id": secret})
        assert answer.headers["x-request-id"] != secret, "else it would be logged"
        await http.request(f"GET{secret}".replace(",", "-"), "/v1/me")
        await http.request(secret[:20], "/v1/fixes")


async def something_of_ours_breaks(rows: asyncpg.Pool, life: Life) -> None:
    """Errors that the database explains with whole rows, in a request and in a flush."""
    for table in ("crossings", "consents"):
        await rows.execute(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK (false) NOT VALID")
    entered = await life.second.post("/v1/fixes", batch(0.0))
    refused = await life.phone.post("/v1/consents", {"decisions": [no("measurement")], "method": PLATE})
    await rows.execute("ALTER TABLE device_states RENAME TO elsewhere")
    broken = await life.phone.get("/v1/me/export")
    await rows.execute("ALTER TABLE elsewhere RENAME TO device_states")
    assert broken.status_code == 500
    assert refused.status_code in {400, 500}
    assert entered.status_code == 500, "a crossing"
    for table in ("crossings", "consents"):
        await rows.execute(f"ALTER TABLE {table} DROP CONSTRAINT broken")


async def speaks_no_http(server: Server, life: Life) -> None:
    """Straight into the socket, where no application sees it."""
    token = life.phone.token.encode()
    for said in (
        token + b" 60.1718\r\n\r\n",
        b"GET /" + token + b" HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + token + b": \x00 24.9416\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: " + token + b"\r\n\r\n" + token,
        b"POST /v1/fixes HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n" + token,
        b"\x16\x03\x01" + token,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(said)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.3):
                await reader.read(1_000)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def a_proxys_own_ids_are_taken(http: httpx.AsyncClient, server: Server) -> None:
    """An operator finds a request again by the id that a proxy gave it."""
    ids = ["a-proxys.own_id", "7d1c0b9e-2f43-4e0a-9c56-0d8f3f0b6a11", "0af7651916cd43dd"]
    for value in ids:
        answer = await http.get("/nowhere", headers={"x-request-id": value})
        assert answer.headers["x-request-id"] == value
    async with asyncio.timeout(10):
        while not all(value in server.log_text() for value in ids):  # noqa: ASYNC110 - no event for this
            await asyncio.sleep(0.02)
