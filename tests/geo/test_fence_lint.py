"""What is found about a fence, from which number on, and that every finding has its sentences."""

from __future__ import annotations

import re
from typing import Any

import pytest
from shapely import MultiPolygon

from geo.fence_lint import Finding, Overlap, Surroundings, inner_radius_m, lint
from geo.fence_lint_words import CODES, say_assumptions, say_finding
from geo.phone_trials import Trial
from geo.shapes import Shape, circle

ALONE = Surroundings()
LARGE = circle(24.94, 60.17, 100)


def trial(accuracy_m: float = 30.0, staying: float = 0.0, passing: float = 0.0, missed: float = 0.0) -> Trial:
    return Trial(
        accuracy_m=accuracy_m,
        false_enters_of_100_staying=staying,
        false_enters_of_100_passing=passing,
        missed_of_100_visiting=missed,
    )


def found(
    shape: Shape = LARGE, dwell_s: int = 180, around: Surroundings = ALONE, *trials: Trial
) -> dict[str, Finding]:
    return {finding.code: finding for finding in lint(shape, dwell_s, around, trials)}


def overlap(this: float, other: float, fence_id: int = 1) -> Overlap:
    return Overlap(fence_id=fence_id, share_of_this=this, share_of_other=other)


def test_a_roomy_fence_of_its_own_is_left_in_peace() -> None:
    assert found(LARGE, 180, ALONE, trial()) == {}


@pytest.mark.parametrize(("radius_m", "severity"), [(9.0, "serious"), (25.0, "warning"), (33.0, None)])
def test_a_fence_smaller_than_phones_are_wrong_is_told(radius_m: float, severity: str | None) -> None:
    finding = found(circle(24.94, 60.17, radius_m)).get("smaller_than_accuracy")
    assert (finding and finding.severity) == severity
    if finding:
        assert finding.numbers["inner_radius_m"] == pytest.approx(radius_m, abs=0.6)


def test_the_narrowest_part_counts() -> None:
    small = circle(24.95, 60.17, 20).polygon
    both = Shape(polygon=MultiPolygon([LARGE.polygon, small]))
    assert inner_radius_m(both) == pytest.approx(20, abs=0.6)
    assert "smaller_than_accuracy" in found(both)


@pytest.mark.parametrize(
    ("overlaps", "severity"),
    [([(0.1, 0.2)], "info"), ([(0.1, 0.6)], "warning"), ([(0.5, 0.1), (0.1, 0.1)], "warning")],
)
def test_overlaps_with_own_fences_are_told_by_how_much(overlaps: list[Any], severity: str) -> None:
    around = Surroundings(overlaps=tuple(overlap(*one, fence_id=n) for n, one in enumerate(overlaps)))
    finding = found(around=around)["overlaps_own"]
    assert finding.severity == severity
    assert finding.numbers["fence_ids"] == list(range(len(overlaps)))


@pytest.mark.parametrize(("own", "others", "is_told"), [(2, 0, False), (3, 0, True), (0, 10, True)])
def test_crowded_neighbours_are_told(own: int, others: int, is_told: bool) -> None:
    assert ("dense_neighbours" in found(around=Surroundings(own_nearby=own, others_nearby=others))) == is_told


@pytest.mark.parametrize(
    ("dwell_s", "open_s", "code"),
    [
        (180, None, None),
        (600, None, None),
        (601, None, "dwell_outlasts_silence"),
        (3_600, None, "long_dwell"),
        (7_200, 7_200.0, "dwell_longer_than_open"),
        (180, 7_200.0, None),
        (180, 0.0, "dwell_longer_than_open"),
    ],
)
def test_a_dwell_that_hardly_anybody_reaches_is_told(
    dwell_s: int, open_s: float | None, code: str | None
) -> None:
    about_dwell = {"dwell_outlasts_silence", "long_dwell", "dwell_longer_than_open"}
    told = about_dwell & found(dwell_s=dwell_s, around=Surroundings(open_at_most_s=open_s)).keys()
    assert told == ({code} if code else set())


def test_a_dwell_shorter_than_the_way_across_is_told() -> None:
    wide = circle(24.94, 60.17, 500)
    assert found(wide, 180)["dwell_while_passing"].numbers["walk_across_s"] == pytest.approx(604, abs=1)
    assert "dwell_while_passing" not in found(wide, 605)


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([trial(staying=9.9, passing=9.9, missed=29.9)], {}),
        ([trial(staying=10.0)], {"false_enters": "info"}),
        ([trial(passing=30.0)], {"false_enters": "warning"}),
        ([trial(missed=30.0)], {"missed_visits": "warning"}),
        ([trial(missed=70.0)], {"missed_visits": "serious"}),
        ([trial(accuracy_m=65.0, staying=90.0, missed=90.0)], {}),
        ([], {}),
    ],
)
def test_what_usual_phones_get_wrong_is_told(trials: list[Trial], told: dict[str, str]) -> None:
    findings = found(LARGE, 180, ALONE, *trials)
    assert {code: finding.severity for code, finding in findings.items()} == told


def test_the_worst_comes_first() -> None:
    around = Surroundings(overlaps=(overlap(0.1, 0.1),), own_nearby=3, open_at_most_s=60.0)
    severities = [finding.severity for finding in lint(LARGE, 180, around, [trial(staying=10.0)])]
    assert severities == ["serious", "warning", "info", "info"]


def every_finding() -> dict[str, Finding]:
    around = Surroundings(overlaps=(overlap(0.3, 0.6),), own_nearby=3, others_nearby=10)
    bad = trial(staying=20.5, passing=3.0, missed=44.0)
    small = circle(24.94, 60.17, 20)
    return {
        **found(small, 601, around, bad),
        **found(dwell_s=3_600),
        **found(dwell_s=60, around=Surroundings(open_at_most_s=30.0)),
        **found(circle(24.94, 60.17, 900), 60),
    }


def test_every_finding_has_a_sentence_in_each_language_with_its_numbers() -> None:
    findings = every_finding()
    assert set(findings) == set(CODES)
    for finding in findings.values():
        english, french = (say_finding(finding, language) for language in ("en", "fr"))
        assert english != french
        for sentence in (english, french):
            assert sentence.endswith(".")
            assert not re.search(r"[{}]", sentence)
            told = set(re.findall(r"\d+(?:\.\d+)?", sentence))
            for name, number in finding.numbers.items():
                if name not in {"fence_ids", "largest_share", "accuracy_m"}:
                    assert f"{number:g}" in told, (name, sentence)


def test_the_assumptions_are_stated_in_each_language() -> None:
    assert "15 m" in say_assumptions("en")
    assert say_assumptions("en") != say_assumptions("fr")
