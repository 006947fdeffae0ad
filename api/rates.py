"""How often somebody may ask: a bucket of tokens per key, per device and per client address.

Owns the buckets and what costs how much. Who is asking is told by `api.auth`, the address by
`api.addresses`; the bounds of the engine's queue are the batcher's.

Keys and devices pay one token per request. An address pays only for what nobody answers for: what is
asked anonymously at a price (registering, reading notices), and ten times as much for credentials or
link codes that are wrong. While it has nothing left, new credentials from it are not even looked up;
callers that were let in before go on, so that one bad phone does not silence all phones behind the
same address.

Buckets are this process's own: with four workers the limits are up to four times as wide (docs/adr/0017).
Times are seconds on the machine's monotonic clock, also where Alentour's clock is simulated. There phones
live faster than the machine, and nothing is limited: such a database never has real customers.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from api.addresses import Addresses
from api.problems import RateLimited
from api.settings import Settings
from geo.errors import Unauthenticated

# What wrong credentials or a wrong link code take from the address they came from.
COST_OF_A_FAILURE: Final = 10.0
# Name of a handler's option: what one of its requests takes, where that is not 1.
COST: Final = "rate_cost"
_MOST_BUCKETS: Final = 50_000
_MOST_KNOWN: Final = 100_000


class Buckets:
    """Token buckets of one size: `burst` tokens, `per_s` of them coming back each second; 0: no limit.

    Of each only the moment is kept at which it will be full again (the generic cell rate algorithm,
    ITU-T I.371). One that is full is as good as none, so forgetting it changes nothing.
    """

    def __init__(self, name: str, per_s: int, burst: int, *, most: int = _MOST_BUCKETS) -> None:
        self.name = name
        self.burst = burst
        self.fills_in_s = burst / per_s if per_s else 0.0
        self._token_s = 1 / per_s if per_s else 0.0
        self._most = most
        self._full_at: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: Hashable, now: float, cost: float = 1.0) -> float:
        """Take `cost` tokens (at most a whole bucket) and return 0.0, or how many seconds are missing."""
        if not self._token_s:
            return 0.0
        full_at = max(self._full_at.get(who, now), now) + min(cost * self._token_s, self.fills_in_s)
        wait_s = full_at - now - self.fills_in_s
        if wait_s > 1e-9:
            return wait_s
        self._keep(who, full_at, now)
        return 0.0

    def charge(self, who: Hashable, now: float, cost: float) -> None:
        """Take `cost` tokens although they may not be there: what is missing has to come back first."""
        if not self._token_s:
            return
        full_at = max(self._full_at.get(who, now), now) + cost * self._token_s
        self._keep(who, min(full_at, now + self.fills_in_s + cost * self._token_s), now)

    def wait_s(self, who: Hashable, now: float) -> float:
        """How many seconds until there is one token; takes none."""
        return max(0.0, self._full_at.get(who, now) + self._token_s - now - self.fills_in_s)

    def _keep(self, who: Hashable, full_at: float, now: float) -> None:
        self._full_at[who] = full_at
        if len(self._full_at) > self._most:
            self._make_room(now)

    def _make_room(self, now: float) -> None:
        """Forget the full ones; if half or more remain, those that are nearest to being full."""
        kept = {who: full_at for who, full_at in self._full_at.items() if full_at > now}
        if len(kept) > self._most // 2:
            emptiest = sorted(kept.items(), key=lambda item: item[1], reverse=True)
            kept = dict(emptiest[: self._most // 2])
        self._full_at = kept


class Rates:
    """The limits of one worker. The methods raise RateLimited (429)."""

    def __init__(self, settings: Settings) -> None:
        limited = settings.clock == "normal"
        self.devices = Buckets("device", settings.rate_device_per_s * limited, settings.rate_device_burst)
        self.keys = Buckets("key", settings.rate_key_per_s * limited, settings.rate_key_burst)
        self.addresses = Buckets(
            "address", settings.rate_address_per_s * limited, settings.rate_address_burst
        )
        self._addresses = Addresses(settings.trusted_proxies)
        # Hashes of credentials that were right once, the latest known last. A plain dict would look through
        # all that was ever deleted at its beginning, each time the oldest is forgotten.
        self._known: OrderedDict[int, None] = OrderedDict()

    def admit_phone(self, token_hash: bytes, scope: Any, now: float) -> int:
        """Before a phone's fixes are queued, when only its token has been seen; for `remember`.

        A token stands for its device here: the device is not known yet. It gets a new one at a price.
        """
        who = hash(token_hash)
        if who not in self._known:
            self._refuse_exhausted(scope, now)
        if wait_s := self.devices.take(who, now):
            raise _limited(self.devices, wait_s)
        return who

    def remember(self, who: int) -> None:
        """These credentials were right: from now on they do not depend on what others do at that address."""
        if who in self._known:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.popitem(last=False)
        self._known[who] = None

    @contextmanager
    def trial(self, scope: Scope, authorization: str | None) -> Iterator[None]:
        """Around the check of credentials, which is left out for strangers at an exhausted address."""
        who = hash((authorization or "").encode("latin-1", "replace"))
        if who not in self._known:
            self._refuse_exhausted(scope, time.perf_counter())
        try:
            yield
        except Unauthenticated:
            self.failed(scope)
            raise
        self.remember(who)

    def spend(self, buckets: Buckets, principal: str, handler: BaseRouteHandler) -> None:
        """One request of a known caller."""
        if wait_s := buckets.take(principal, time.perf_counter(), handler.opt.get(COST, 1.0)):
            raise _limited(buckets, wait_s)

    def spend_anonymously(self, scope: Scope) -> None:
        """One request of nobody in particular, from its address."""
        if wait_s := self.addresses.take(self._addresses.of(scope), time.perf_counter()):
            raise _limited(self.addresses, wait_s)

    def failed(self, scope: Any) -> None:
        """Somebody at this address showed what is not, or no longer, a key, a token or a link code."""
        self.addresses.charge(self._addresses.of(scope), time.perf_counter(), COST_OF_A_FAILURE)

    def _refuse_exhausted(self, scope: Any, now: float) -> None:
        if len(self.addresses) and (wait_s := self.addresses.wait_s(self._addresses.of(scope), now)):
            raise _limited(self.addresses, wait_s)


async def pays_by_address(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Litestar guard of routes that anybody may ask at a price."""
    rates = cast("Rates", connection.app.state.rates)
    rates.spend_anonymously(connection.scope)


def _limited(buckets: Buckets, wait_s: float) -> RateLimited:
    """The wait is spread, so that not all come back at once."""
    spread = 1.0 + random.random() / 4  # noqa: S311 - spreads retries, protects nothing
    return RateLimited(
        f"This {buckets.name} asks too often.",
        retry_after_s=wait_s * spread + 2 * random.random(),  # noqa: S311 - the same
        policy=buckets.name,
        burst=buckets.burst,
        fills_in_s=buckets.fills_in_s,
    )
