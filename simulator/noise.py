"""What a phone believes about where it is: errors that drift, and an accuracy that it states.

The error is an Ornstein-Uhlenbeck process on each axis (it wanders and comes back, with a
correlation time), scaled so that 68 % of the errors lie within the stated accuracy. The accuracy
is log-normal over all phones and times, and changes slowly for each phone.
"""

from math import exp, log, sqrt
from typing import Final

import numpy as np

from simulator.plane import Floats

CORRELATION_S: Final = 60.0
ACCURACY_MEDIAN_M: Final = 12.0
ACCURACY_P95_M: Final = 40.0
ACCURACY_CORRELATION_S: Final = 600.0

NORMAL_P95: Final = 1.6448536269514722
ACCURACY_LOG_SPREAD: Final = log(ACCURACY_P95_M / ACCURACY_MEDIAN_M) / NORMAL_P95
# Of two independent normal axes, 68 % of the errors lie within this many standard deviations.
RADIUS_68: Final = sqrt(-2 * log(1 - 0.68))


def wandering(rng: np.random.Generator, shape: tuple[int, int], step_s: float, memory_s: float) -> Floats:
    """`shape[0]` independent standard OU processes, sampled exactly at `shape[1]` equal steps."""
    kept = exp(-step_s / memory_s)
    fresh = sqrt(1 - kept * kept)
    values = rng.standard_normal(shape)
    for step in range(1, shape[1]):
        values[:, step] = kept * values[:, step - 1] + fresh * values[:, step]
    return values


def stated_accuracy_m(rng: np.random.Generator, phones: int, fixes: int, step_s: float) -> Floats:
    """The 68 % radius that each phone states at each of its fixes: (phones, fixes)."""
    slow = wandering(rng, (phones, fixes), step_s, ACCURACY_CORRELATION_S)
    return ACCURACY_MEDIAN_M * np.exp(ACCURACY_LOG_SPREAD * slow)


def errors_m(rng: np.random.Generator, accuracy_m: Floats, step_s: float) -> Floats:
    """The error (x, y) of each fix whose stated accuracy is given: (phones, fixes, 2)."""
    phones, fixes = accuracy_m.shape
    east, north = (wandering(rng, (phones, fixes), step_s, CORRELATION_S) for _ in range(2))
    return np.stack([east, north], axis=-1) * (accuracy_m / RADIUS_68)[..., np.newaxis]
