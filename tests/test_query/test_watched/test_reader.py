"""Lists of watched and rated films, as the usual places export them."""

import json
import zipfile
from pathlib import Path

import pytest

from catalog.errors import UsageError
from query.watched.reader import ratings_of, read_watched, seen_of

LETTERBOXD = """Date,Name,Year,Letterboxd URI,Rating
2024-01-02,Lantern,1984,https://boxd.it/1,4.5
2024-03-02,"Stairs, The",1990,https://boxd.it/2,0.5
2024-02-02,Harbour,,https://boxd.it/3,
"""
DIARY = """Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date
2024-01-03,Lantern,1984,https://boxd.it/1,4.5,Yes,,2024-01-02
"""
LETTERBOXD_LIST = """Letterboxd list export v7
Date,Name,Tags,URL,Description
2024-01-02,Winter,,https://boxd.it/9,

Position,Name,Year,URL,Description
1,Lantern,1984,https://boxd.it/1,
"""
IMDB = """Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Year
tt0000001,9,2024-01-02,Lantern,https://www.imdb.com/title/tt0000001,Movie,7.1,1984
tt0000002,3,2024-01-03,Tides,https://www.imdb.com/title/tt0000002,TV Series,7.1,1990
tt0000003,4,2024-01-04,Stairs,https://www.imdb.com/title/tt0000003,TV Movie,7.1,1990
"""
TRAKT = [
    {"rated_at": "2024-01-02", "rating": 4, "type": "movie",
     "movie": {"title": "Lantern", "year": 1984, "rating": 7.2, "votes": 5, "ids": {"trakt": 1, "imdb": "tt0000001",
                                                                                    "tmdb": 42}}},
    {"rated_at": "2024-01-03", "rating": 9, "type": "show", "show": {"title": "Tides"}},
]  # fmt: skip
KODI = {"result": {"limits": {"total": 2}, "movies": [
    {"title": "Lantern", "year": 1984, "uniqueid": {"imdb": "tt0000001", "tmdb": "42"}, "playcount": 2, "rating": 9.1,
     "userrating": 8},
    {"title": "Stairs", "year": 1990, "playcount": 0, "rating": 3.0, "userrating": 0},
]}}  # fmt: skip
PLEX = {"MediaContainer": {"size": 2, "Metadata": [
    {"title": "Lantern", "year": 1984, "type": "movie", "Guid": [{"id": "imdb://tt0000001"}], "viewCount": 1,
     "rating": 9.0, "userRating": 4.0},
    {"title": "Stairs", "year": 1990, "type": "movie", "rating": 9.0},
]}}  # fmt: skip
JELLYFIN = {"Items": [
    {"Name": "Lantern", "ProductionYear": 1984, "ProviderIds": {"Imdb": "tt0000001", "Tmdb": "42"},
     "UserData": {"Played": True}, "Type": "Movie", "CommunityRating": 7.0},
    {"Name": "Stairs", "ProductionYear": 1990, "UserData": {"Played": False}, "Type": "Movie"},
    {"Name": "Tides", "UserData": {"Played": True}, "Type": "Series"},
]}  # fmt: skip
BOTH = "imdb:tt0000001 tmdb:42 Lantern (1984)"


