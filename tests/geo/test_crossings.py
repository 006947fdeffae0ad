"""The rules of one phone at one fence, by example and by property."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.crossings import (
    DWELLED,
    ENTERING,
    INSIDE,
    LAPSED,
    LEAVING,
    PRESENCE_CREDIBLE_S,
    RESTING,
    Crossing,
    FenceRules,
    FenceState,
    dwell_due_at,
    fire_dwell,
    is_credibly_inside,
    step,
)
from geo.fixes import Fix

START = 1.7e9
SHOP = FenceRules(dwell_s=180.0, retrigger_s=0.0, radius_m=60.0)


def fix_after(seconds: float, accuracy_m: float = 10.0) -> Fix:
    return Fix(fix_id=f"{seconds}", at=START + seconds, lat=48.0, lon=2.0, accuracy_m=accuracy_m)


class Phone:
    """A phone at one fence, whose state goes through storage after every fix."""

    def __init__(self, rules: FenceRules = SHOP) -> None:
        self.rules = rules
        self.state: FenceState | None = None
        self.last_fix_at = START
        self.told: list[tuple[str, float]] = []

    def reports(self, seconds: float, distance_m: float, accuracy_m: float = 10.0) -> tuple[Crossing, ...]:
        state, crossings = step(7, self.state, distance_m, fix_after(seconds, accuracy_m), self.rules)
        self.state = msgspec.json.decode(msgspec.json.encode(state), type=FenceState | None)
        self.last_fix_at = START + seconds
        self._hear(crossings)
        return crossings

    def timer(self, seconds: float, *, is_watched_by_os: bool = False) -> tuple[Crossing, ...]:
        self.state, crossings = fire_dwell(
            7,
            self.state,
            START + seconds,
            self.last_fix_at,
            self.rules,
            is_watched_by_os=is_watched_by_os,
        )
        self._hear(crossings)
        return crossings

    def _hear(self, crossings: tuple[Crossing, ...]) -> None:
        assert all(crossing.fence_id == 7 and 0.5 <= crossing.confidence <= 1 for crossing in crossings)
        self.told += [(crossing.kind, crossing.at - START) for crossing in crossings]


def visiting(rules: FenceRules = SHOP, at: float = 0.0) -> Phone:
    phone = Phone(rules)
    phone.reports(at, -40)
    assert phone.told == [("enter", at)]
    return phone


def walks_out(phone: Phone, at: float) -> None:
    for late in range(6):
        phone.reports(at + 15 * late, 10 + 20 * late)


# Entering


def test_one_good_fix_well_inside_is_an_enter():
    (enter,) = Phone().reports(0, -40)
    assert enter.kind == "enter"
    assert enter.at == START
    assert enter.confidence > 0.99


def test_one_vague_fix_inside_is_not_an_enter_until_more_agree():
    phone = Phone()
    assert phone.reports(0, -25, accuracy_m=40) == ()
    for seconds in range(30, 600, 30):
        phone.reports(seconds, -25, accuracy_m=40)
    assert [kind for kind, _ in phone.told] == ["enter", "dwell"]


def test_an_enter_happened_at_the_first_fix_inside():
    phone = Phone()
    phone.reports(0, -3)
    phone.reports(15, -25)
    assert phone.told == [("enter", 0)]


def test_an_enter_decided_by_a_fix_outside_happened_then():
    phone = Phone()
    phone.reports(0, -17, accuracy_m=19.9)
    phone.reports(60, -15.5, accuracy_m=19.9)
    phone.reports(75, 0.5, accuracy_m=100)
    assert [kind for kind, _ in phone.told] == ["enter"]


def test_evidence_expires_by_the_time_of_fixes():
    phone = Phone()
    phone.reports(0, -3)
    phone.reports(3000, -3)
    assert phone.told == []
    phone.reports(3015, -30)
    assert phone.told == [("enter", 3000)]


def test_a_phone_outside_leaves_nothing_behind():
    phone = Phone()
    phone.reports(0, -3)
    assert phone.state is not None
    assert phone.state.phase == ENTERING
    phone.reports(60, 100)
    assert phone.state is None


def test_a_vague_fix_beyond_a_small_fence_counts_as_nearer_than_it_seems():
    """Errors sideways push it out: at 65 m accuracy and 60 m radius by 15 m on average."""
    small, wide = (step(7, None, -1.0, fix_after(0, 65.0), rules)[0] for rules in (SHOP, wide_rules()))
    assert small is not None
    assert wide is not None
    assert small.estimate_m == pytest.approx(-1 - (65 / 1.5096) ** 2 / 120)
    assert wide.estimate_m == pytest.approx(-1, abs=0.1)


def wide_rules() -> FenceRules:
    return FenceRules(dwell_s=180.0, retrigger_s=0.0, radius_m=10_000.0)


# Leaving


def test_leaving_takes_two_clear_fixes_and_happened_at_the_first_outside():
    phone = visiting()
    phone.reports(15, 5)
    phone.reports(30, 30)
    assert phone.told == [("enter", 0)]
    assert phone.state is not None
    assert phone.state.phase == LEAVING
    phone.reports(45, 50)
    assert phone.told == [("enter", 0), ("exit", 15)]


def test_one_wild_fix_is_no_exit():
    phone = visiting()
    phone.reports(15, 400)
    phone.reports(30, -40)
    phone.reports(45, 400)
    phone.reports(60, -40)
    assert phone.told == [("enter", 0)]


def test_a_phone_that_turns_back_at_the_door_stays():
    phone = visiting()
    for seconds, distance_m in ((15, -10), (30, 8), (45, 12), (60, -5), (75, -30)):
        phone.reports(seconds, distance_m)
    assert phone.told == [("enter", 0)]


def test_a_silent_phone_seen_far_away_left_when_it_was_seen():
    phone = visiting()
    phone.timer(180)
    phone.reports(3600, 2000)
    phone.reports(3615, 2000)
    assert phone.told == [("enter", 0), ("dwell", 180), ("exit", 3600)]
    assert phone.state is None


# Dwelling


def test_a_dwell_is_told_once_for_the_moment_it_fell_due():
    phone = visiting()
    for seconds in range(15, 900, 15):
        phone.reports(seconds, -40)
    assert phone.told == [("enter", 0), ("dwell", 180)]


def test_a_silent_phone_dwells_by_timer():
    phone = visiting()
    assert dwell_due_at(phone.state, SHOP) == START + 180
    phone.timer(500)
    assert phone.told == [("enter", 0), ("dwell", 180)]
    assert dwell_due_at(phone.state, SHOP) is None
    phone.timer(501)
    phone.reports(600, -40)
    assert phone.told == [("enter", 0), ("dwell", 180)]


def test_a_timer_that_runs_out_early_changes_nothing():
    phone = visiting()
    before = phone.state
    phone.timer(179)
    assert phone.state == before


def test_no_timer_waits_for_a_phone_that_is_not_there():
    assert dwell_due_at(None, SHOP) is None
    assert fire_dwell(7, None, START, START, SHOP) == (None, ())


def test_no_timer_fires_for_a_phone_that_seems_to_leave():
    phone = visiting()
    phone.reports(150, 20)
    assert phone.timer(180) == ()
    phone.reports(200, -40)
    assert phone.told == [("enter", 0), ("dwell", 200)]


def test_a_dwelled_phone_that_turns_back_dwells_no_more():
    phone = visiting()
    phone.timer(180)
    phone.reports(200, 20)
    phone.reports(230, -40)
    phone.reports(1000, -40)
    assert phone.told == [("enter", 0), ("dwell", 180)]


LONG_STAY = FenceRules(dwell_s=1800.0, retrigger_s=0.0, radius_m=60.0)


def test_a_dwell_due_after_presence_stopped_being_credible_ends_the_visit_silently():
    phone = visiting(LONG_STAY)
    assert phone.timer(1800) == ()
    assert phone.state is not None
    assert phone.state.phase == LAPSED
    assert dwell_due_at(phone.state, LONG_STAY) is None


def test_a_lapsed_visit_is_taken_up_again_by_a_fix_inside():
    phone = visiting(LONG_STAY)
    phone.timer(1800)
    phone.reports(2000, -40)
    assert phone.told == [("enter", 0), ("dwell", 2000)]


def test_a_lapsed_visit_still_exits():
    phone = visiting(LONG_STAY)
    phone.timer(1800)
    walks_out(phone, 2000)
    assert phone.told == [("enter", 0), ("exit", 2000)]


def test_presence_stays_credible_while_the_phones_system_watches_the_region():
    phone = visiting(LONG_STAY)
    phone.timer(1800, is_watched_by_os=True)
    assert phone.told == [("enter", 0), ("dwell", 1800)]


def test_no_exit_is_told_for_before_a_dwell_that_a_timer_told():
    phone = visiting()
    phone.timer(180)
    walks_out(phone, 60)
    assert phone.told == [("enter", 0), ("dwell", 180), ("exit", 180)]


# Silence


def test_seen_inside_within_the_hour_is_the_same_visit():
    phone = visiting()
    phone.timer(180)
    phone.reports(3500, -40)
    assert phone.told == [("enter", 0), ("dwell", 180)]


def test_seen_inside_after_more_than_an_hour_is_another_visit():
    phone = visiting()
    phone.reports(4000, -40)
    assert phone.told == [("enter", 0), ("exit", PRESENCE_CREDIBLE_S), ("enter", 4000)]


# The re-trigger time

DAILY = FenceRules(dwell_s=180.0, retrigger_s=86_400.0, radius_m=60.0)


def test_a_visit_within_the_retrigger_time_is_muted_from_enter_to_exit():
    phone = visiting(DAILY)
    walks_out(phone, 60)
    told = list(phone.told)
    for seconds in range(1000, 2000, 15):
        phone.reports(seconds, -40)
    assert phone.state is not None
    assert phone.state.is_visiting
    assert dwell_due_at(phone.state, DAILY) is None
    walks_out(phone, 2000)
    assert phone.told == told == [("enter", 0), ("exit", 60)]


def test_a_muted_visit_that_fell_silent_says_nothing_either():
    phone = visiting(DAILY)
    walks_out(phone, 60)
    phone.reports(1000, -40)
    phone.reports(9000, -40)
    assert phone.told == [("enter", 0), ("exit", 60)]


def test_the_retrigger_time_is_remembered_only_while_it_runs():
    phone = visiting(DAILY)
    walks_out(phone, 60)
    phone.reports(1000, 500)
    assert phone.state == FenceState(RESTING, START + 1000, told_at=START)
    phone.reports(86_401, -40)
    assert phone.told[-1] == ("enter", 86_401)


def test_nothing_is_remembered_after_the_retrigger_time():
    phone = visiting(DAILY)
    walks_out(phone, 60)
    phone.reports(86_401, 500)
    assert phone.state is None


# Properties

seconds_apart = st.one_of(st.sampled_from([1.0, 15.0, 30.0]), st.floats(0.5, 900), st.floats(0.5, 20_000))
accuracies = st.floats(0.5, 1000)
reports = st.lists(
    st.tuples(seconds_apart, st.one_of(st.floats(-60, 200), st.floats(-1e6, 1e6)), st.floats(0.5, 150)),
    max_size=60,
)
rules_of_any_fence = st.builds(
    FenceRules,
    dwell_s=st.floats(30, 3000),
    retrigger_s=st.one_of(st.just(0.0), st.floats(0, 10_000)),
    radius_m=st.floats(20, 10_000),
)


@given(
    st.lists(st.tuples(st.floats(0.5, 3600), st.floats(-1, 1), accuracies), max_size=150), rules_of_any_fence
)
@settings(max_examples=150, deadline=None)
def test_a_phone_on_the_edge_with_errors_within_its_accuracy_never_flaps(errors, rules):
    phone, seconds = Phone(rules), 0.0
    for apart_s, error, accuracy_m in errors:
        seconds += apart_s
        phone.reports(seconds, error * accuracy_m, accuracy_m)
    assert [kind for kind, _ in phone.told if kind != "dwell"] in ([], ["enter"])


@pytest.mark.parametrize("sways", [1, 2, 10, 40])
def test_nor_does_it_when_the_error_sways_slowly_from_one_extreme_to_the_other(sways):
    phone = Phone(wide_rules())
    for number in range(960):
        phone.reports(30 * number, 30.0 * (1 if number // sways % 2 else -1), 30.0)
    assert [kind for kind, _ in phone.told if kind != "dwell"] in ([], ["enter"])


@given(reports, rules_of_any_fence, st.data())
@settings(max_examples=150, deadline=None)
def test_enters_and_exits_alternate_and_a_visit_dwells_at_most_once(reported, rules, data):
    phone, seconds = Phone(rules), 0.0
    for apart_s, distance_m, accuracy_m in reported:
        seconds += apart_s
        phone.reports(seconds, distance_m, accuracy_m)
        due_at = dwell_due_at(phone.state, rules)
        if due_at is not None and data.draw(st.booleans()):
            phone.timer(due_at - START + 1)
    kinds = [kind for kind, _ in phone.told]
    allowed = {"start": {"enter"}, "enter": {"dwell", "exit"}, "dwell": {"exit"}, "exit": {"enter"}}
    assert all(after in allowed[before] for before, after in pairwise(["start", *kinds]))
    times = [at for _, at in phone.told]
    assert all(later - earlier > -1e-3 for earlier, later in pairwise(times))


@given(reports, rules_of_any_fence)
@settings(max_examples=120, deadline=None)
def test_a_restart_after_any_fix_changes_nothing(reported, rules):
    restarted, seconds, state = Phone(rules), 0.0, None
    for apart_s, distance_m, accuracy_m in reported:
        seconds += apart_s
        told = restarted.reports(seconds, distance_m, accuracy_m)
        before = msgspec.json.encode(state)
        after, crossings = step(7, state, distance_m, fix_after(seconds, accuracy_m), rules)
        assert msgspec.json.encode(state) == before, "a step must not change the state it is given"
        state = after
        assert state == restarted.state
        assert crossings == told


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrong", ["distance", "time", "accuracy"])
def test_what_is_not_finite_is_refused(bad, wrong):
    fix = fix_after(bad if wrong == "time" else 0, bad if wrong == "accuracy" else 10.0)
    with pytest.raises(ValueError, match="finite"):
        step(7, FenceState(INSIDE, START), bad if wrong == "distance" else -40.0, fix, SHOP)


@pytest.mark.parametrize(
    ("state", "since_s", "watched", "present"),
    [
        (FenceState(INSIDE, START), 600, False, True),
        (FenceState(DWELLED, START), 600, False, True),
        (FenceState(INSIDE, START), 601, False, False),
        (FenceState(INSIDE, START), 6 * 3600, True, True),
        (FenceState(LEAVING, START), 0, False, False),
        (None, 0, True, False),
    ],
)
def test_presence_is_believed_for_a_while_after_the_last_fix(state, since_s, watched, present):
    assert is_credibly_inside(state, START + since_s, START, is_watched_by_os=watched) is present
