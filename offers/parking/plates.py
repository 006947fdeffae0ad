"""Number plates: how one that a person typed is written, country by country, and what is none.

Pure. The normal form has capitals and digits only, so that `ab-123-cd`, `AB 123 CD` and `AB123CD` are one
plate. Where a country's format leaves only a digit, the letters O and I are read as 0 and 1. Formats are
those of the countries' registers, present and past series; special series (diplomats, armies) are taken
where their form is public. A plate is personal data: it shows itself to nobody by accident (`__repr__`),
and is stored by `offers.parking.plate_keys` only.

A German plate is written without the gap between district and letters, as cameras and inspectors write
it: B-AB 12 and BA-B 12 are one here.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from geo.errors import Fault, InvalidInput

LONGEST_TYPED: Final = 32
# What people and signs put between the parts.
_BETWEEN: Final = re.compile(r"[\s\-–—._·•:/*|]+")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_ELSEWHERE: Final = re.compile(r"(?=.*[0-9])[A-Z0-9ÅÄÖÜ]{2,12}")
_AS_DIGITS: Final = str.maketrans("OI", "01")


class Plate(msgspec.Struct, frozen=True, order=True):
    """A plate in normal form, and the country (ISO 3166) that issued it."""

    country: str
    text: str

    def __repr__(self) -> str:
        return f"Plate({self.country}, …)"

    __str__ = __repr__


class _Series(NamedTuple):
    """How a country's plates look. `forms` are templates: L a letter of the series, D a digit."""

    name: str
    example: str
    pattern: re.Pattern[str]
    forms: tuple[str, ...] = ()


def _series(name: str, example: str, *patterns: str, forms: tuple[str, ...] = ()) -> _Series:
    return _Series(name, example, re.compile("|".join(patterns)), forms)


# Letters that the current series use.
_SIV: Final = "[A-HJ-NP-TV-Z]"  # France since 2009: no I, O, U (arrêté du 9 février 2009)
_ITALY: Final = "[A-HJ-NPR-TV-Z]"  # Italy since 1994: no I, O, Q, U
_SPAIN: Final = "[B-DF-HJ-NPR-TV-Z]"  # Spain since 2000: no vowels, no Q (nor Ñ)
# The fourteen side codes of the Dutch register (RDW), and its older ones.
_SIDE_CODES: Final = (
    "LLDDDD", "DDDDLL", "DDLLDD", "LLDDLL", "LLLLDD", "DDLLLL", "DDLLLD", "DLLLDD",
    "LLDDDL", "LDDDLL", "LLLDDL", "LDDLLL", "DLLDDD", "DDDLLD",
)  # fmt: skip

_OF: Final[Mapping[str, _Series]] = MappingProxyType(
    {
        "FR": _series(
            "a French", "AB-123-CD",
            rf"{_SIV}{{2}}\d{{3}}{_SIV}{{2}}", r"\d{1,4}[A-HJ-NP-Z]{1,3}(?:\d{2}|2[AB]|97\d)",
            forms=("LLDDDLL",),
        ),
        "FI": _series(
            "a Finnish", "ABC-123",
            r"[A-ZÅÄÖ]{1,3}[1-9]\d{0,2}", r"[1-9]\d{0,2}[A-ZÅÄÖ]{1,3}", r"CD[1-9]\d{3}",
            forms=("LLLDDD",),
        ),
        # At most eight characters, E (electric) and H (historic) included (FZV).
        "DE": _series(
            "a German", "B-AB 1234",
            r"(?!.{9})[A-ZÄÖÜ]{2,5}[1-9]\d{0,3}[EH]?", r"(?!.{9})[A-ZÄÖÜ]{1,3}\d{1,6}",
        ),
        "GB": _series(
            "a British", "AB12 CDE",
            r"[A-HJ-PR-Y][A-HJ-PR-Z]\d{2}[A-HJ-PR-Z]{3}", r"[A-Z]\d{1,3}[A-Z]{3}", r"[A-Z]{3}\d{1,3}[A-Z]",
            r"[A-Z]{1,3}[1-9]\d{0,3}", r"[1-9]\d{0,3}[A-Z]{1,3}", r"\d{3}[DX]\d{3}",
            forms=("LLDDLLL",),
        ),
        "ES": _series(
            "a Spanish", "1234 BCD",
            rf"\d{{4}}{_SPAIN}{{3}}", rf"[CEHPRSTV]\d{{4}}{_SPAIN}{{3}}", r"[A-Z]{1,3}\d{4,6}",
            r"[A-Z]{1,2}\d{4}[A-Z]{1,2}",
            forms=("DDDDLLL",),
        ),
        "IT": _series(
            "an Italian", "AB 123 CD",
            rf"{_ITALY}{{2}}\d{{3}}{_ITALY}{{2}}", rf"{_ITALY}{{2}}\d{{5}}", r"[A-Z]{2}[A-Z0-9]\d{5}",
            r"ROMA[A-Z0-9]\d{5}", r"X[0-9B-DF-HJ-NPR-TV-Z]{5}",
            forms=("LLDDDLL",),
        ),
        "BE": _series(
            "a Belgian", "1-ABC-234",
            # A personal plate has what its holder likes (AR 20 July 2001); the letters O and I, too.
            r"\d[A-Z]{3}\d{3}", r"[A-Z]{3}\d{3}", r"\d{3}[A-Z]{3}", r"(?=.*[A-Z])[A-Z0-9]{2,8}",
        ),
        "NL": _series(
            "a Dutch", "AB-123-C",
            *(form.replace("L", "[A-Z]").replace("D", r"\d") for form in _SIDE_CODES),
        ),
    }
)  # fmt: skip

COUNTRIES: Final = tuple(_OF)


def read_plate(typed: str, country: str, field: str = "plate") -> Plate:
    """The plate that somebody typed. Raises InvalidInput that says why it is none, without repeating it."""
    if _COUNTRY.fullmatch(country) is None:
        reason = "is not a country's two capital letters such as FR (ISO 3166)"
        raise _refused(_beside(field, "country"), reason)
    text = _bare(typed, field)
    series = _OF.get(country)
    if series is None:
        if _ELSEWHERE.fullmatch(text) is None:
            raise _refused(field, "must have 2 to 12 letters and digits, with a digit among them")
        return Plate(country, text)
    for candidate in (text, *_corrected(text, series.forms)):
        if series.pattern.fullmatch(candidate):
            return Plate(country, candidate)
    raise _refused(field, f"is not {series.name} plate such as {series.example}")


def _bare(typed: str, field: str) -> str:
    if len(typed) > LONGEST_TYPED:
        raise _refused(field, f"must have at most {LONGEST_TYPED} characters")
    text = _BETWEEN.sub("", unicodedata.normalize("NFKC", typed))
    if not text:
        raise _refused(field, "must have letters and digits")
    if not all((one.isascii() and one.isalnum()) or one in "ÅÄÖÜåäöü" for one in text):
        raise _refused(field, "may have letters and digits only, with spaces or hyphens between")
    return text.upper()


def _corrected(text: str, forms: tuple[str, ...]) -> tuple[str, ...]:
    """With O and I as 0 and 1, where the current series has a digit."""
    return tuple(
        "".join(
            one.translate(_AS_DIGITS) if kind == "D" else one for one, kind in zip(text, form, strict=True)
        )
        for form in forms
        if len(form) == len(text)
    )


def _beside(field: str, name: str) -> str:
    """`rows[2].plate` → `rows[2].country`."""
    before, dot, _ = field.rpartition(".")
    return f"{before}{dot}{name}"


def _refused(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The plate cannot be used.", faults=(Fault(field, reason),))
