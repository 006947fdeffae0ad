"""The statistics that the specification of the noise states, on large seeded samples."""

import numpy as np
import pytest

from simulator.noise import errors_m, stated_accuracy_m, wandering
from simulator.plane import Floats

STEP_S = 15.0


@pytest.fixture(scope="module")
def accuracy_m() -> Floats:
    return stated_accuracy_m(np.random.default_rng(11), phones=4000, fixes=60, step_s=STEP_S)


def test_stated_accuracy_is_log_normal_with_median_12_and_p95_40(accuracy_m: Floats) -> None:
    independent = accuracy_m[:, 0]
    assert np.median(independent) == pytest.approx(12, rel=0.05)
    assert np.percentile(independent, 95) == pytest.approx(40, rel=0.08)
    logs = np.log(independent)
    skewness = ((logs - logs.mean()) ** 3).mean() / logs.std() ** 3
    assert abs(skewness) < 0.1


def test_stated_accuracy_stays_log_normal_over_time_and_changes_slowly(accuracy_m: Floats) -> None:
    assert np.median(accuracy_m[:, -1]) == pytest.approx(12, rel=0.05)
    steps = np.abs(np.diff(np.log(accuracy_m), axis=1))
    assert np.median(steps) < np.log(1.2)


def test_68_percent_of_the_errors_lie_within_the_stated_accuracy(accuracy_m: Floats) -> None:
    error_m = np.hypot(*np.moveaxis(errors_m(np.random.default_rng(12), accuracy_m, STEP_S), -1, 0))
    for fix in (0, 30, 59):
        assert (error_m[:, fix] <= accuracy_m[:, fix]).mean() == pytest.approx(0.68, abs=0.025)
    assert (error_m <= accuracy_m).mean() == pytest.approx(0.68, abs=0.01)


def test_errors_lose_their_memory_with_a_correlation_time_of_60_seconds() -> None:
    steady = np.full((3000, 200), 12.0)
    errors = errors_m(np.random.default_rng(13), steady, STEP_S)
    for lag in (1, 4, 8):
        product = (errors[:, lag:] * errors[:, :-lag]).mean() / (errors**2).mean()
        assert product == pytest.approx(np.exp(-lag * STEP_S / 60), abs=0.01)


def test_errors_of_the_two_axes_and_of_two_phones_are_independent() -> None:
    errors = errors_m(np.random.default_rng(14), np.full((2000, 100), 12.0), STEP_S)
    scale = (errors**2).mean()
    assert (errors[..., 0] * errors[..., 1]).mean() / scale == pytest.approx(0, abs=0.02)
    assert (errors[1:, :, 0] * errors[:-1, :, 0]).mean() / scale == pytest.approx(0, abs=0.02)


def test_errors_are_centred_on_the_truth() -> None:
    errors = errors_m(np.random.default_rng(15), np.full((4000, 50), 12.0), STEP_S)
    assert errors.mean(axis=(0, 1)) == pytest.approx([0, 0], abs=0.15)


def test_the_same_seed_gives_the_same_noise_and_another_seed_other_noise() -> None:
    first, again, other = (wandering(np.random.default_rng(s), (5, 40), STEP_S, 60) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).any()
