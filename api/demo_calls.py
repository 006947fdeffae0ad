"""Calls of the demo's own server, as any client makes them."""

import json
import urllib.error
import urllib.request
from typing import Any

from geo.errors import Unavailable


def call(
    url: str, key: str, body: Any = None, *, kind: str = "application/json", method: str | None = None
) -> dict[str, Any]:
    """What was answered; GET, or POST of a body, where no `method` is named. Unavailable if refused."""
    request = urllib.request.Request(  # noqa: S310 - our own server on the loopback
        url,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            read: dict[str, Any] = json.loads(answer.read())
            return read
    except urllib.error.HTTPError as error:
        raise Unavailable(f"{url} answered {error.code}: {error.read().decode()}") from None
