"""The names that the fields of a movie have in the catalogues people keep."""

from collections.abc import Mapping
from types import MappingProxyType

_GERMAN_PLOTS = (
    "handlung", "inhalt", "inhaltsangabe", "beschreibung", "filmbeschreibung", "zusammenfassung", "kurzbeschreibung",
    "kurzinhalt",
)  # fmt: skip

USUAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": (
            "id", "movie id", "film id", "show id", "_id", "uid", "rating key", "guid", "mal id", "anime id", "nr",
            "nummer", "lfd nr",
        ),
        "title": (
            "title", "movie title", "film title", "primary title", "series title", "show title", "name", "movie name",
            "film name", "movie", "film", "titel", "filmtitel", "deutscher titel", "english title", "title en", "names",
            "orig title", "original title", "original name",
        ),
        "plot": (
            "plot", "overview", "plot summary", "movie overview",
            "description", "movie description", "summary", "story", "storyline", "movie info", "long description",
            "plot outline", "outline", "short plot", "text", "content", "abstract", *_GERMAN_PLOTS,
        ),
        "plot_de": (
            "plot de", "overview de", "plot german", "german plot", "description de", "synopsis de", "summary de",
            "overview german", "german overview", "description german", "german description", "plot deutsch",
            "deutsche handlung", "deutscher plot", "deutsche beschreibung", *_GERMAN_PLOTS,
        ),
        "synopsis": ("synopsis", "sypnopsis", "plot synopsis", "full plot", "full synopsis", "long synopsis"),
        "original_title": ("original title", "original name", "orig title", "originaltitel", "title original"),
        "year": (
            "year", "release year", "released year", "production year", "title year", "start year", "movie year",
            "jahr", "release date", "released", "premiere date", "date published", "in cinemas",
            "theatrical release date", "first air date", "original release date", "originally available at",
            "premiered", "aired", "erscheinungsjahr", "produktionsjahr", "erschienen", "kinostart", "date", "date x",
        ),
        "genres": ("genres", "genre", "listed in", "genre names", "movie genre", "categories", "genero", "kategorie"),
        "keywords": (
            "keywords.keywords", "keywords", "plot keywords", "tags", "tag", "interests", "themes", "schlagworte",
            "schlagwörter", "stichwörter",
        ),
        "directors": (
            "directors", "director", "directed by", "director name", "movie director", "crew", "credits.crew", "people",
            "regie", "regisseur", "regisseurin", "regisseure",
        ),
        "actors": (
            "actors", "cast", "credits.cast", "starring", "stars", "top cast", "main actors", "actor", "role", "roles",
            "darsteller", "schauspieler", "besetzung",
            *(f"{word} {number}{end}" for word, end in (("star", ""), ("actor", ""), ("actor", " name"))
              for number in range(1, 6)), "people",
        ),
        "languages": (
            "original language", "language", "languages", "spoken languages", "lang", "orig lang", "originalsprache",
            "sprache", "sprachen",
        ),
        "countries": (
            "countries", "country", "production countries", "origin country", "origin ethnicity",
            "production locations", "country of origin", "land", "länder", "produktionsland", "herstellungsland",
        ),
        "runtime": (
            "runtime", "runtime minutes", "duration", "length", "run time ticks", "running time", "movie duration",
            "runtime in minutes", "laufzeit", "länge", "dauer", "spieldauer",
        ),
        "rating": (
            "audience rating", "rating", "vote average", "average rating", "imdb rating", "imdb score",
            "community rating", "avg vote", "score", "ratings.imdb.value", "ratings.tmdb.value", "ratings.value",
            "imdb.rating", "movie rating", "avg rating", "bewertung", "wertung",
        ),
        "votes": (
            "votes", "vote count", "num votes", "no of votes", "imdb votes", "num voted users", "rating count",
            "ratings.imdb.votes", "ratings.tmdb.votes", "ratings.votes", "imdb.votes", "total votes",
            "community rating count", "scored by", "stimmen", "anzahl bewertungen",
        ),
        "poster": (
            "poster", "poster url", "poster link", "poster path", "image", "image url", "img", "img url", "cover",
            "remote poster", "images", "art.poster", "thumbnail", "titelbild", "plakat",
        ),
        "link": ("link", "url"),
        "imdb": (
            "imdb id", "imdb", "imdb number", "imdb title id", "const", "tconst",
            "imdb.id", "imdb url", "imdb link", "movie imdb link",
            "movie link", "imdb page", "link", "url",
        ),
        "tmdb": ("tmdb id", "tmdb"),
        "ids": ("external ids", "provider ids", "unique id", "unique ids", "ids", "guids", "guid"),
        "kind": ("type", "title type", "media type", "item type", "content type", "kind", "typ", "art"),
        "extra": (),
    }
)  # fmt: skip
"""Field -> the names it usually goes by, the likeliest first; case, spaces and punctuation do not count.

TMDB, IMDb's data sets, Meilisearch's movies.json, Wikipedia movie data, MovieLens, Netflix, Jellyfin, Radarr,
MongoDB's sample, Kodi, Plex, Trakt, MyAnimeList, German lists and our own file are read with these. A dot leads inside
an object, spelled as it is there.
"""

OTHER_IDS = {
    "mlid": "ml",
    "movielensid": "ml",
    "tvdbid": "tvdb",
    "wikidataid": "wikidata",
    "traktid": "trakt",
    "malid": "mal",
}
OTHER_IDS |= {"wikidata": "wikidata", "letterboxdid": "letterboxd", "netflixid": "netflix"}
"""Column, in small letters without spaces -> the site whose id it holds."""
