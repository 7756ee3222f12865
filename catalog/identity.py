"""Which model made a vector: kept with every vector, so that two models never mix."""

import hashlib
import json
from dataclasses import asdict, dataclass

_ENGLISH_ONLY = ("bundled", "all-MiniLM-L6-v2")


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Vectors with equal identities may be compared; any other pair may not.

    Precision, device and where the model runs are left out on purpose: they change a cosine
    similarity by less than 1e-4.
    """

    name: str
    """Hub name, the folder's name, or "bundled"."""
    revision: str
    """Commit on the hub, or a digest of the weights for a folder."""
    dimension: int
    max_tokens: int
    """Texts were cut after so many tokens."""
    normalized: bool = True

    @property
    def reads_german(self) -> bool:
        """Whether it makes anything of German texts: all models do but those of which we know that they do not."""
        return self.name.rpartition("/")[2] not in _ENGLISH_ONLY

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name the identity in the vector cache."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