def written(folder: Path, content: object, name: str = "export") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "seen", "ratings"),
    [
        (LETTERBOXD, ("The Stairs (1990)", "Harbour", "Lantern (1984)"), {"The Stairs (1990)": 1, "Lantern (1984)": 9}),
        (DIARY, ("Lantern (1984)",), {"Lantern (1984)": 9}),
        (LETTERBOXD_LIST, ("Lantern (1984)",), {"Lantern (1984)": 10}),
        (IMDB, ("imdb:tt0000003 Stairs (1990)", "imdb:tt0000001 Lantern (1984)"),
         {"imdb:tt0000003 Stairs (1990)": 4, "imdb:tt0000001 Lantern (1984)": 9}),
        (TRAKT, (BOTH,), {BOTH: 4}),
        (KODI, (BOTH,), {BOTH: 8}),
        (PLEX, ("imdb:tt0000001 Lantern (1984)",), {"imdb:tt0000001 Lantern (1984)": 4}),
        (JELLYFIN, (BOTH,), {BOTH: 10}),
        ("Titel;Jahr;Bewertung\nLaterne;1984;4,5\nTreppe;1990;2\n", ("Laterne (1984)", "Treppe (1990)"),
         {"Laterne (1984)": 9, "Treppe (1990)": 4}),
        ("title\tmy rating\nLantern (1984)\t85\n", ("Lantern (1984)",), {"Lantern (1984)": 8.5}),
        ('{"title": "Lantern", "year": 1984}\n{"title": "Stairs"}\n', ("Lantern (1984)", "Stairs"),
         {"Lantern (1984)": 10, "Stairs": 10}),
        ("movie_id,imdb_id,tmdb_id,rating,average_rating,title\n1,1,42,5,3.1,Lantern (1984)\n", (BOTH,), {BOTH: 10}),
    ],
    ids=["letterboxd", "diary", "list", "imdb", "trakt", "kodi", "plex", "jellyfin", "german", "percent", "lines",
         "movielens.org"],
)  # fmt: skip
def test_a_list_is_read(content: object, seen: tuple[str, ...], ratings: dict[str, float], tmp_path: Path) -> None:
    films = read_watched(written(tmp_path, content))
    assert seen_of(films) == seen
    assert ratings_of(films) == ratings
    assert list(ratings_of(films)) == [name for name in seen if name in ratings]


def test_movielens_names_films_in_the_files_beside(tmp_path: Path) -> None:
    ratings = written(tmp_path, "userId,movieId,rating,timestamp\n1,7,4.5,10\n1,8,1,20\n", "ratings.csv")
    with pytest.raises(UsageError, match=r"ratings\.csv: names films by MovieLens' numbers alone; put its links\.csv"):
        read_watched(ratings)
    written(tmp_path, "movieId,imdbId,tmdbId\n7,0000001,42\n8,0000002,\n", "links.csv")
    written(tmp_path, 'movieId,title,genres\n7,Lantern (1984),Drama\n8,"Stairs, The (1990)",Drama\n', "movies.csv")
    assert ratings_of(read_watched(ratings)) == {"imdb:tt0000002 The Stairs (1990)": 2, BOTH: 9}
    written(tmp_path, "userId,movieId,rating,timestamp\n1,7,4.5,10\n2,8,1,20\n", "ratings.csv")
    with pytest.raises(UsageError, match=r"ratings\.csv: ratings of 2 people; keep those of one userId"):
        read_watched(ratings)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("amount,date\n1,2\n", "no film is named in it; there are amount, date"),
        (
            "1,2\n",
            "no column names a film: name the columns in the first line, title and year for one; that is now '1,2'",
        ),
        ("[1, 2]", "no film is named in it; there are no columns"),
        ('{"a": ', "is no JSON: Expecting value: line 1 column 7 (char 6)"),
        ("PK\x03\x04", "cannot be unpacked: File is not a zip file"),
        ("[" * 100_000, "lists and objects inside each other too deep to be read"),
    ],
)
def test_what_is_no_list_of_films_is_told_in_one_line(content: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UsageError) as refused:
        read_watched(path)
    assert str(refused.value) in (f"{path}: {told}", f"{path} {told}")


def test_letterboxds_export_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "letterboxd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ratings.csv", LETTERBOXD)
        archive.writestr("diary.csv", DIARY.replace("2024-01-02", "2024-05-01").replace("4.5", "5"))
        archive.writestr("watched.csv", "Date,Name,Year,Letterboxd URI\n2023-01-01,Winter,1970,https://boxd.it/4\n")
        archive.writestr("watchlist.csv", "Date,Name,Year,Letterboxd URI\n2023-01-01,Unseen,1970,https://boxd.it/5\n")
    films = read_watched(path)
    assert seen_of(films) == ("Lantern (1984)", "The Stairs (1990)", "Harbour", "Winter (1970)")
    assert ratings_of(films) == {"Lantern (1984)": 10, "The Stairs (1990)": 1}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("profile.csv", "Name\nA\n")
    with pytest.raises(
        UsageError, match=r"is packed, and holds none of ratings\.csv, diary\.csv, watched\.csv; unpack"
    ):
        read_watched(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none cannot be read: No such file or directory$"):
        read_watched(tmp_path / "none")


def test_older_encodings(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes("Name,Year\nDas Märchen,1984\n".encode(encoding))
        assert seen_of(read_watched(path)) == ("Das Märchen (1984)",)
