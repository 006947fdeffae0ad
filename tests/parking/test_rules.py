"""The pure rules of parking: plates, codes, restrictions, versions in time, confidence, what is paid now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import Fault, InvalidInput
from geo.kerbs import read_kerb
from geo.shapes import metres_per_degree
from offers.parking.codes import code_faults, code_key_of
from offers.parking.confidence import likely_zones
from offers.parking.paying_now import paying_now
from offers.parking.plates import COUNTRIES, read_plate
from offers.parking.restrictions import Restriction, forbidding, restriction_faults
from offers.parking.tariff_words import in_short, money
from offers.parking.tariffs import Tariff, read_tariff
from offers.parking.validity import Placed, Stretch, place, stretch_faults

# Plates ----------------------------------------------------------------------------------------------

GOOD = [
    ("FR", "ab-123-cd", "AB123CD"),
    ("FR", "AB I23 CD", "AB123CD"),
    ("FR", "AB-O12-CD", "AB012CD"),
    ("FR", "1234 AB 75", "1234AB75"),
    ("FR", "12 ABC 2A", "12ABC2A"),
    ("FI", "ABC-123", "ABC123"),
    ("FI", "ÅÄÖ-1", "ÅÄÖ1"),
    ("FI", "cd-1234", "CD1234"),
    ("DE", "B-AB 1234", "BAB1234"),
    ("DE", "MÜ X 12E", "MÜX12E"),
    ("DE", "THW 81234", "THW81234"),
    ("GB", "AB12 CDE", "AB12CDE"),
    ("GB", "ab I2 cde", "AB12CDE"),
    ("GB", "A123 BCD", "A123BCD"),
    ("GB", "AIZ 1234", "AIZ1234"),
    ("ES", "1234-BCD", "1234BCD"),
    ("ES", "M-1234-AB", "M1234AB"),
    ("IT", "AB 123 CD", "AB123CD"),
    ("IT", "X4B7CD", "X4B7CD"),
    ("BE", "1-ABC-234", "1ABC234"),
    ("BE", "FRITES", "FRITES"),
    ("NL", "AB-123-C", "AB123C"),
    ("NL", "12-ABC-3", "12ABC3"),
    ("CH", "ZH 123 456", "ZH123456"),
    ("PL", "WA 12345", "WA12345"),
]


@pytest.mark.parametrize(("country", "typed", "text"), GOOD)
def test_a_plate_is_one_however_it_is_typed(country: str, typed: str, text: str) -> None:
    assert read_plate(typed, country).text == text


NONSENSE = [
    ("FR", "AB-123-CO", "is not a French plate such as AB-123-CD"),
    ("FR", "hello", "is not a French plate such as AB-123-CD"),
    ("FR", "", "must have letters and digits"),
    ("FR", "- -", "must have letters and digits"),
    ("FR", "AB'123;CD", "may have letters and digits only, with spaces or hyphens between"),
    ("FR", "АВ-123-СD", "may have letters and digits only, with spaces or hyphens between"),  # noqa: RUF001
    ("FR", "A" * 33, "must have at most 32 characters"),
    ("FI", "ABC-012", "is not a Finnish plate such as ABC-123"),
    ("DE", "ABC-DE 12345", "is not a German plate such as B-AB 1234"),
    ("GB", "AB12CD", "is not a British plate such as AB12 CDE"),
    ("ES", "1234-AEI", "is not a Spanish plate such as 1234 BCD"),
    ("IT", "AB 123 QU", "is not an Italian plate such as AB 123 CD"),
    ("BE", "123456789", "is not a Belgian plate such as 1-ABC-234"),
    ("NL", "ABCDEF", "is not a Dutch plate such as AB-123-C"),
    ("CH", "ZURICH", "must have 2 to 12 letters and digits, with a digit among them"),
]


@pytest.mark.parametrize(("country", "typed", "reason"), NONSENSE)
def test_nonsense_is_refused_with_a_reason(country: str, typed: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_plate(typed, country, "rows[2].plate")
    assert refused.value.faults == (Fault("rows[2].plate", reason),)


def test_a_country_in_words_is_refused_beside_the_plate() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_plate("AB-123-CD", "France", "rows[2].plate")
    assert [fault.field for fault in refused.value.faults] == ["rows[2].country"]
    with pytest.raises(InvalidInput) as refused:
        read_plate("AB-123-CD", "fr")
    assert [fault.field for fault in refused.value.faults] == ["country"]


_TYPED = st.text(st.sampled_from("ABCDEIOZ0123456789 -.åÄöü"), max_size=14)


@given(_TYPED, st.sampled_from([*COUNTRIES, "CH"]))
def test_reading_is_idempotent_and_blind_to_how_a_plate_is_typed(typed: str, country: str) -> None:
    try:
        plate = read_plate(typed, country)
    except InvalidInput:
        return
    assert read_plate(plate.text, country) == plate
    assert read_plate(typed.swapcase(), country) == plate
    assert read_plate("-".join(plate.text), country) == plate


@given(st.text(max_size=20), st.sampled_from(["FR", "CH", "fr", "F", ""]))
def test_whatever_is_typed_is_a_plate_or_refused_and_never_repeated(typed: str, country: str) -> None:
    try:
        plate = read_plate(typed, country)
    except InvalidInput as refused:
        told = f"{refused.detail} {refused.faults}"
        assert len(typed.strip()) < 5 or typed.strip() not in told
    else:
        assert plate.text not in repr(plate)


# Codes -----------------------------------------------------------------------------------------------


@given(st.text(max_size=30))
def test_a_code_is_looked_up_alike_with_any_capitals_and_spaces(code: str) -> None:
    assert code_key_of(f" {code_key_of(code)} ") == code_key_of(code)
    if code.isascii():
        assert code_key_of(code.swapcase().replace(" ", "")) == code_key_of(code)


@pytest.mark.parametrize("code", ["", " ", "/7", "7/8", " 7", "\x077", "7" * 33, "-7"])
def test_a_code_that_cannot_stand_in_an_address_is_refused(code: str) -> None:
    assert [fault.field for fault in code_faults(code, "code")] == ["code"]


@pytest.mark.parametrize("code", ["7", "75 A1", "Zone-4", "Ä 9"])
def test_a_code_of_a_sign_is_taken(code: str) -> None:
    assert code_faults(code, "code") == []


# Restrictions ----------------------------------------------------------------------------------------

NOON = datetime(2026, 6, 3, 10, 0, tzinfo=UTC)  # a Wednesday, noon in Paris
PARIS = "Europe/Paris"
NOBODY: frozenset[str] = frozenset()


def test_a_restriction_holds_in_its_hours_and_not_for_those_it_excepts() -> None:
    market = Restriction(kind="no_stopping", hours="We 06:00-14:00")
    residents = Restriction(kind="permit_only", except_classes=["resident"])
    low = Restriction(kind="max_height", max_height_cm=190)
    both = [low, market, residents]
    evening = NOON + timedelta(hours=6)
    assert forbidding(both, PARIS, NOBODY, NOON) == market
    assert forbidding(both, PARIS, NOBODY, evening) == residents
    assert forbidding(both, PARIS, frozenset({"resident"}), evening) is None
    assert forbidding([low], PARIS, NOBODY, NOON) is None


def test_hours_that_cannot_be_judged_count_as_in_force() -> None:
    odd = Restriction(kind="no_parking", hours='"on request"')
    assert forbidding([odd], PARIS, NOBODY, NOON) == odd


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "no_parking", "except_classes": ["ok", "No!"]}, "r[0].except_classes[1]"),
        ({"kind": "max_height"}, "r[0].max_height_cm"),
        ({"kind": "no_parking", "max_height_cm": 190}, "r[0].max_height_cm"),
        ({"kind": "max_height", "max_height_cm": 19}, "r[0].max_height_cm"),
        ({"kind": "no_parking", "note": ""}, "r[0].note"),
        ({"kind": "no_parking", "note": "x" * 201}, "r[0].note"),
    ],
)
def test_a_restriction_that_cannot_be_is_refused(said: dict[str, Any], field: str) -> None:
    assert [fault.field for fault in restriction_faults([Restriction(**said)], "r")] == [field]


def test_there_is_an_end_to_restrictions() -> None:
    many = [Restriction(kind="no_parking")] * 21
    assert [fault.field for fault in restriction_faults(many, "r")] == ["r"]
    assert restriction_faults(many[:20], "r") == []


# Versions in time ------------------------------------------------------------------------------------

_DAY = timedelta(days=1)
_DAYS = st.one_of(st.none(), st.integers(0, 40).map(lambda day: NOON + (day - 20) * _DAY))


@st.composite
def _stretches(draw: st.DrawFn) -> list[Stretch]:
    pairs = draw(st.lists(st.tuples(_DAYS, _DAYS), max_size=7))
    return [
        Stretch(version=n, valid_from=begin, valid_until=end) for n, (begin, end) in enumerate(pairs, start=1)
    ]


@given(_stretches())
def test_however_versions_are_published_no_two_hold_at_once_and_the_past_stays(wanted: list[Stretch]) -> None:
    there: list[Stretch] = []
    for new in wanted:
        if stretch_faults(new):
            continue
        moments = [NOON + _DAY * day / 2 for day in range(-60, 60)]
        before = {at: [one.version for one in there if one.holds_at(at)] for at in moments}
        placed = place(new, there, NOON)
        if isinstance(placed, Placed):
            there = [
                Stretch(version=one.version, valid_from=one.valid_from, valid_until=placed.stretch.valid_from)
                if one.version == placed.ends
                else one
                for one in there
            ]
            there.append(placed.stretch)
        for at in moments:
            holding = [one.version for one in there if one.holds_at(at)]
            assert len(holding) <= 1
            if at < NOON and before[at]:
                assert holding == before[at], "what was in force stays"


def test_an_end_before_its_beginning_is_refused() -> None:
    backwards = Stretch(version=1, valid_from=NOON, valid_until=NOON)
    assert [fault.field for fault in stretch_faults(backwards, "at.")] == ["at.valid_until"]
    far = Stretch(version=1, valid_from=datetime(1999, 1, 1, tzinfo=UTC))
    assert [fault.field for fault in stretch_faults(far)] == ["valid_from"]


# Confidence ------------------------------------------------------------------------------------------

LAT, LON = 48.8566, 2.3522
_EAST, _NORTH = metres_per_degree(LAT)
_METRES = st.integers(-120, 120)


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(LON + west / _EAST, LAT + south / _NORTH, LON + east / _EAST, LAT + north / _NORTH)


_BOXES = st.tuples(_METRES, _METRES, st.integers(1, 90), st.integers(1, 90)).map(
    lambda said: box(said[0], said[1], said[0] + said[2], said[1] + said[3])
)
_ACCURACY = st.floats(0, 200)


@given(st.lists(_BOXES, max_size=6), _ACCURACY)
def test_confidences_never_sum_to_more_than_one(shapes: list[shapely.Polygon], accuracy_m: float) -> None:
    likely = likely_zones(LON, LAT, accuracy_m, shapes)
    assert len(likely) == len(shapes)
    assert all(0 <= one.confidence <= 1 and one.distance_m >= 0 for one in likely)
    assert sum(one.confidence for one in likely) <= 1 + 1e-9


@given(_METRES, _METRES, st.integers(1, 60), st.integers(1, 40), _ACCURACY)
def test_a_zone_that_covers_more_is_never_less_likely(
    west: int, south: int, side: int, more: int, accuracy_m: float
) -> None:
    small = box(west, south, west + side, south + side)
    large = box(west - more, south - more, west + side + more, south + side + more)
    (smaller,), (larger,) = (likely_zones(LON, LAT, accuracy_m, [one]) for one in (small, large))
    assert larger.confidence >= smaller.confidence
    assert larger.distance_m <= smaller.distance_m


@given(st.integers(0, 150), st.integers(1, 60), st.floats(3, 60))
def test_a_zone_farther_away_is_not_likelier(near_m: int, farther_m: int, accuracy_m: float) -> None:
    near, far = (box(at, -300, at + 400, 300) for at in (near_m, near_m + farther_m))
    (nearer,), (farther,) = (likely_zones(LON, LAT, accuracy_m, [one]) for one in (near, far))
    assert farther.confidence <= nearer.confidence + 0.01


def test_the_circle_of_a_fix_holds_68_percent_and_its_half_plane_half() -> None:
    circle = shapely.transform(
        shapely.Point(0, 0).buffer(30, quad_segs=64), lambda metres: metres / (_EAST, _NORTH) + (LON, LAT)
    )
    (within,) = likely_zones(LON, LAT, 30, [circle])
    (half,) = likely_zones(LON, LAT, 30, [box(0, -500, 500, 500)])
    assert within.confidence == pytest.approx(0.68, abs=0.02)
    assert half.confidence == pytest.approx(0.5, abs=0.02)
    assert half.distance_m == pytest.approx(0, abs=0.01)


def test_two_zones_share_what_falls_into_both() -> None:
    everywhere = box(-500, -500, 500, 500)
    assert [one.confidence for one in likely_zones(LON, LAT, 20, [everywhere, everywhere])] == [0.5, 0.5]
    assert likely_zones(LON, LAT, 20, []) == []


# Kerbs -----------------------------------------------------------------------------------------------


@given(st.floats(-80, 80), st.floats(-170, 170), st.floats(2, 50), st.floats(0, 6.28))
def test_a_strip_reaches_as_far_as_it_should_at_any_latitude(
    lat: float, lon: float, buffer_m: float, turn: float
) -> None:
    east, north = metres_per_degree(lat)
    shift = shapely.transform(
        shapely.LineString([(0, 0), (80, 0), (120, 50)]), lambda metres: metres / (east, north) + (lon, lat)
    )
    line = {"type": "LineString", "coordinates": shapely.get_coordinates(shift).tolist()}
    _, width_m, strip = read_kerb(line, buffer_m)
    plane = shapely.transform(strip.polygon, lambda degrees: (degrees - (lon, lat)) * (east, north))
    wanted = shapely.LineString([(0, 0), (80, 0), (120, 50)]).buffer(width_m)
    assert width_m == buffer_m
    assert plane.symmetric_difference(wanted).area < 0.02 * wanted.area


@pytest.mark.parametrize(
    ("coordinates", "buffer_m", "field"),
    [
        ([[2.0, 48.0], [2.0, 48.001]], 1, "properties.buffer_m"),
        ([[2.0, 48.0], [2.0, 48.001]], 51, "properties.buffer_m"),
        ([[2.0, 48.0], [2.0, 48.2]], None, "geometry.coordinates"),
        ([[2.0, 48.0], [2.0, 48.0]], None, "geometry.coordinates"),
        ([[2.0 + n % 2 * 0.002, 48 + n * 0.00005] for n in range(1_900)], 2, "geometry.coordinates"),
    ],
    ids=["too narrow", "too wide", "too long", "no length", "too winding"],
)
def test_a_kerb_that_makes_no_strip_is_refused(coordinates: Any, buffer_m: float | None, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_kerb({"type": "LineString", "coordinates": coordinates}, buffer_m)
    assert [fault.field for fault in refused.value.faults] == [field]


def test_a_kerb_of_several_lines_is_one_zone() -> None:
    lines = [[[2.0, 48.0], [2.0, 48.001]], [[2.001, 48.0], [2.001, 48.001]]]
    _, width_m, strip = read_kerb({"type": "MultiLineString", "coordinates": lines}, None)
    assert width_m == 12
    assert strip.polygon.geom_type == "MultiPolygon"


# What is paid now ------------------------------------------------------------------------------------

TARIFF = read_tariff(
    {
        "id": "a",
        "version": 1,
        "currency": "EUR",
        "rates": [
            {
                "hours": "Mo-Fr 09:00-12:30,14:00-19:00; PH off",
                "lines": [{"type": "increment", "per_minutes": 15, "price_minor": 100}],
                "max_stay_minutes": 120,
            },
            {"priority": -1, "activity": "no_parking", "hours": "Sa 06:00-14:00"},
            {
                "priority": -2,
                "user_classes": ["resident"],
                "hours": "Mo-Fr 09:00-12:30",
                "lines": [{"type": "step", "price_minor": 0}],
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("at", "classes", "state", "changes_at"),
    [
        ("2026-06-03T10:00", NOBODY, "paid", "2026-06-03T10:30"),
        ("2026-06-03T11:00", NOBODY, "free", "2026-06-03T12:00"),
        ("2026-06-05T18:00", NOBODY, "free", "2026-06-06T04:00"),
        ("2026-06-06T08:00", NOBODY, "forbidden", "2026-06-06T12:00"),
        ("2026-06-03T10:00", frozenset({"resident"}), "free", "2026-06-03T12:00"),
    ],
)
def test_what_is_so_now_and_when_it_changes(
    at: str, classes: frozenset[str], state: str, changes_at: str
) -> None:
    now = datetime.fromisoformat(f"{at}+00:00")
    paying = paying_now(TARIFF, now, PARIS, classes)
    assert paying.state == state
    assert paying.changes_at == datetime.fromisoformat(f"{changes_at}+00:00")


def _tariff(*rates: dict[str, Any]) -> Tariff:
    return read_tariff({"id": "b", "version": 1, "currency": "EUR", "rates": list(rates)})


EURO_AN_HOUR = {"type": "increment", "per_minutes": 60, "price_minor": 100}


def test_hours_that_follow_each_other_are_no_change() -> None:
    always = paying_now(_tariff({"lines": [EURO_AN_HOUR]}), NOON, PARIS)
    halves = _tariff(
        {"hours": "Mo-Su 00:00-12:00", "lines": [EURO_AN_HOUR]},
        {"priority": 1, "hours": "Mo-Su 12:00-24:00", "lines": [EURO_AN_HOUR]},
    )
    assert (always.state, always.changes_at) == ("paid", None)
    assert (paying_now(halves, NOON, PARIS).state, paying_now(halves, NOON, PARIS).changes_at) == (
        "paid",
        None,
    )
    assert in_short(always, NOON, PARIS, "en") == "Paid. 1 h: €1.00."


def test_where_nobody_may_park_nothing_is_priced() -> None:
    never = paying_now(_tariff({"activity": "no_parking"}), NOON, PARIS)
    assert (never.state, never.hour_minor, never.first_steps) == ("forbidden", None, [])
    assert in_short(never, NOON, PARIS, "en") == "No parking."


def test_where_a_stay_is_shorter_than_an_hour_the_first_price_is_told() -> None:
    short = _tariff(
        {
            "hours": "Mo-Su 08:00-20:00",
            "lines": [{"type": "step", "price_minor": 50}],
            "max_stay_minutes": 30,
        }
    )
    paying = paying_now(short, NOON, PARIS)
    assert paying.hour_minor is None
    assert in_short(paying, NOON, PARIS, "en") == "Paid until 20:00. 30 min: €0.50. At most until 12:30."
    evening = NOON + timedelta(hours=9)
    assert in_short(paying_now(short, evening, PARIS), evening, PARIS, "fr").startswith(
        "Gratuit jusqu'à 2026-06-04 08:00."
    )


def test_a_line_says_what_a_driver_wants_to_know() -> None:
    paying = paying_now(TARIFF, NOON - timedelta(hours=1), PARIS)
    said = [in_short(paying, NOON - timedelta(hours=1), PARIS, language) for language in ("en", "fr")]
    assert said == [
        "Paid until 12:30. 1 h: €4.00. At most until 14:30.",
        "Payant jusqu'à 12:30. 1 h : 4,00 €. Au plus jusqu'à 14:30.",
    ]


def test_money_is_written_with_the_digits_of_its_currency() -> None:
    assert money(130, "EUR", "en") == "€1.30"
    assert money(5, "EUR", "fr") == "0,05 €"
    assert money(130, "JPY", "en") == "130 JPY"
    assert money(1_234, "TND", "fr") == "1,234 TND"
    assert money(1_000, "CHF", "en") == "10.00 CHF"
