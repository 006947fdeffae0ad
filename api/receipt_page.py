"""A receipt of parking as a page that prints on one sheet, in English or French.

Owns its words and form; the numbers are `offers.parking.receipts`'.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import Final

from api.docs_page.frame import framed
from geo.wall_clock import wall_time
from offers.handing.plain_words import SpokenLanguage
from offers.parking.receipts import ParkingReceipt, ReceiptLine
from offers.parking.tariff_words import money

_WORDS: Final[Mapping[SpokenLanguage, Mapping[str, str]]] = {
    "en": {
        "title": "Parking receipt",
        "test": "TEST RECEIPT: sandbox money, nothing was paid.",
        "open": "This stay has not ended; its receipt may still change.",
        "operator": "Operator",
        "zone": "Zone",
        "plate": "Plate",
        "classes": "Parked as",
        "tariff": "Tariff",
        "version": "version",
        "clock": "Time zone",
        "from": "From",
        "until": "Until",
        "stopped": "stopped by the driver",
        "expired": "ended in time",
        "total": "Total paid",
        "vat": "Of which VAT",
        "net": "Without VAT",
        "paid_at": "Paid at",
        "for_until": "For parking until",
        "amount": "Amount",
        "back": "Given back",
        "payment": "Payment",
        "number": "Receipt number",
        "issued": "Issued",
        "free": "free of charge",
    },
    "fr": {
        "title": "Reçu de stationnement",
        "test": "REÇU D'ESSAI : argent fictif, rien n'a été payé.",
        "open": "Ce stationnement n'est pas terminé ; le reçu peut encore changer.",
        "operator": "Exploitant",
        "zone": "Zone",
        "plate": "Immatriculation",
        "classes": "Stationné comme",
        "tariff": "Tarif",
        "version": "version",
        "clock": "Fuseau horaire",
        "from": "Du",
        "until": "Au",
        "stopped": "arrêté par le conducteur",
        "expired": "terminé à l'heure",
        "total": "Total payé",
        "vat": "Dont TVA",
        "net": "Hors TVA",
        "paid_at": "Payé le",
        "for_until": "Pour stationner jusqu'au",
        "amount": "Montant",
        "back": "Remboursé",
        "payment": "Paiement",
        "number": "Numéro de reçu",
        "issued": "Établi le",
        "free": "gratuit",
    },
}


def render(receipt: ParkingReceipt, language: SpokenLanguage) -> str:
    """The whole page."""
    words = _WORDS[language]
    warnings = [
        *([words["test"]] if receipt.money == "sandbox" else []),
        *([] if receipt.is_final else [words["open"]]),
    ]
    body = (
        f"<main><h1>{escape(words['title'])}</h1>"
        f"{''.join(f'<p><strong>{escape(one)}</strong></p>' for one in warnings)}"
        f"<table><tbody>{_rows(_facts(receipt, language))}</tbody></table>"
        f"<h2>{escape(words['payment'])}</h2><table>{_payments(receipt, language)}</table></main>"
    )
    return framed(words["title"], body, language=language, kind="receipt")


def _facts(receipt: ParkingReceipt, language: SpokenLanguage) -> Iterator[tuple[str, str]]:
    words = _WORDS[language]
    yield words["number"], str(receipt.receipt_id)
    yield words["issued"], _clock(receipt.issued_at, receipt.time_zone)
    yield words["operator"], receipt.operator
    yield words["zone"], f"{receipt.zone_code} · {receipt.zone_name}"
    yield words["plate"], f"{receipt.plate} ({receipt.country})"
    if receipt.classes:
        yield words["classes"], ", ".join(receipt.classes)
    yield words["tariff"], f"{receipt.tariff}, {words['version']} {receipt.tariff_version}"
    yield words["clock"], receipt.time_zone
    yield words["from"], _clock(receipt.starts_at, receipt.time_zone)
    ending = f" ({words[receipt.ended_because]})" if receipt.ended_because else ""
    yield words["until"], _clock(receipt.ends_at, receipt.time_zone) + ending
    yield words["total"], money(receipt.total_minor, receipt.currency, language)
    if receipt.vat is not None:
        rate = f"{receipt.vat.basis_points // 100}.{receipt.vat.basis_points % 100:02} %"
        yield f"{words['vat']} ({rate})", money(receipt.vat.vat_minor, receipt.currency, language)
        yield words["net"], money(receipt.vat.net_minor, receipt.currency, language)


def _payments(receipt: ParkingReceipt, language: SpokenLanguage) -> str:
    words = _WORDS[language]
    names = ("paid_at", "for_until", "amount", "back")
    head = "".join(f"<th>{escape(words[name])}</th>" for name in names)
    rows = "".join(_payment(line, receipt, language) for line in receipt.lines)
    return f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"


def _payment(line: ReceiptLine, receipt: ParkingReceipt, language: SpokenLanguage) -> str:
    number = _WORDS[language]["free"] if line.payment_id is None else str(line.payment_id)
    others = (
        _clock(line.until, receipt.time_zone),
        money(line.amount_minor, receipt.currency, language),
        money(line.given_back_minor, receipt.currency, language),
    )
    cells = "".join(f"<td>{escape(one)}</td>" for one in others)
    paid_at = escape(_clock(line.paid_at, receipt.time_zone))
    return f"<tr><td>{paid_at}<small>{escape(number)}</small></td>{cells}</tr>"


def _rows(facts: Iterator[tuple[str, str]]) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in facts
    )


def _clock(at: datetime, time_zone: str) -> str:
    return f"{wall_time(at, time_zone):%Y-%m-%d %H:%M}"
