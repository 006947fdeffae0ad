"""What waits to be flushed: batches of fixes that phones sent, timers that came due, offers to let go."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

import msgspec

from geo.errors import AlentourError
from geo.fixes import Fix


class Sent(msgspec.Struct):
    """One request of a phone. Times are Unix seconds on the phone's own clock."""

    bucket: int
    token_hash: bytes
    sent_at: float
    fixes: Sequence[Fix]
    monitored: tuple[int, ...] = ()
    # On this process's monotonic clock; 0 until it is queued. The wait is not the phone's.
    arrived_at: float = 0.0


class Due(msgspec.Struct):
    """One dwell timer whose moment has come."""

    bucket: int
    device_id: UUID
    fence_id: int


class LetGo(msgspec.Struct):
    """A customer for whom offers were held until now; the device is that of the first of them."""

    bucket: int
    device_id: UUID
    customer_id: UUID


Work = Sent | Due | LetGo


class Skipped(msgspec.Struct, frozen=True):
    """Another transaction holds the customer (None: it is not known whom): to be tried again."""

    customer_id: UUID | None = None


# The answer to a phone as JSON; None for what was due and has been dealt with.
Outcome = bytes | None | AlentourError | Skipped


def crossing_id(device_id: UUID, fence_id: int, kind: str, at: float) -> UUID:
    """The same crossing has the same id, however often it is worked out: its row is unique."""
    text = f"{fence_id}:{kind}:{round(at * 1000)}".encode()
    return UUID(bytes=hashlib.blake2b(text, key=device_id.bytes, digest_size=16).digest())
