"""Redemption codes: ten Crockford base32 characters, said aloud at a till without mistakes.

The first two characters carry ten bits: the customer's bucket in the low six, chance in the rest.
The other eight are forty more bits of chance. A code is looked up by (bucket, code).
"""

import secrets
from typing import Final

from geo.errors import InvalidInput
from offers.buckets import BUCKETS

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 10
_HEARD_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_code(bucket: int) -> str:
    """A fresh unguessable code of a customer in `bucket`."""
    head = secrets.randbelow(16) * BUCKETS + bucket
    tail = secrets.randbits(40)
    number = (head << 40) | tail
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(45, -1, -5))


def normalise_code(typed: str) -> str:
    """The code as stored, from what somebody typed or heard; InvalidInput if it cannot be one."""
    code = typed.strip().upper().translate(_HEARD_AS)
    if len(code) != LENGTH or any(character not in ALPHABET for character in code):
        raise InvalidInput("A code has ten letters and digits.", code="code_malformed")
    return code


def bucket_of_code(code: str) -> int:
    """The bucket named by a normalised code."""
    return (ALPHABET.index(code[0]) * 32 + ALPHABET.index(code[1])) % BUCKETS
