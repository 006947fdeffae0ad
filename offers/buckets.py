"""The bucket of a customer: the key by which hot tables could be spread over hosts.

Written by the application, never by the database, and stable for ever: changing this
function moves every row.
"""

import zlib
from typing import Final
from uuid import UUID

BUCKETS: Final = 64


def bucket_of(customer_id: UUID) -> int:
    """0–63, evenly spread over random ids."""
    return zlib.crc32(customer_id.bytes) % BUCKETS


def bucket_of_text(text: str) -> int:
    """The same for things that are looked up by a text (installation ids, principals)."""
    return zlib.crc32(text.encode()) % BUCKETS
