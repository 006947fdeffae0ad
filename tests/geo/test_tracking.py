"""Which fixes of a phone are believed, and what one of them changes."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.crossings import ENTERING, RESTING, FenceRules, FenceState
from geo.fixes import Fix
from geo.tracking import NO_ANSWER, DeviceState, advance, batch_key, judge

NOW = 1.7e9
SHOP = FenceRules(dwell_s=180.0, retrigger_s=0.0, radius_m=60.0)
METRES = 1 / 111_195  # degrees of latitude


def fix_at(at: float, north_m: float = 0.0, **said: Any) -> Fix:
    said = {"accuracy_m": 10.0, "fix_id": f"{at}/{north_m}"} | said
    return Fix(at=at, lat=48.0 + north_m * METRES, lon=2.0, **said)


def rules_of(fence_id: int) -> FenceRules | None:
    return SHOP if fence_id < 100 else None


def stored(state: DeviceState) -> DeviceState:
    return msgspec.json.decode(msgspec.json.encode(state), type=DeviceState)


class Phone:
    """A phone that is judged and followed as the engine does it, and stored after every fix."""

    def __init__(self) -> None:
        self.state = DeviceState()
        self.told: list[tuple[str, int, float]] = []

    def sends(self, fix: Fix, distances=None, rules=rules_of, sent_at=None) -> tuple[str, str | None]:
        sent_at = fix.at if sent_at is None else sent_at
        verdict = judge(self.state, fix, sent_at=sent_at, now=sent_at)
        if verdict[0] == "accepted":
            for crossing in advance(self.state, fix, distances or {}, rules):
                self.told.append((crossing.kind, crossing.fence_id, crossing.at - NOW))
        self.state = stored(self.state)
        return verdict


ACCEPTED = ("accepted", None)

# What is believed


def test_a_plain_fix_is_accepted_and_remembered():
    phone = Phone()
    assert phone.state.watermark_at == 0
    assert phone.sends(fix_at(NOW)) == ACCEPTED
    assert phone.state.watermark_at == NOW
    assert phone.state.last is not None
    assert (phone.state.last.lat, phone.state.last.lon, phone.state.last.accuracy_m) == (48.0, 2.0, 10.0)


def test_a_fix_recorded_after_it_was_sent_is_rejected():
    assert Phone().sends(fix_at(NOW), sent_at=NOW - 1) == ("rejected", "after_sent_at")
    assert Phone().sends(fix_at(NOW), sent_at=NOW) == ACCEPTED


def test_a_fix_older_than_a_day_is_rejected():
    assert Phone().sends(fix_at(NOW), sent_at=NOW + 86_401) == ("rejected", "too_old")
    assert Phone().sends(fix_at(NOW), sent_at=NOW + 86_399) == ACCEPTED


def test_a_mocked_fix_is_rejected():
    assert Phone().sends(fix_at(NOW, mocked=True)) == ("rejected", "mocked")


def test_a_fix_worse_than_a_kilometre_is_rejected():
    assert Phone().sends(fix_at(NOW, accuracy_m=1000.1)) == ("rejected", "too_coarse")
    assert Phone().sends(fix_at(NOW, accuracy_m=1000.0)) == ACCEPTED


def test_the_same_fix_again_is_a_duplicate():
    phone = Phone()
    phone.sends(fix_at(NOW, fix_id="a"))
    phone.sends(fix_at(NOW + 15, fix_id="b"))
    assert phone.sends(fix_at(NOW, fix_id="a")) == ("duplicate", None)
    assert phone.sends(fix_at(NOW + 30, fix_id="b")) == ("duplicate", None)


def test_a_repeated_fix_beyond_the_remembered_ones_is_late_and_so_harmless():
    phone = Phone()
    for number in range(40):
        phone.sends(fix_at(NOW + number, fix_id=str(number)))
    assert phone.sends(fix_at(NOW + 8, fix_id="8")) == ("duplicate", None)
    assert phone.sends(fix_at(NOW + 7, fix_id="7")) == ("late", None)
    assert len(phone.state.recent) == 32 * 11


def test_a_fix_at_or_before_the_last_one_is_late():
    phone = Phone()
    phone.sends(fix_at(NOW))
    assert phone.sends(fix_at(NOW, fix_id="other")) == ("late", None)
    assert phone.sends(fix_at(NOW - 15)) == ("late", None)


def test_an_impossible_speed_is_rejected():
    phone = Phone()
    phone.sends(fix_at(NOW))
    assert phone.sends(fix_at(NOW + 15, 1500)) == ACCEPTED
    assert phone.sends(fix_at(NOW + 30, 3100)) == ("rejected", "impossible_speed")


def test_speed_is_judged_with_both_accuracies_in_mind():
    phone = Phone()
    phone.sends(fix_at(NOW, accuracy_m=500))
    assert phone.sends(fix_at(NOW + 15, 3400, accuracy_m=500)) == ACCEPTED


def test_the_antimeridian_is_no_impossible_speed():
    phone = Phone()
    phone.sends(Fix(fix_id="west", at=NOW, lat=-17.0, lon=179.9999, accuracy_m=10.0))
    assert phone.sends(Fix(fix_id="east", at=NOW + 15, lat=-17.0, lon=-179.9999, accuracy_m=10.0)) == ACCEPTED


def test_a_wrong_first_fix_does_not_lock_a_phone_out():
    phone = Phone()
    phone.sends(fix_at(NOW, 500_000))
    verdicts = [phone.sends(fix_at(NOW + 15 * n, 20 * n))[0] for n in (1, 2, 3, 4)]
    assert verdicts == ["rejected", "rejected", "accepted", "accepted"]


def test_fixes_that_contradict_each_other_convince_nobody():
    phone = Phone()
    phone.sends(fix_at(NOW))
    for n in range(1, 10):
        assert phone.sends(fix_at(NOW + 15 * n, 100_000 * n)) == ("rejected", "impossible_speed")
    assert phone.sends(fix_at(NOW + 200, 10)) == ACCEPTED


def test_one_doubted_fix_sent_again_and_again_convinces_nobody():
    phone = Phone()
    phone.sends(fix_at(NOW))
    for _ in range(5):
        assert phone.sends(fix_at(NOW + 15, 100_000)) == ("rejected", "impossible_speed")


def test_a_believed_fix_clears_the_doubts():
    phone = Phone()
    phone.sends(fix_at(NOW))
    for n in range(1, 20, 2):
        assert phone.sends(fix_at(NOW + 15 * n, 100_000)) == ("rejected", "impossible_speed")
        assert phone.sends(fix_at(NOW + 15 * n + 15)) == ACCEPTED


def test_with_time_any_distance_is_possible():
    phone = Phone()
    phone.sends(fix_at(NOW))
    assert phone.sends(fix_at(NOW + 2000, 190_000)) == ACCEPTED


# What it changes


def test_a_fix_concerns_the_fences_that_cover_it():
    phone = Phone()
    phone.sends(fix_at(NOW), {2: -40.0, 1: -40.0})
    assert phone.told == [("enter", 1, 0), ("enter", 2, 0)]
    assert phone.state.watched_fences() == [1, 2]


def test_a_fence_that_is_gone_is_dropped_silently():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0, 2: -40.0})
    phone.sends(fix_at(NOW + 15), {1: -40.0})
    assert phone.state.watched_fences() == [1]
    phone.sends(fix_at(NOW + 30), {1: -40.0}, rules=lambda _: None)
    assert phone.state.fences == {}
    assert {kind for kind, _, _ in phone.told} == {"enter"}


def test_fences_told_of_without_need_change_nothing():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: 10.0, 200: -40.0})
    assert phone.state.fences == {}


def edited(retrigger_s: float = 0.0) -> Any:
    rules = FenceRules(180.0, retrigger_s, 90.0, revision=2, shape_revision=2)
    return lambda _: rules


def test_a_visit_goes_on_inside_an_edited_fence():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0})
    phone.sends(fix_at(NOW + 15), {1: -5.0}, rules=edited())
    assert phone.state.fences[1].is_visiting
    assert phone.state.fences[1].revision == 2
    phone.sends(fix_at(NOW + 200), {1: -5.0}, rules=edited())
    assert [kind for kind, _, _ in phone.told] == ["enter", "dwell"]


def test_a_visit_is_silently_over_outside_an_edited_fence():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0})
    phone.sends(fix_at(NOW + 15), {1: 5.0}, rules=edited())
    assert phone.state.fences == {}
    assert [kind for kind, _, _ in phone.told] == ["enter"]


def test_an_edit_of_anything_but_the_shape_changes_no_visit():
    phone, other = Phone(), Phone()
    renamed = msgspec.structs.replace(SHOP, revision=2)
    for one, rules in ((phone, rules_of), (other, lambda _: renamed)):
        one.sends(fix_at(NOW), {1: -40.0})
        one.sends(fix_at(NOW + 15), {1: 5.0}, rules=rules)
    assert other.state.fences[1] == msgspec.structs.replace(phone.state.fences[1], revision=2)
    assert phone.told == other.told


@pytest.mark.parametrize("older", [lambda _: None, rules_of])
def test_whoever_is_behind_leaves_what_newer_rules_made(older):
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0}, rules=edited())
    visit = phone.state.fences[1]
    fix = fix_at(NOW + 15)
    assert judge(phone.state, fix, sent_at=fix.at, now=fix.at) == ACCEPTED
    assert advance(phone.state, fix, {1: 500.0}, older, is_behind=True) == []
    assert phone.state.fences == {1: visit}


def test_whoever_is_behind_follows_what_did_not_change():
    phone, other = Phone(), Phone()
    for one in (phone, other):
        one.sends(fix_at(NOW), {1: -40.0})
        fix = fix_at(NOW + 15)
        judge(one.state, fix, sent_at=fix.at, now=fix.at)
        advance(one.state, fix, {1: -40.0}, rules_of, is_behind=one is other)
    assert phone.state == other.state


def test_evidence_about_the_old_shape_says_nothing_about_the_new():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -4.0})
    assert phone.state.fences[1].phase == ENTERING
    phone.sends(fix_at(NOW + 15), {1: -4.0}, rules=edited())
    assert phone.state.fences[1].turned_at == NOW + 15


def test_the_retrigger_time_outlives_an_edit():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0})
    phone.sends(fix_at(NOW + 15), {1: 5.0}, rules=edited(3600))
    assert phone.state.fences == {1: FenceState(RESTING, NOW, told_at=NOW, revision=2)}


def test_a_resting_fence_needs_no_distance_and_is_forgotten_in_time():
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0})
    phone.sends(fix_at(NOW + 15), {1: 5.0}, rules=edited(3600))
    assert phone.state.watched_fences() == []
    phone.sends(fix_at(NOW + 3000), {}, rules=edited(3600))
    phone.sends(fix_at(NOW + 3015), {1: 8.0}, rules=edited(3600))
    assert phone.state.fences[1].phase == RESTING
    phone.sends(fix_at(NOW + 3030), {1: -40.0}, rules=edited(3600))
    assert phone.state.fences[1].is_muted
    phone.sends(fix_at(NOW + 3045), {1: 500.0}, rules=edited(3600))
    phone.sends(fix_at(NOW + 3060), {1: 500.0}, rules=edited(3600))
    assert phone.state.fences[1].phase == RESTING
    phone.sends(fix_at(NOW + 3600), {}, rules=edited(3600))
    assert phone.state.fences == {}
    assert [kind for kind, _, _ in phone.told] == ["enter"]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_changes_nothing(bad):
    phone = Phone()
    phone.sends(fix_at(NOW), {1: -40.0})
    before = msgspec.json.encode(phone.state)
    for fix, distances in (
        (fix_at(NOW + 15, bad), {1: -40.0}),
        (fix_at(NOW + 15), {1: bad}),
        (fix_at(NOW + 15), {1: -bad}),
    ):
        with pytest.raises(ValueError, match="finite"):
            advance(phone.state, fix, distances, rules_of)
        assert msgspec.json.encode(phone.state) == before


# Batches and storage


def test_a_batch_is_known_by_its_fix_ids_in_their_order():
    assert batch_key(["a", "b"]) == batch_key(iter(["a", "b"]))
    assert len({batch_key(ids) for ids in (["a", "b"], ["b", "a"], ["ab"], ["a,b"], ["a"], [])}) == 6


def test_the_last_answer_is_stored_with_the_state():
    state = DeviceState(batch=batch_key(["a"]), answer=msgspec.Raw(b'{"fixes":[]}'))
    assert stored(state).answer == state.answer
    assert stored(stored(state)).batch == state.batch


def test_a_new_phone_takes_no_room():
    assert msgspec.json.encode(DeviceState()) == b"{}"
    assert msgspec.json.decode(b"{}", type=DeviceState).answer == NO_ANSWER


def test_a_phone_with_ten_fences_takes_less_than_two_kilobytes():
    phone = Phone()
    for number in range(40):
        phone.sends(fix_at(NOW + 15.123 * number), {fence: -7.0 - fence / 3 for fence in range(10)})
    assert len(msgspec.json.encode(phone.state)) < 2048


# Properties

metres_inside = st.floats(-80, 120)
journeys = st.lists(
    st.tuples(
        st.floats(1, 400), st.fixed_dictionaries({1: metres_inside, 2: metres_inside}), st.floats(1, 90)
    ),
    min_size=1,
    max_size=30,
)


def told_of(journey) -> list[tuple[Fix, dict[int, float]]]:
    at, reports = NOW, []
    for apart_s, distances, accuracy_m in journey:
        at += apart_s
        reports.append((fix_at(at, accuracy_m=accuracy_m), distances))
    return reports


def followed(reports) -> Phone:
    phone = Phone()
    for fix, distances in reports:
        phone.sends(fix, distances)
    return phone


@given(journeys, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_late_fixes_and_duplicates_never_move_a_state(journey, random):
    reports = told_of(journey)
    phone = followed(reports)
    before, told = msgspec.json.encode(phone.state), list(phone.told)
    for fix, distances in random.sample(reports, len(reports)):
        late = msgspec.structs.replace(fix, fix_id=f"late {fix.fix_id}")
        assert phone.sends(fix, distances)[0] == "duplicate"
        assert phone.sends(late, distances)[0] == "late"
    assert msgspec.json.encode(phone.state) == before
    assert phone.told == told


@given(journeys)
@settings(max_examples=100, deadline=None)
def test_crossings_do_not_depend_on_which_other_fences_a_batch_asked_about(journey):
    reports = told_of(journey)
    whole = followed(reports)
    alone = Phone()
    for fix, distances in reports:
        watched = alone.state.watched_fences()
        needed = {fence: away for fence, away in distances.items() if away <= 0 or fence in watched}
        alone.sends(fix, needed)
    assert alone.told == whole.told
    assert msgspec.json.encode(alone.state) == msgspec.json.encode(whole.state)


@given(journeys)
@settings(max_examples=100, deadline=None)
def test_a_state_kept_in_memory_and_one_stored_after_every_fix_agree(journey):
    kept = DeviceState()
    told = []
    for fix, distances in told_of(journey):
        told += [(c.kind, c.fence_id, c.at - NOW) for c in advance(kept, fix, distances, rules_of)]
    phone = followed(told_of(journey))
    assert phone.told == told
    assert msgspec.json.encode(kept) == msgspec.json.encode(phone.state)
