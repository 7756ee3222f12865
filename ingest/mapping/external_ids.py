"""Ids and addresses elsewhere: of a cell that may hold anything, only what is one."""

import re
from urllib.parse import unquote

from ingest.mapping.scalars import identifier
from ingest.mapping.text import clean_text, number_text

_IMDB = re.compile(r"\btt\d{5,10}\b")
_DIGITS = re.compile(r"0*[1-9]\d{0,9}")
_URL = re.compile(r"https?://[^\s\0-\x1f\x7f-\x9f\ud800-\udfff]+", re.IGNORECASE)
_TMDB_IMAGE = re.compile(r"/[\w-]+\.(?:jpe?g|png|webp)")
_TMDB_IMAGES = "https://image.tmdb.org/t/p/w500"
_ADDRESSED = re.compile(r"(?:com\.plexapp\.agents\.)?(imdb|tmdb|themoviedb|tvdb|thetvdb)://(\w+)")
_KODI_IMAGE = "image://"
_NO_SITES = ("facebook", "instagram", "twitter", "slug", "unknown", "default")
_SAME_SITES = {"themoviedb": "tmdb", "thetvdb": "tvdb"}


def plain_id(value: object) -> str | None:
    """An id as text, None for what is none."""
    if type(value) is int:
        return number_text(value)
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return identifier(value)


def imdb_id(value: object) -> str | None:
    """tt0111161 of itself, of a link, or of the bare number that MovieLens has."""
    if type(value) is str and 8 < len(value) < 11 and value.startswith("tt") and value[2:].isdecimal():
        return value  # the usual case, quickly
    text = plain_id(value)
    if text is None:
        return None
    if _DIGITS.fullmatch(text):
        return f"tt{int(text):07}"
    found = _IMDB.search(text)
    return found[0] if found else None


def tmdb_id(value: object) -> str | None:
    """TMDB's number."""
    if type(value) is int and 0 < value < 10**10:
        return str(value)
    text = plain_id(value)
    return text if text is not None and _DIGITS.fullmatch(text) else None


def site_ids(value: object) -> dict[str, str] | None:
    """{"imdb": "tt0111161", ...} of Jellyfin's {"Imdb": ...}, TMDB's {"imdb_id": ...}, Plex's list, or our own."""
    if isinstance(value, dict) and "id" not in value:
        pairs = [(str(key), value[key]) for key in value]
    else:
        pairs = _addressed(value)
    ids = {name: text for key, held in pairs if (name := _site(key)) and (text := plain_id(held))}
    for name, clean in (("imdb", imdb_id), ("tmdb", tmdb_id)):
        if name in ids:
            ids[name] = clean(ids[name]) or ""
    return {name: text for name, text in ids.items() if text} or None


def _addressed(value: object) -> list[tuple[str, str]]:
    """Sites and ids of Plex's "imdb://tt0111161", alone, in a list, or in a list of {"id": ...}."""
    items = value if isinstance(value, list) else [value]
    texts = [item.get("id") if isinstance(item, dict) else item for item in items]
    return [(found[1], found[2]) for text in texts if isinstance(text, str) and (found := _ADDRESSED.match(text))]


def address(value: object) -> str | None:
    """An http(s) address."""
    text = value.strip() if isinstance(value, str) else ""
    return text if _URL.fullmatch(text) else None


def poster(value: object) -> str | None:
    """An http(s) address; TMDB's, Radarr's and Kodi's ways of naming one are understood."""
    if isinstance(value, list):  # Radarr: [{"coverType": "poster", "remoteUrl": ...}, ...]
        covers = (item for item in value if isinstance(item, dict) and item.get("coverType") == "poster")
        value = next((cover.get("remoteUrl") or cover.get("url") for cover in covers), None)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.startswith(_KODI_IMAGE):
        text = unquote(text.removeprefix(_KODI_IMAGE)).rstrip("/")
    return _TMDB_IMAGES + text if _TMDB_IMAGE.fullmatch(text) else address(text)


def _site(key: str) -> str:
    """The name of the site in "Imdb", "imdb_id" or "wikidataId"."""
    name = re.sub(r"(?:_id|Id|ID)$", "", clean_text(key)).strip().lower()
    return "" if name in _NO_SITES else _SAME_SITES.get(name, name)
