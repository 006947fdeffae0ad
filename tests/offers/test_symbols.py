"""What a till's reader can read. The EAN samples are the worked examples of the GS1 specification."""

import pytest

from offers.symbols import check_digit, why_not_encodable


@pytest.mark.parametrize(
    ("digits", "check"), [("629104150021", "3"), ("9638507", "4"), ("400638133393", "1")]
)
def test_check_digits_are_those_of_gs1(digits: str, check: str) -> None:
    assert str(check_digit(digits)) == check


@pytest.mark.parametrize(
    ("code", "code_format", "fault"),
    [
        ("6291041500213", "ean_13", None),
        ("6291041500214", "ean_13", "check digit"),
        ("629104150021", "ean_13", "13 digits"),
        ("62910415002A3", "ean_13", "13 digits"),
        ("٦291041500213", "ean_13", "13 digits"),
        ("96385074", "ean_8", None),
        ("SAVE-10", "code_128", None),
        ("ÉTÉ", "code_128", "ASCII"),
        ("https://shop.example/é?c=1", "qr", None),
        ("", "qr", "1 to 200"),
        ("a\nb", "qr", "printable"),
        ("x" * 201, "qr", "1 to 200"),
    ],
)
def test_a_code_must_fit_its_symbology(code: str, code_format: str, fault: str | None) -> None:
    reason = why_not_encodable(code, code_format)
    assert (reason is None) if fault is None else fault in (reason or "")
