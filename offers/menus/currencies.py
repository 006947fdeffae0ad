"""Currencies by their ISO 4217 codes, and prices between minor units and decimal text.

Owns how many decimals a currency has (ISO 4217, list one: two where nothing else is said). No float is ever
made of a price. Pure: no database.
"""

import re
from decimal import Decimal
from typing import Final

_LIST_ONE: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD"
    " HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD"
    " LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK"
    " PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT"
    " TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
_CODES: Final = frozenset(_LIST_ONE.split())
_WITHOUT_DECIMALS: Final = frozenset(
    (
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
        "XOF", "XPF",
    )
)  # fmt: skip
_THREE_DECIMALS: Final = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_DECIMAL: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?")


def is_currency(code: str) -> bool:
    return code in _CODES


def decimals_of(currency: str) -> int:
    """How many digits stand behind the point."""
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def as_decimal(price_minor: int, currency: str) -> str:
    """`1250` in EUR is `12.50`."""
    places = decimals_of(currency)
    if not places:
        return str(price_minor)
    whole, part = divmod(price_minor, 10**places)
    return f"{whole}.{part:0{places}d}"


def as_minor(text: str, currency: str) -> int | None:
    """`12.5` in EUR is 1250; None for what is no price of that currency, such as `12.505` or `-1`."""
    if not _DECIMAL.fullmatch(text):
        return None
    exact = Decimal(text).scaleb(decimals_of(currency))
    return int(exact) if exact == exact.to_integral_value() else None
