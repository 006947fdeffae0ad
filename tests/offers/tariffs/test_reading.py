"""Tariffs as JSON: what is wrong is named by its path and reason, what is right comes back as it was."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from geo.errors import Fault, InvalidInput
from offers.parking.tariffs import overlapping, read_tariff, version_at, write_tariff

Path = tuple[str | int, ...]

GOOD: dict[str, Any] = {
    "id": "centre",
    "version": 3,
    "name": {"fr": "Centre", "en-GB": "Town centre"},
    "currency": "EUR",
    "valid_from": "2026-01-01T00:00:00+01:00",
    "valid_until": "2027-01-01T00:00:00+01:00",
    "extension": "new",
    "fps_minor": 900,
    "rates": [
        {
            "priority": 1,
            "user_classes": ["resident"],
            "hours": "Mo-Sa 09:00-19:00; PH off",
            "lines": [{"type": "step", "until_minutes": 240, "price_minor": 60}],
            "passes": [{"paid_days": 1, "price_minor": 100}, {"paid_days": 6, "price_minor": 400}],
        },
        {
            "priority": 2,
            "hours": "Mo-Sa 09:00-19:00; PH off",
            "currency": "EUR",
            "free": {"minutes": 30, "per": "day", "remainder": "kept"},
            "max_stay_minutes": 180,
            "no_return_minutes": 60,
            "lines": [
                {"type": "step", "until_minutes": 60, "price_minor": 100},
                {
                    "type": "increment",
                    "from_minutes": 60,
                    "until_minutes": 180,
                    "price_minor": 100,
                    "per_minutes": 15,
                },
            ],
        },
        {"priority": 0, "hours": "Mo 05:00-07:00", "activity": "no_parking"},
        {
            "priority": 3,
            "user_classes": ["electric"],
            "cap_per_day_minor": 1000,
            "lines": [{"type": "increment", "price_minor": 5, "per_minutes": 1}],
        },
    ],
}


def changed(path: Path, value: object) -> dict[str, Any]:
    raw = copy.deepcopy(GOOD)
    at: Any = raw
    for one in path[:-1]:
        at = at[one]
    at[path[-1]] = value
    return raw


def faults(raw: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        read_tariff(raw)
    return [(fault.field, fault.reason) for fault in refused.value.faults]


def test_what_is_written_is_what_differs_from_the_defaults() -> None:
    tariff = read_tariff(GOOD)
    written = write_tariff(tariff)
    assert read_tariff(written) == tariff
    assert "overnight" not in written["rates"][1]
    assert "per" not in written["rates"][1]["free"]
    assert written["rates"][1]["lines"][0] == {"type": "step", "until_minutes": 60, "price_minor": 100}


VISITOR: Path = ("rates", 1)
LINES: Path = (*VISITOR, "lines")
PASSES: Path = ("rates", 0, "passes")
WRONG: list[tuple[Path, object, str, str]] = [
    ((*LINES, 0, "price_minor"), -1, "rates[1].lines[0].price_minor", "must not be negative"),
    ((*LINES, 0, "price_minor"), 10**10, "rates[1].lines[0].price_minor", "must be at most 1000000000"),
    ((*LINES, 0, "price_minor"), 1.0, "rates[1].lines[0].price_minor", "expected `int`, got `float`"),
    ((*LINES, 0, "price_minor"), True, "rates[1].lines[0].price_minor", "expected `int`, got `bool`"),
    ((*LINES, 0, "price_minor"), "100", "rates[1].lines[0].price_minor", "expected `int`, got `str`"),
    ((*LINES, 1, "price_minor"), -5, "rates[1].lines[1].price_minor", "must not be negative"),
    ((*LINES, 1, "per_minutes"), 0, "rates[1].lines[1].per_minutes", "must be 1 to 527040 minutes"),
    ((*LINES, 1, "from_minutes"), 75, "rates[1].lines[1].from_minutes", "leaves a gap from 60 to 75 minutes"),
    (
        (*LINES, 1, "from_minutes"),
        45,
        "rates[1].lines[1].from_minutes",
        "overlaps what is before, which ends at 60 minutes",
    ),
    ((*LINES, 0, "from_minutes"), 5, "rates[1].lines[0].from_minutes", "leaves a gap from 0 to 5 minutes"),
    ((*LINES, 0, "until_minutes"), 0, "rates[1].lines[0].until_minutes", "must be 1 to 527040 minutes"),
    (
        (*LINES, 1, "until_minutes"),
        60,
        "rates[1].lines[1].until_minutes",
        "must be more than from_minutes, 60",
    ),
    (
        (*LINES, 0, "until_minutes"),
        None,
        "rates[1].lines[1].from_minutes",
        "comes after a line without until_minutes",
    ),
    (
        (*LINES, 1),
        {"type": "step", "from_minutes": 60, "until_minutes": 180, "price_minor": 99},
        "rates[1].lines[1].price_minor",
        "falls below 100, which is reached before it",
    ),
    ((*LINES, 0, "type"), "flat", "rates[1].lines[0].type", "must be one of step, increment"),
    ((*LINES, 0), {"price_minor": 1}, "rates[1].lines[0].type", "is missing"),
    ((*LINES, 0, "per_hour"), 1, "rates[1].lines[0].per_hour", "is not known"),
    (LINES, [], "rates[1].lines", "must have at least one, or the rate a pass; a price may be 0"),
    (LINES, GOOD["rates"][1]["lines"] * 101, "rates[1].lines", "has more than 200 lines"),
    ((*PASSES, 0), {"price_minor": 1}, "rates[0].passes[0]", "must have one of paid_days, days and months"),
    ((*PASSES, 0, "days"), 1, "rates[0].passes[0]", "must have one of paid_days, days and months"),
    ((*PASSES, 0, "paid_days"), 0, "rates[0].passes[0].paid_days", "must be 1 to 366"),
    ((*PASSES, 0, "paid_days"), 6, "rates[0].passes[1].paid_days", "6 is there twice"),
    ((*PASSES, 0, "price_minor"), -1, "rates[0].passes[0].price_minor", "must not be negative"),
    (
        (*PASSES, 1, "price_minor"),
        99,
        "rates[0].passes[1].price_minor",
        "falls below 100, the price of a shorter one",
    ),
    (PASSES, GOOD["rates"][0]["passes"] * 26, "rates[0].passes", "has more than 50 passes"),
    (
        ("rates", 0, "overnight"),
        "ends",
        "rates[0].passes[1]",
        "is for more than a day, but overnight is ends",
    ),
    (("rates", 0, "overnight"), "stops", "rates[0].overnight", "must be one of continues, anew, ends"),
    (("rates", 0, "day_begins"), "4:00", "rates[0].day_begins", "must be a time of day such as 04:00"),
    ((*VISITOR, "currency"), "USD", "rates[1].currency", "is USD, but the tariff's is EUR"),
    ((*VISITOR, "priority"), 1, "rates[1].priority", "1 is that of rates[0] too: which one wins?"),
    (
        (*VISITOR, "hours"),
        "Mo-Fr 9h-19h",
        "rates[1].hours",
        "is not understood as opening hours (OSM syntax) at character 7: expected",
    ),
    (
        (*VISITOR, "hours"),
        "Mo-Fr sunrise-19:00",
        "rates[1].hours",
        "has sunrise, on which no price can depend",
    ),
    ((*VISITOR, "hours"), 'Mo-Fr "market"', "rates[1].hours", 'has ", on which no price can depend'),
    (
        (*VISITOR, "hours"),
        ",".join(
            f"{hour:02}:{minute:02}-{hour:02}:{minute + 1:02}" for hour in range(24) for minute in (0, 30)
        ),
        "rates[1].hours",
        "begin and end more than 2928 times in a year",
    ),
    ((*VISITOR, "hours"), "SH 09:00-19:00", "rates[1].hours", "has SH, on which no price can depend"),
    ((*VISITOR, "free", "minutes"), 0, "rates[1].free.minutes", "must be 1 to 527040 minutes"),
    (
        (*VISITOR, "free", "per"),
        "stay",
        "rates[1].free.remainder",
        "is kept only where the free minutes are per day",
    ),
    ((*VISITOR, "free", "per"), "week", "rates[1].free.per", "must be one of day, stay"),
    (("rates", 3, "cap_per_day_minor"), -1, "rates[3].cap_per_day_minor", "must not be negative"),
    ((*VISITOR, "max_stay_minutes"), 0, "rates[1].max_stay_minutes", "must be 1 to 527040 minutes"),
    ((*VISITOR, "no_return_minutes"), -1, "rates[1].no_return_minutes", "must be 1 to 527040 minutes"),
    (
        (*VISITOR, "name"),
        {"français": "x"},
        "rates[1].name.français",
        "is not a language tag such as fr or en-GB",
    ),
    ((*VISITOR, "name"), {"fr": " "}, "rates[1].name.fr", "must be 1 to 140 printable characters"),
    (
        (*VISITOR, "user_classes"),
        ["Résident"],
        "rates[1].user_classes[0]",
        "must be 1 to 40 of a to z, 0 to 9, _ and -",
    ),
    ((*VISITOR, "user_classes"), ["tam", "tam"], "rates[1].user_classes[1]", "is there twice"),
    ((*VISITOR, "user_classes"), list("abcdefghijk"), "rates[1].user_classes", "names more than 10"),
    (
        ("rates", 2, "max_stay_minutes"),
        5,
        "rates[2].max_stay_minutes",
        "goes with parking, not with no_parking",
    ),
    (("rates", 2, "activity"), "loading", "rates[2].activity", "must be one of parking, no_parking"),
    (("rates",), [], "rates", "must be 1 to 50"),
    (("rates",), {}, "rates", "expected `array`, got `object`"),
    (("id",), "", "id", "must be 1 to 64 letters, digits and . _ : -, a letter or digit first"),
    (("version",), 0, "version", "must be 1 to 2147483647"),
    (("currency",), "euro", "currency", "must be three capital letters such as EUR (ISO 4217)"),
    (("name",), {f"a{chr(97 + n)}": "x" for n in range(21)}, "name", "has more than 20 languages"),
    (
        ("valid_from",),
        "2026-01-01T00:00:00",
        "valid_from",
        "must have an offset, such as 2026-01-01T00:00:00+01:00",
    ),
    (("valid_until",), GOOD["valid_from"], "valid_until", "must be after valid_from"),
    (("extension",), "never", "extension", "must be one of cumulative, new"),
    (("fps_minor",), -1, "fps_minor", "must not be negative"),
    (("fps_minor",), 901, "fps_minor", "is more than the longest stay costs, which is 900"),
    (("colour",), "yellow", "colour", "is not known"),
]


@pytest.mark.parametrize(("path", "value", "field", "reason"), WRONG)
def test_what_is_wrong_is_named_by_path_and_reason(
    path: Path, value: object, field: str, reason: str
) -> None:
    found = dict(faults(changed(path, value)))
    assert found[field].startswith(reason)


@pytest.mark.parametrize("raw", [None, [], "centre", 7])
def test_what_is_no_object_is_no_tariff(raw: object) -> None:
    ((field, reason),) = faults(raw)
    assert field == "tariff"
    assert reason.startswith("expected `object`, got")


def test_every_fault_is_told_at_once() -> None:
    raw = changed((*LINES, 0, "price_minor"), -1)
    raw["rates"][1]["lines"][1]["from_minutes"] = 75
    raw["version"] = -1
    raw["rates"][0]["hours"] = "whenever"
    assert [field for field, _ in faults(raw)] == [
        "version",
        "rates[0].hours",
        "rates[1].lines[0].price_minor",
        "rates[1].lines[1].from_minutes",
    ]


def test_a_longest_stay_beyond_the_last_line_is_refused() -> None:
    raw = changed((*VISITOR, "max_stay_minutes"), 181)
    del raw["rates"][1]["free"]
    assert faults(raw) == [("rates[1].max_stay_minutes", "is beyond the last line, which ends at 180")]


@pytest.mark.parametrize(
    "rate",
    [
        {"lines": [{"type": "increment", "price_minor": 1, "per_minutes": 1}]},
        {"lines": [{"type": "step", "until_minutes": 60, "price_minor": 1}], "overnight": "anew"},
        {"lines": [{"type": "step", "until_minutes": 60, "price_minor": 1}], "cap_per_day_minor": 1},
        {"passes": [{"paid_days": 1, "price_minor": 1}]},
    ],
)
def test_an_fps_has_no_bound_where_the_longest_stay_has_no_price(rate: dict[str, Any]) -> None:
    read_tariff({"id": "a", "version": 1, "currency": "EUR", "rates": [rate], "fps_minor": 10_000})


def dated(version: int, valid_from: str | None, valid_until: str | None) -> Any:
    dates = {"valid_from": valid_from, "valid_until": valid_until}
    return read_tariff({**GOOD, "version": version, **dates})


NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def test_a_version_holds_from_its_first_moment_until_before_its_last() -> None:
    old = dated(1, None, "2027-01-01T00:00:00Z")
    new = dated(2, "2027-01-01T00:00:00Z", None)
    assert overlapping([old, new]) == ()
    assert version_at([old, new], NEW_YEAR - timedelta(microseconds=1)) == old
    assert version_at([old, new], NEW_YEAR) == new
    assert version_at([old], NEW_YEAR) is None


def test_versions_that_overlap_are_told_apart_from_those_that_touch() -> None:
    versions = [
        dated(1, None, "2027-01-01T00:00:00Z"),
        dated(2, "2026-12-31T23:59:59Z", "2028-01-01T00:00:00Z"),
        dated(2, "2029-01-01T00:00:00Z", None),
    ]
    assert overlapping(versions) == (
        Fault("[1].valid_from", "overlaps version 1: at a moment only one may be in force"),
        Fault("[2].version", "2 is there twice"),
    )
