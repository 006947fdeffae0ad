"""A sighting: where a phone said it was, once. What is kept of a fix."""

from typing import Final

import msgspec

METRES_PER_DEGREE: Final = 111_195.0


class Sighting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the phone said it was, once."""

    at: float
    lat: float
    lon: float
    accuracy_m: float
