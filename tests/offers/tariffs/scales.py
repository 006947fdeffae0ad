"""Tariffs as cities print them, for tests: facts with their source, in the documented JSON form."""

from typing import Any, Final

from offers.parking.tariffs import Tariff, read_tariff

# City of Montpellier, "Stationnement payant en voirie" (VilleMTP_MTP_TarifStaVoies, Licence Ouverte),
# state of 2014-01-30. It prints durations and prices; the hours are not in it, so they are ours.
MONTPELLIER_HOURS: Final = "Mo-Sa 09:00-12:00,14:00-19:00; PH off"
# Of each zone the minutes and the cents.
JAUNE: Final = ((30, 100), (45, 150), (60, 200), (75, 250), (90, 300), (105, 350), (120, 400))
ORANGE: Final = ((60, 130), (120, 260), (180, 310), (240, 360), (300, 400))
VERTE: Final = (
    (60, 80), (120, 120), (180, 140), (240, 150), (300, 160), (360, 170), (420, 180), (480, 190), (540, 200),
)  # fmt: skip
MONTPELLIER: Final = {"jaune": JAUNE, "orange": ORANGE, "verte": VERTE}
RESIDENT: Final = ((240, 60), (300, 70))
RESIDENT_PASSES: Final = (
    {"paid_days": 1, "price_minor": 100},
    {"paid_days": 6, "price_minor": 400},
    {"days": 15, "price_minor": 750},
    {"months": 1, "price_minor": 1500},
)

# Paris, visitors, from 2021-08-02: 6 €/h in zone 1 and 4 €/h in zone 2 for the first hours, 75 € and
# 50 € for six hours, the longest stay, which is the FPS as well; Mo-Sa 9-20 h, not on Sundays and
# holidays (AFP, 2021-08-02, by Boursorama). The hours three to five between are not in that source:
# they are what makes this scale "Paris-like".
PARIS_1: Final = ((60, 600), (120, 1200), (180, 2400), (240, 3900), (300, 5600), (360, 7500))
PARIS_2: Final = ((60, 400), (120, 800), (180, 1600), (240, 2600), (300, 3700), (360, 5000))


def steps(*printed: tuple[int, int]) -> list[dict[str, Any]]:
    """Lines of a table of durations (minutes) and prices (minor units)."""
    begins = [0, *(minutes for minutes, _ in printed)]
    return [
        {"type": "step", "from_minutes": begin, "until_minutes": minutes, "price_minor": price}
        for begin, (minutes, price) in zip(begins, printed, strict=False)
    ]


def tariff_of(*rates: dict[str, Any], **members: Any) -> Tariff:
    numbered = [{"priority": number, **rate} for number, rate in enumerate(rates)]
    return read_tariff({"id": "test", "version": 1, "currency": "EUR", "rates": numbered, **members})


def montpellier(zone: str) -> Tariff:
    """Of the zone jaune, orange or verte, with what its residents pay, those with a tram pass (tam) apart."""
    visitor = {"hours": MONTPELLIER_HOURS, "lines": steps(*MONTPELLIER[zone])}
    subscriber = {"hours": MONTPELLIER_HOURS, "user_classes": ["resident", "tam"]}
    if zone == "verte":
        return tariff_of({**subscriber, "passes": [{"months": 1, "price_minor": 0}]}, visitor)
    lines = steps(*RESIDENT)
    month = {"months": 1, "price_minor": 750}
    resident = {"hours": MONTPELLIER_HOURS, "user_classes": ["resident"], "lines": lines}
    return tariff_of(
        {**subscriber, "lines": lines, "passes": [*RESIDENT_PASSES[:-1], month]},
        {**resident, "passes": list(RESIDENT_PASSES)},
        visitor,
    )


def paris(*printed: tuple[int, int]) -> Tariff:
    rate = {"hours": "Mo-Sa 09:00-20:00; PH off", "lines": steps(*printed)}
    return tariff_of(rate, fps_minor=printed[-1][1])
