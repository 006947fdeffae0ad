"""What can be written as a QR code or a bar code that a till reads.

Owns which texts each symbology takes, and the check digit of EAN (GS1 General Specifications, 7.9).
Drawing is the phone's.
"""

from typing import Final, Literal

CodeFormat = Literal["qr", "ean_13", "ean_8", "code_128"]
LONGEST: Final = 200
_EAN_DIGITS: Final = {"ean_13": 13, "ean_8": 8}


def why_not_encodable(code: str, code_format: str) -> str | None:
    """Why a code cannot be written so; None when it can."""
    digits = _EAN_DIGITS.get(code_format)
    if digits is not None:
        if len(code) != digits or not (code.isascii() and code.isdigit()):
            return f"must be {digits} digits"
        if int(code[-1]) != check_digit(code[:-1]):
            return f"has a wrong check digit; {check_digit(code[:-1])} would be right"
        return None
    if not 1 <= len(code) <= LONGEST or not code.isprintable():
        return f"must be 1 to {LONGEST} printable characters"
    if code_format == "code_128" and not code.isascii():
        return "must be ASCII to be written as Code 128"
    return None


def check_digit(digits: str) -> int:
    """The digit that ends an EAN: from the right, every other digit counts three times."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10
