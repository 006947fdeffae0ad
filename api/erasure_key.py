"""The key of proofs, in a file of its own (`ALENTOUR_ERASURE_KEY_FILE`, see `api.key_files`).

What is done with the key is `offers.people.proofs`'.
"""

from typing import Final

from api.key_files import secrets_in
from api.settings import Settings
from offers.people.proofs import ProofKey

FILE_NAME: Final = "erasure.key"


def proof_key_of(settings: Settings) -> ProofKey:
    """The key in the file of these settings, which is made if it is missing. Raises as `secrets_in`."""
    return ProofKey(secrets_in(settings, "erasure_key_file", FILE_NAME)[0])
