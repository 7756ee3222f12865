"""Model folders for tests: the tiny Jina model with something changed."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

JINA_TINY = Path(__file__).parents[1] / "fixtures" / "jina-tiny"
Tensors = dict[str, NDArray[Any]]

SIX_FILMS = {
    "Star Trek: Generations": "With the help of long presumed dead Captain Kirk, Captain Picard must stop a deranged "
    "scientist willing to murder on a planetary scale in order to enter a space matrix.",
    "Star Wars: Episode V - The Empire Strikes Back": "After the Rebels are overpowered by the Empire, Luke Skywalker "
    "begins his Jedi training with Yoda, while his friends are pursued across the galaxy by Darth Vader and bounty "
    "hunter Boba Fett.",
    "Pulp Fiction": "The lives of two mob hitmen, a boxer, a gangster and his wife, and a pair of diner bandits "
    "intertwine in four tales of violence and redemption.",
    "Fight Club": "An insomniac office worker and a devil-may-care soap maker form an underground fight club that "
    "evolves into much more.",
    "Ghostbusters": "Three parapsychologists forced out of their university funding set up shop as a unique ghost "
    "removal service in New York City, attracting frightened yet skeptical customers.",
    "Ghostbusters II": "The discovery of a massive river of ectoplasm and a resurgence of spectral activity allows "
    "the staff of Ghostbusters to revive the business.",
}
SIX_TEXTS = [f"{title} {plot}" for title, plot in SIX_FILMS.items()]


def variant(
    folder: Path,
    *,
    source: Path = JINA_TINY,
    config: Mapping[str, Any] | None = None,
    weights: Callable[[Tensors], None] | None = None,
) -> Path:
    """A copy of a model folder with some settings replaced (None: removed) and its tensors edited in place."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    if config is not None:
        path = folder / "config.json"
        values = json.loads(path.read_text()) | config
        path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    if weights is not None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        weights(tensors)
        save_file(tensors, path)
    return folder


MISSING_TOKEN = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "X", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}
"""A post-processor that the tokenizers library reads, and panics over with the first text."""
