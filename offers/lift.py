"""What an offer does: how many more people come back than of those who were held out, and how sure that is.

Owns the statistics alone; who was exposed and who returned is read by `offers.retail.measuring`. Rates are
of people, never of events. Sources: E. B. Wilson 1927 (interval of one proportion); R. G. Newcombe,
"Interval estimation for the difference between independent proportions", Statistics in Medicine 17 (1998)
873–890, method 10 (hybrid score); A. Donner and G. Y. Zou, "Closed-form confidence intervals for functions
of the normal mean and standard deviation", Statistical Methods in Medical Research 21 (2012) 347–359
(the same limits for the ratio).
"""

import math
from typing import Final

import msgspec

FEWEST_PER_ARM: Final = 100
# Shares this unlikely do not come about by chance alone: something draws or counts wrongly.
UNBALANCED_BELOW: Final = 0.001

_Z_95: Final = 1.959963984540054
# Beyond so many people the exact sum says what its normal limit says.
_EXACT_UP_TO: Final = 10_000
# Probabilities that are equal but for rounding count as equal.
_ROUNDING: Final = 1 + 1e-7


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two groups. `returned` of `people` came back.

    `visits_before` and its sum of squares are of visits in as long a time before, one number a person.
    """

    people: int
    returned: int
    visits_before: int = 0
    visits_before_squared: int = 0

    @property
    def rate(self) -> float:
        return self.returned / self.people


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval. `high` None: without bound."""

    value: float
    low: float
    high: float | None


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """`difference` of the rates (0.02: two in a hundred more come back) and their `ratio`.

    The ratio is None where nobody of those held out returned.
    """

    difference: Estimate
    ratio: Estimate | None


class SizeBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether as many are held out as should be: a sample ratio test.

    `p_value`: how likely a share as odd as this is by chance. Unbalanced is below 0.001: then do not trust
    the lift before it is known why. Share and p-value are null where they would tell how few a group is.
    """

    expected_share: float
    held_out_share: float | None
    p_value: float | None
    is_unbalanced: bool


class VisitBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether both groups came as often before: mean visits, which a fair draw leaves alike.

    `standardised_difference` is in standard deviations; `p_value` None where nobody differs from anybody.
    """

    treated_mean: float
    held_out_mean: float
    standardised_difference: float
    p_value: float | None
    is_unbalanced: bool


def lift_of(treated: Arm, held_out: Arm) -> Lift | None:
    """None below 100 people in either group: too few to say, and few enough to guess at."""
    if min(treated.people, held_out.people) < FEWEST_PER_ARM:
        return None
    return Lift(difference=difference_of(treated, held_out), ratio=ratio_of(treated, held_out))


def wilson(successes: int, people: int) -> tuple[float, float]:
    """The 95 % score interval of one proportion, without continuity correction."""
    share, z2 = successes / people, _Z_95**2
    middle = share + z2 / (2 * people)
    half = _Z_95 * math.sqrt(share * (1 - share) / people + z2 / (4 * people**2))
    low, high = (middle - half) / (1 + z2 / people), (middle + half) / (1 + z2 / people)
    # Where nobody or everybody did, the limit is exact but for rounding.
    return (0.0 if successes == 0 else low), (1.0 if successes == people else high)


def difference_of(treated: Arm, held_out: Arm) -> Estimate:
    """Newcombe's method 10: the Wilson limits of both, added in quadrature."""
    low_1, high_1 = wilson(treated.returned, treated.people)
    low_2, high_2 = wilson(held_out.returned, held_out.people)
    value = treated.rate - held_out.rate
    return Estimate(
        value=value,
        low=value - math.hypot(treated.rate - low_1, high_2 - held_out.rate),
        high=value + math.hypot(high_1 - treated.rate, held_out.rate - low_2),
    )


def ratio_of(treated: Arm, held_out: Arm) -> Estimate | None:
    """Donner and Zou's limits of a ratio, from the same Wilson limits."""
    if held_out.returned == 0:
        return None
    p1, p2 = treated.rate, held_out.rate
    low_1, high_1 = wilson(treated.returned, treated.people)
    low_2, high_2 = wilson(held_out.returned, held_out.people)
    product = p1 * p2
    below = math.sqrt(max(0.0, product**2 - low_1 * high_2 * (2 * p1 - low_1) * (2 * p2 - high_2)))
    above = math.sqrt(max(0.0, product**2 - high_1 * low_2 * (2 * p1 - high_1) * (2 * p2 - low_2)))
    divisor_low, divisor_high = high_2 * (2 * p2 - high_2), low_2 * (2 * p2 - low_2)
    low = (product - below) / divisor_low if divisor_low > 0 else 0.0
    return Estimate(value=p1 / p2, low=max(0.0, low), high=(product + above) / divisor_high)


def size_balance(treated: Arm, held_out: Arm, holdout_percent: int) -> SizeBalance:
    """Both groups together must not be empty, nor the percentage 0."""
    people = treated.people + held_out.people
    expected = holdout_percent / 100
    p_value = share_p_value(held_out.people, people, expected)
    return SizeBalance(
        expected_share=expected,
        held_out_share=held_out.people / people,
        p_value=p_value,
        is_unbalanced=p_value < UNBALANCED_BELOW,
    )


def share_p_value(successes: int, people: int, share: float) -> float:
    """Two-sided: all outcomes that are no likelier than this one, together. Exact up to 10,000 people."""
    if people > _EXACT_UP_TO:
        z = (successes - people * share) / math.sqrt(people * share * (1 - share))
        return math.erfc(abs(z) / math.sqrt(2))
    limit = _binomial(successes, people, share) * _ROUNDING
    likelihoods = (_binomial(n, people, share) for n in range(people + 1))
    return min(1.0, math.fsum(one for one in likelihoods if one <= limit))


def visit_balance(treated: Arm, held_out: Arm) -> VisitBalance:
    """Welch's comparison of means; normal, as neither group has fewer than a hundred."""
    mean_1, variance_1 = _moments(treated)
    mean_2, variance_2 = _moments(held_out)
    pooled = math.sqrt((variance_1 + variance_2) / 2)
    error = math.sqrt(variance_1 / treated.people + variance_2 / held_out.people)
    p_value = math.erfc(abs(mean_1 - mean_2) / error / math.sqrt(2)) if error else None
    return VisitBalance(
        treated_mean=mean_1,
        held_out_mean=mean_2,
        standardised_difference=(mean_1 - mean_2) / pooled if pooled else 0.0,
        p_value=p_value,
        is_unbalanced=p_value is not None and p_value < UNBALANCED_BELOW,
    )


def _moments(arm: Arm) -> tuple[float, float]:
    """Mean and sample variance of the visits before."""
    mean = arm.visits_before / arm.people
    return mean, max(0.0, (arm.visits_before_squared - arm.people * mean**2) / (arm.people - 1))


def _binomial(successes: int, people: int, share: float) -> float:
    ways = math.lgamma(people + 1) - math.lgamma(successes + 1) - math.lgamma(people - successes + 1)
    return math.exp(ways + successes * math.log(share) + (people - successes) * math.log1p(-share))
