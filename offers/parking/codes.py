"""The public code of a zone, as it stands on the sign.

Pure. A driver types it without minding capitals and spaces; two signs of one operator differ in more.
"""

import unicodedata
from typing import Final

from geo.errors import Fault

LONGEST_CODE: Final = 32


def code_key_of(code: str) -> str:
    """How a code is looked up: `  75 a1 ` and `75A1` are one. Empty for what is no code."""
    folded = unicodedata.normalize("NFKC", code).upper()
    return "".join(one for one in folded if not one.isspace())


def code_faults(code: str, field: str) -> list[Fault]:
    """Of a code that an operator gives a zone; it is part of addresses."""
    key = code_key_of(code)
    is_written = code.isprintable() and code == code.strip() and "/" not in code
    if is_written and code and code[0].isalnum() and len(code) <= LONGEST_CODE and len(key) <= LONGEST_CODE:
        return []
    wanted = f"must be 1 to {LONGEST_CODE} printable characters without slash, a letter or digit first"
    return [Fault(field, wanted)]
