"""Films found by what happens in them, from Python: `from plotseek import Plotseek`."""

from plotseek.films import Plotseek
from plotseek.similarity import cosine_similarity

__all__ = ["Plotseek", "cosine_similarity"]
