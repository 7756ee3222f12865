"""What is read out of questions over a small catalog, and what is left to look for."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.movie import Movie
from query.constraints.known_values import KnownValues
from query.constraints.reader import QuestionReading, read, without
from query.filters import parse_filter
from tests.support.small import snapshot_of

FILMS = [
    Movie("1", "Alien", "A ship.", genres=("Horror", "Sci-Fi"), directors=("Ridley Scott",), votes=900),
    Movie(
        "2", "Dune", "Sand.", year=1984, genres=("Sci-Fi",), directors=("David Lynch",), countries=("United States",)
    ),
    Movie(
        "3",
        "Cléo",
        "A singer.",
        genres=("Drama",),
        directors=("Agnès Varda",),
        countries=("France",),
        languages=("French",),
    ),
    Movie("4", "Rope", "A party.", genres=("Thriller", "Crime"), directors=("Alfred Hitchcock",)),
    Movie("5", "Psycho", "A motel.", genres=("Thriller",), directors=("Alfred Hitchcock",)),
    Movie("6", "Django", "A coffin.", genres=("Western", "War"), countries=("Italy",), languages=("Italian",)),
    Movie("7", "Amen", "A wall.", genres=("Comedy", "Musical"), countries=("Germany", "West Germany")),
    Movie("8", "Akira", "A bike.", genres=("Animation", "Family"), languages=("Portuguese", "German")),
    Movie("9", "Zombies", "Zombies, a zombie and more.", directors=("Rob Zombie",)),
    *(Movie(f"z{number}", f"Dead {number}", "A zombie walks.") for number in range(9)),
]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnownValues]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("films")) as snapshot:
        yield KnownValues(snapshot)


def conditions(reading: QuestionReading) -> str:
    return " ".join(each.filter for each in reading.constraints)


@pytest.mark.parametrize(
    ("question", "wished", "left"),
    [
        ("French dramas", "country:France language:French genre:Drama", ""),
        ("horror movies from the 70s", "genre:Horror year:1970..1979", ""),
        ("only horror from before 1960", "genre:Horror year:..1959", ""),
        ("nur Horrorfilme aus den 70ern", "genre:Horror year:1970..1979", ""),
        ("1968 science fiction", "year:1968 genre:Sci-Fi", ""),
        ("vampires, 1980s, not a comedy", "year:1980..1989 -genre:Comedy", "vampires"),
        ("deutsche Filme über die Mauer", 'country:Germany,"West Germany" language:German', "Mauer"),
        ("Western aus Italien", "genre:Western country:Italy", ""),
        ("films from Italy and France", "country:Italy,France", ""),
        ("Kriegsfilme vor 1950", "genre:War year:..1949", ""),
        ("crime comedies", "genre:Crime genre:Comedy", ""),
        ("Krimikomödie", "genre:Crime genre:Comedy", ""),
        ("zombie romance, horror", "genre:Horror", "zombie romance"),
        ("time travel comedy", "genre:Comedy", "time travel comedy"),
        ("movies in Portuguese", "language:Portuguese", ""),
        ("deutschsprachige Filme", "language:German", ""),
        ("German-language films about school", "language:German", "school"),
        ("films by Agnès Varda", 'director:"Agnès Varda"', ""),
        ("Filme von Varda", 'director:"Agnès Varda"', ""),
        ("Hitchcock thrillers", 'director:"Alfred Hitchcock" genre:Thriller', ""),
        ("ridley scott", 'director:"Ridley Scott"', ""),
        ("Familienfilme mit Hunden, nicht aus Italien", "genre:Family -country:Italy", "Hunden"),
        ("horror with robots but not in French", "genre:Horror -language:French", "robots"),
        ("drama, not French", "genre:Drama -country:France", ""),
        ("Dune 1984", "year:1984", "Dune"),
        ("Dune von David Lynch", 'director:"David Lynch"', "Dune"),
        ("psychological thriller", "genre:Thriller", "psychological thriller"),
        ("80s or 90s horror/war movies", "year:1980..1989,1990..1999 genre:Horror genre:War", ""),
        ("horror or thriller movies", "genre:Horror,Thriller", ""),
        ("Filme aus dem Jahr 1939", "year:1939", ""),
        ("Kriegsfilme der 30er", "genre:War year:1930..1939", ""),
        ("movies made in Italy", "country:Italy", ""),
        ("movies set in Italy, horror", "genre:Horror", "Italy"),
        ("silent comedies", "year:1888..1929 genre:Comedy", ""),
        ("Psychothriller aus Italien", "genre:Thriller country:Italy", "Psychothriller"),
        ("Italian epics", "country:Italy language:Italian", "epics"),
        ("horror, Italy, 1973", "genre:Horror country:Italy year:1973", ""),
        ("spooky but not horror", "-genre:Horror", "spooky"),
        ("a western, but not an Italian one", "genre:Western -country:Italy", ""),
        ("something funny from Italy", "genre:Comedy country:Italy", ""),
        ("a horror film about a doll from the 80s", "genre:Horror year:1980..1989", "doll"),
        ("Western, sixties or seventies", "genre:Western year:1960..1969,1970..1979", ""),
        ("comedies after 1990 but before 2000", "genre:Comedy year:1991..1999", ""),
        ("horror, 2015 or later", "genre:Horror year:2015..", ""),
        ("drama, nothing after 1980", "genre:Drama -year:1981..", ""),
        ("Filme aus Italien, die älter sind als 1980", "country:Italy year:..1979", ""),
        (
            "some horror that isn't in German and came out in 1999, thanks!",
            "genre:Horror -language:German year:1999",
            "",
        ),
        ("a comedy, nothing American please", 'genre:Comedy -country:"United States"', ""),
        ("not a drama and not a thriller either, from Italy", "-genre:Drama -genre:Thriller country:Italy", ""),
        ("neither comedy nor war, from Italy", "-genre:Comedy -genre:War country:Italy", ""),
        ("non-German thrillers", "-language:German genre:Thriller", ""),
        ("Gruselfilm: eine Frau zieht um. Bitte nicht aus Italien!", "genre:Horror -country:Italy", "Frau zieht um"),
        ("Zeig mir alle Kriegsfilme", "genre:War", ""),
        ("Filme für Kinder", "genre:Family", ""),
        ("French-Italian westerns", "country:France country:Italy genre:Western", ""),
        ("black and white thrillers, 1940s only", "genre:Thriller year:1940..1949", ""),
        ("westerns from this century", "genre:Western year:2000..", ""),
        ("films by the Scott brothers", 'director:"Ridley Scott"', ""),
    ],
)
def test_a_request_is_read(known: KnownValues, question: str, wished: str, left: str) -> None:
    reading = read(question, known)
    assert (conditions(reading), reading.text, reading.is_request) == (wished, left, True)


@pytest.mark.parametrize(
    ("question", "wished", "left"),
    [
        ("haunted house year>=1980", "", "haunted house year>=1980"),
        ("haunted house year >= 1980", "", "haunted house year >= 1980"),
        ("ghosts genre:Horror", "", "ghosts genre:Horror"),
        ("ghosts -genre:Comedy year:1980s", "", "ghosts -genre:Comedy year:1980s"),
        ("French comedies year<1980", "country:France language:French genre:Comedy", "year<1980"),
        ("Spaß in einem Haus director:Groß aus dem Jahr 1939", "year:1939", None),
        ("haunted house from 1980", "year:1980", None),
    ],
)
def test_what_is_written_as_in_a_filter_is_words(
    known: KnownValues, question: str, wished: str, left: str | None
) -> None:
    reading = read(question, known)
    assert (conditions(reading), reading.text) == (wished, question if left is None else left)
    assert [question[slice(*each.words)] for each in reading.constraints if each.field == "year"] == (
        [question[-4:]] if left is None and "aus" not in question else ["Jahr 1939"] if left is None else []
    )


@pytest.mark.parametrize(
    "question",
    [
        "a war veteran drives a taxi",
        "a musical genius is envied",
        "comedy writer falls in love",
        "western town is terrorised by outlaws",
        "family moves into a haunted house",
        "the French chef and his rat",
        "Kind ohne Familie lebt im Bahnhof",
        "zombie movies",
        "refugees from Italy",
        "raised by Scott",
        "he lives with no family",
        "a cop in 1970s New York hunts the mafia for years",
        "a singer, born on the same day in 1900, loses her voice and her man",
        "no one believes her, and nothing helps",
        "Italy",
    ],
)
def test_a_story_is_not_read(known: KnownValues, question: str) -> None:
    assert read(question, known) == QuestionReading(question)


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("ein Film über einen Mann, der im Flughafen lebt", "Mann, der im Flughafen lebt"),
        ("a movie about a man who lives in an airport", "man who lives in an airport"),
        ("movie about", "movie about"),
        ("films in space", "space"),
        ("Filme im Weltall", "Weltall"),
        ("in space", "in space"),
    ],
)
def test_that_a_film_is_meant_is_not_looked_for(known: KnownValues, question: str, left: str) -> None:
    assert read(question, known) == QuestionReading(left)


def test_a_memory_is_read_but_is_no_request(known: KnownValues) -> None:
    question = "I remember a french drama from the 60s where two singers meet"
    reading = read(question, known)
    assert conditions(reading) == "country:France language:French genre:Drama year:1960..1969"
    assert (reading.text, reading.is_request) == (question, False)


def test_years_in_passing_are_no_request(known: KnownValues) -> None:
    reading = read("Berlin 1945", known)
    assert (conditions(reading), reading.is_request) == ("year:1945", False)


def test_each_constraint_knows_its_words(known: KnownValues) -> None:
    question = "Große Komödien, keine Western"
    assert [(question[slice(*each.words)], each.negated) for each in read(question, known).constraints] == [
        ("Komödien", False),
        ("Western", True),
    ]


@pytest.mark.parametrize("question", ["a movie like no other", "ein Film wie kein anderer", "films like Nobody knows"])
def test_what_is_no_title_is_like_nothing(known: KnownValues, question: str) -> None:
    assert (read(question, known).like, read(question, known).is_request) == (None, False)


@pytest.mark.parametrize(
    "question",
    [
        "movies like Alien but funny",
        "Filme wie Alien, aber funny",
        "so ein Film wie Alien, nur funny",
        "films in the style of Alien but funny",
    ],
)
def test_like_names_a_film(known: KnownValues, question: str) -> None:
    reading = read(question, known)
    assert (conditions(reading), reading.like, reading.text) == ("like:Alien", "1", "funny")


@pytest.mark.parametrize(
    "question",
    [
        "I liked Alien. What else?",
        "i loved Alien, what next",
        "Mir gefiel Alien, was noch?",
        "similar to Alien",
        "ähnlich wie Alien",
        "more like Alien",
        "wie Alien",
    ],
)
def test_who_liked_a_film_wants_others_like_it(known: KnownValues, question: str) -> None:
    reading = read(question, known)
    assert (conditions(reading), reading.like, reading.text, reading.is_request) == ("like:Alien", "1", "", True)


@pytest.mark.parametrize(
    "question",
    ["I loved Alien as a child and remember a cat", "she loved Alien", "I liked the sea", "a dog similar to me"],
)
def test_who_tells_more_names_no_film_to_be_like(known: KnownValues, question: str) -> None:
    assert (read(question, known).like, read(question, known).is_request) == (None, False)


def test_actors_that_the_catalog_does_not_hold_are_said(known: KnownValues) -> None:
    assert len(read("films with Tom/Hanks", known).notes) == 1
    reading = read("films with Tom Hanks", known)
    assert reading.notes == ("the catalog holds no actors: 'Tom Hanks' is looked for as words",)
    assert (reading.text, reading.constraints) == ("Tom Hanks", ())


def test_what_no_film_says_of_itself_is_not_looked_for(known: KnownValues) -> None:
    reading = read("horror without ghosts", known)
    assert (conditions(reading), reading.text) == ("genre:Horror", "")
    assert reading.notes == ("no film says what it is without: 'ghosts' is not looked for",)


def test_bounds_of_what_the_catalog_does_not_hold_are_said(known: KnownValues) -> None:
    reading = read("thrillers under two hours", known)
    assert (conditions(reading), reading.text) == ("genre:Thriller", "")
    assert reading.notes == ("the catalog holds no runtimes: 'under two hours' is not looked for",)
    assert conditions(read("thrillers with more than 500 votes", known)) == "genre:Thriller votes>500"


@pytest.mark.parametrize(
    ("question", "title"),
    [("the movie Dune", "Dune"), ("kennt jemand den Film Alien?", "Alien"), ("have you got Dead 3", "Dead 3")],
)
def test_a_title_that_is_asked_for_is_that_title(known: KnownValues, question: str, title: str) -> None:
    reading = read(question, known)
    assert (reading.text, reading.constraints, reading.is_titled) == (title, (), True)


def test_of_a_plot_only_what_is_said_apart_is_read(known: KnownValues) -> None:
    told = "Two French singers fall in love in 1968. No war, please."
    assert conditions(read(told, known, is_told=True)) == "-genre:War"
    plot = "A French singer falls in love in a western town."
    assert read(plot, known, is_told=True) == QuestionReading(plot)


def test_actors_that_it_holds_are_wished(tmp_path_factory: pytest.TempPathFactory) -> None:
    films = [Movie("1", "Big", "A boy.", actors=("Tom Hanks",), genres=("Comedy",))]
    with snapshot_of(films, tmp_path_factory.mktemp("actors")) as snapshot:
        reading = read("Komödien mit Tom Hanks", KnownValues(snapshot))
        assert (conditions(reading), reading.text) == ('genre:Comedy actor:"Tom Hanks"', "")


def test_what_a_filter_takes_the_place_of_is_looked_for_again(known: KnownValues) -> None:
    question = "French dramas about a wedding"
    reading = read(question, known)
    assert conditions(without(reading, question, "genre:Horror", ())) == "country:France language:French"
    assert without(reading, question, "genre:Horror", ()).text == "dramas wedding"
    fewer = without(reading, question, "", ['language:"French"'])
    assert (conditions(fewer), fewer.text) == ("country:France genre:Drama", "wedding")
    none = without(reading, question, "genre:War country:Chile language:Welsh", ())
    assert none.text == "French dramas wedding"
    assert (none.constraints, none.is_request) == ((), False)


def test_what_is_taken_away_is_forgotten_while_something_is_left(known: KnownValues) -> None:
    question = "French dramas"
    reading = read(question, known)
    fewer = without(reading, question, "", ["genre:Drama"])
    assert (conditions(fewer), fewer.text, fewer.is_request) == ("country:France language:French", "", True)
    nothing = without(reading, question, "", ["genre:Drama", "country:France", "language:French"])
    assert (nothing.constraints, nothing.text, nothing.is_request) == ((), question, False)
    liked = "more like Alien, but less like Dune"
    assert without(read(liked, known), liked, "", ["like:Alien", "-like:Dune"]).text == liked


@pytest.mark.parametrize(
    "question",
    [
        "More like Alien, but less like Dune.",
        "movies like Alien but not like Dune",
        "like Alien but not like Dune",
        "movies like Alien except Dune",
        "mehr wie Alien, aber weniger wie Dune",
    ],
)
def test_less_like_names_a_film_to_be_unlike(known: KnownValues, question: str) -> None:
    reading = read(question, known)
    assert (conditions(reading), reading.text) == ("like:Alien -like:Dune", "")
    assert (reading.like, reading.unlike) == ("1", known.title("Dune")[0])  # type: ignore[index]


def test_what_a_filter_says_itself_is_looked_for_no_more(known: KnownValues) -> None:
    question = "French dramas about a wedding"
    reading = read(question, known)
    said = without(reading, question, "genre:drama year>1950", ())
    assert (conditions(said), said.text, said.is_request) == ("country:France language:French", "wedding", True)
    whole = without(reading, question, "genre:Drama country:France language:French", ())
    assert (whole.constraints, whole.text, whole.is_request) == ((), "wedding", True)


WORDS = st.sampled_from(
    "with films/Varda Tom/Hanks"
    " French movies not a from the 70s by Varda comedies Horrorfilme ohne in Dune like but , ( - 1984 ß ä .".split()
)


@given(st.lists(WORDS | st.text(max_size=4), max_size=12).map(" ".join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_becomes_conditions_that_stand_in_it(known: KnownValues, question: str) -> None:
    reading = read(question, known)
    for each in reading.constraints:
        start, end = each.words
        assert 0 <= start < end <= len(question)
        assert each.field == "like" or len(parse_filter(each.filter).conditions) == 1
    assert reading.constraints or not reading.is_request


def test_a_catalog_is_read_by_its_own_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    films = [Movie("1", "Eins", "x", genres=("Science Fiction", "Komödie"), countries=("Deutschland",))]
    with snapshot_of(films, tmp_path_factory.mktemp("german")) as snapshot:
        reading = read("German sci-fi comedies", KnownValues(snapshot))
        assert conditions(reading) == 'country:Deutschland genre:"Science Fiction" genre:"Komödie"'


def test_nothing_is_read_of_what_no_film_has(tmp_path_factory: pytest.TempPathFactory) -> None:
    with snapshot_of([Movie("1", "One", "x")], tmp_path_factory.mktemp("bare")) as snapshot:
        assert read("French comedies by Varda", KnownValues(snapshot)) == QuestionReading("French comedies by Varda")


def test_a_book_is_not_read_and_takes_no_time(known: KnownValues) -> None:
    book = "horror film film of film by " * 20_000
    assert read(book, known) == QuestionReading(book)


def test_a_nation_is_a_language_where_its_films_speak_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    english = [Movie(str(n), f"Film {n}", "x", countries=("Ireland",), languages=("English",)) for n in range(3)]
    irish = Movie("i", "An Scannán", "x", countries=("Ireland",), languages=("Irish",), genres=("Drama",))
    with snapshot_of([*english, irish], tmp_path_factory.mktemp("irish")) as snapshot:
        assert conditions(read("Irish dramas", KnownValues(snapshot))) == "country:Ireland genre:Drama"
        assert conditions(read("dramas in Irish", KnownValues(snapshot))) == "genre:Drama language:Irish"
