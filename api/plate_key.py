"""The key of plates, in a file of its own (`ALENTOUR_PLATE_KEY_FILE`, see `api.key_files`).

To change it, write a new line before the others: new plates are kept under the first, older ones are found
under theirs. What is done with the key is `offers.parking.plate_keys`'.
"""

from typing import Final

from api.key_files import secrets_in
from api.settings import Settings
from offers.parking.plate_keys import PlateKey

FILE_NAME: Final = "plates.key"


def plate_key_of(settings: Settings) -> PlateKey:
    """The key in the file of these settings, which is made if it is missing. Raises as `secrets_in`."""
    first, *older = secrets_in(settings, "plate_key_file", FILE_NAME)
    return PlateKey(first, tuple(PlateKey(one) for one in older))
