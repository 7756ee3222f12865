"""What catalogues hide in titles: the year, the article at the end, a rank; and an id made of what is left."""

import re
import unicodedata
from hashlib import blake2b

from ingest.mapping.scalars import YEARS

RANK = re.compile(r"(\d{1,6})\. (?=\S)")
"""The number before a title in a list: "12. Metropolis"."""
_YEAR = re.compile(r"^(?P<rest>.+?)\s*\((?P<year>\d{4})(?:[–-]\d{0,4})?\)$")
_ALTERNATE = re.compile(r"^(?P<rest>.+?)\s+\((?P<other>[^()]{2,})\)$")
_ARTICLES = "The|A|An|Le|La|Les|L'|Un|Une|Il|Lo|Gli|I|Der|Die|Das|Ein|Eine|El|Los|Las|Una|De|Den|Det|En|Et|O|Os|As"
_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$")


def untangle(title: str, year: int | None) -> tuple[str, int | None, str | None]:
    """Title, year and original title of a title as MovieLens writes it.

    "Matrix, The (1999)" -> "The Matrix", 1999; "City of Lost Children, The (Cité des enfants perdus, La) (1995)" has
    an original title as well. A year that is not the movie's own (`year` is another) stays in the title.
    """
    found = _YEAR.match(title) if title.endswith(")") else None
    written = int(found["year"]) if found else None
    if found is None or written not in YEARS or year not in (None, written):
        return (straighten(title) if title.endswith(", The") else title), year, None
    plain, original = found["rest"], None
    alternate = _ALTERNATE.match(plain)
    if alternate and not alternate["other"].lower().startswith(("a.k.a", "aka ")):
        plain, original = alternate["rest"], straighten(alternate["other"])
    return straighten(plain), written, original


def straighten(title: str) -> str:
    """The article of "Matrix, The" in front."""
    found = _ARTICLE.match(title)
    if not found:
        return title
    return found["article"] + ("" if found["article"].endswith("'") else " ") + found["rest"]


def slug(title: str, year: int | None) -> str:
    """An id of title and year: "the-matrix-1999"; letters of any script stay, and a title without any gets a digest.

    The same title and year give the same id for ever: ids in stored catalogs depend on it.
    """
    plain = unicodedata.normalize("NFKD", title.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    words = re.findall(r"\w+", unicodedata.normalize("NFC", plain.replace("'", "").replace("’", "")))
    name = "-".join(words).replace("_", "-").strip("-") or blake2b(title.encode(), digest_size=6).hexdigest()
    return f"{name}-{year}" if year is not None else name
