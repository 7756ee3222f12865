"""The two commands, as a shell sees them: stdout for results, one line on stderr for a mistake, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ingest.cli import main as ingest
from query.cli import main as query
from tests.conftest import SEED

NOTHING_ASKED = (
    "say what to look for: a TEXT, --like ID-OR-TITLE, --likes FILE or --filter CONDITIONS (see query --help)"
)
ONE_WORD = "; one word is taken for a title; several, or words in text, are looked for in plots"


def run_ingest(store: Path, *arguments: str) -> Result:
    return CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(ingest, arguments)


def run_query(store: Path, *arguments: str) -> Result:
    return CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(query, arguments)


def write(folder: Path, *rows: object) -> str:
    path = folder / "films.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_ingest_reports_one_object(tmp_path: Path, seed_file: Path) -> None:
    result = run_ingest(tmp_path, "--file", str(seed_file), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report.pop("seconds") > 0
    assert report == {
        "read": 6,
        "added": 6,
        "text_changed": 0,
        "metadata_changed": 0,
        "unchanged": 0,
        "deleted": 0,
        "refused": 0,
        "embedded": 6,
        "truncated": 0,
        "repaired": 0,
        "unreadable": {},
        "first_unreadable": {},
        "model": "bundled",
        "films": 6,
        "generation": 1,
        "published": True,
        "source": "main",
        "refusals": [],
        "refused_file": None,
        "note": None,
    }


def test_a_file_needs_no_option(tmp_path: Path, seed_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "status").write_bytes(seed_file.read_bytes())
    for arguments in (
        (str(seed_file), "--dry-run", "--json"),
        ("--json", "--dry-run", "./status"),
        ("--", str(seed_file)),
    ):
        result = run_ingest(tmp_path / "store", *arguments)
        assert result.exit_code == 0
    assert "last runs" in run_ingest(tmp_path / "store", "status").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.json", "b.json"], "one FILE at a time, not a.json and b.json; several are a pattern in quotes"),
        (["--file", "a.json", "b.json"], "one FILE at a time, not a.json and b.json; several are a pattern in quotes"),
        (["stauts"], "no file and no command is called 'stauts'; did you mean 'status'?"),
    ],
)
def test_what_is_neither_one_file_nor_a_command_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = run_ingest(tmp_path, *arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {said}")


@pytest.mark.parametrize("command", [ingest, query])
def test_the_message_names_the_folder_that_was_looked_in(
    command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["verify" if command is ingest else "ships"])
    assert f": {tmp_path / 'data'}: there is no catalog yet; " in result.stderr


def test_check_model_checks_what_stands_in(tmp_path: Path, seed_file: Path) -> None:
    environment = {"PLOTSEEK_STORE_PATH": str(tmp_path / "store"), "PLOTSEEK_EMBEDDING_MODEL": str(tmp_path / "none")}
    CliRunner(env=environment).invoke(ingest, [str(seed_file)])
    result = CliRunner(env=environment).invoke(ingest, ["check-model", "--json"])
    said = f"checked is the bundled model bundled: it stands in for {tmp_path / 'none'} in this catalog"
    assert said in result.stderr
    assert {check["name"]: check["ok"] for check in json.loads(result.stdout)}["weights"] is True


def test_ingest_twice_embeds_nothing(tmp_path: Path, seed_file: Path) -> None:
    run_ingest(tmp_path, "--file", str(seed_file))
    again = run_ingest(tmp_path, "--file", str(seed_file))
    assert again.exit_code == 0
    lines = again.stdout.splitlines()
    assert lines[0] == "6 rows read: 6 unchanged"
    assert lines[1].startswith("6 films in the catalog, model bundled, ")
    assert lines[1].endswith(", nothing embedded")


def test_refused_rows_are_named_and_kept_and_the_others_go_in(tmp_path: Path) -> None:
    films = write(
        tmp_path,
        {"id": 1, "title": "Alien", "plot": "A ship answers a call."},
        {"id": 2, "title": "", "plot": "No name."},
        {"id": 3, "title": "No plot"},
        {"id": 1, "title": "Twice", "plot": "The same id."},
        {"id": 5, "title": ["A", "list"], "plot": "Wrong type."},
    )
    result = run_ingest(tmp_path / "store", "--file", films, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["read"], report["added"], report["refused"]) == (0, 5, 1, 4)
    assert [reason.split(":")[0] for reason in report["refusals"]] == ["line 2", "line 3", "line 4", "line 5"]
    assert report["refusals"][2] == "line 4: field 'id': '1' was already seen at line 1"
    kept = [json.loads(line) for line in Path(report["refused_file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["row"]["id"] for row in kept] == [2, 3, 1, 5]
    strict = run_ingest(tmp_path / "store", "--file", films, "--strict")
    assert strict.exit_code == 1
    assert "1 unchanged, 4 refused" in strict.stdout
    # Read or not, they are named.
    assert [line[11:] for line in strict.stdout.splitlines() if line.startswith("  refused: ")] == report["refusals"]
    assert strict.stderr.splitlines()[-1] == "ingest: 4 rows refused, which --strict counts as a failure"
    again = json.loads(run_ingest(tmp_path / "store", films, "--json").stdout)
    assert again["refusals"] == report["refusals"]


def test_a_film_whose_row_is_broken_tonight_stays_as_it_was(tmp_path: Path) -> None:
    good: list[dict[str, object]] = [
        {"id": 1, "title": "Alien", "plot": "A ship answers a call."},
        {"id": 2, "title": "Jaws", "plot": "A shark."},
        {"imdbId": "tt0087332", "title": "Ghostbusters", "plot": "Three of them hunt ghosts."},
        {"title": "Solaris (1972)", "plot": "A station over an ocean."},
        {"id": 5, "title": "Gone tomorrow", "plot": "A man leaves."},
    ]
    store = tmp_path / "store"
    assert json.loads(run_ingest(store, "--file", write(tmp_path, *good), "--json").stdout)["films"] == 5
    broken = [{**film, **change} for film, change in zip(good[:4], _BROKEN, strict=True)]
    preview = run_ingest(store, "--file", write(tmp_path, *broken), "--json", "--dry-run")
    assert (json.loads(preview.stdout)["deleted"], json.loads(preview.stdout)["refused"]) == (1, 4)
    report = json.loads(run_ingest(store, "--file", write(tmp_path, *broken), "--json").stdout)
    assert (report["refused"], report["deleted"], report["films"]) == (4, 1, 4)


def film(identity: int, title: str, plot: str) -> dict[str, object]:
    return {"id": identity, "title": title, "plot": plot}


def test_another_list_of_the_same_ids_is_told(tmp_path: Path) -> None:
    first = film(1, "A Trip to the Moon", "A gun."), film(2, "Alien", "A ship."), film(3, "Jaws", "A shark.")
    run_ingest(tmp_path / "store", write(tmp_path, *first))
    second = film(1, "Apollo 13", "A tank bursts."), film(2, "Aliens", "A ship."), film(3, "JAWS!", "A sea.")
    films = write(tmp_path, *second)
    said = (
        "1 film has another title and plot than before (first: 'Apollo 13' was 'A Trip to the Moon'); if this is"
        " another list, 'ingest rollback', then give it ids of its own, or a catalog of its own (PLOTSEEK_STORE_PATH)"
    )
    assert said in run_ingest(tmp_path / "store", films, "--dry-run").stdout.splitlines()
    result = run_ingest(tmp_path / "store", films, "--limit", "2", "--json")
    assert (result.exit_code, json.loads(result.stdout)["note"]) == (0, said)
    assert said in result.stderr.splitlines()
    run_ingest(tmp_path / "store", "rollback")
    edited = write(tmp_path, film(1, "A Trip to the Moon", "A bigger gun."), *first[1:])
    assert json.loads(run_ingest(tmp_path / "store", edited, "--json").stdout)["note"] is None


def test_another_list_takes_the_place_of_none_without_a_word(tmp_path: Path) -> None:
    run_ingest(tmp_path / "store", write(tmp_path, film(1, "Alien", "A ship."), film(2, "Jaws", "A shark.")))
    other = write(tmp_path, film(7, "Solaris", "A station."))
    refused = run_ingest(tmp_path / "store", other)
    assert refused.exit_code == 3
    assert refused.stderr.splitlines()[-1] == (
        "ingest: 2 of 2 films are missing from the file; nothing was deleted; check the file, or repeat with"
        " --allow-deletes (or, to keep other films beside them, with --source NAME)"
    )
    assert json.loads(run_ingest(tmp_path / "store", other, "--source", "shelf", "--json").stdout)["films"] == 3
    other = write(tmp_path, film(8, "Stalker", "A zone."))
    assert json.loads(run_ingest(tmp_path / "store", other, "--allow-deletes", "--json").stdout)["films"] == 2


def test_a_value_that_cannot_be_read_is_told_with_its_row(tmp_path: Path) -> None:
    films = write(tmp_path, film(1, "Alien", "A ship."), film(2, "Jaws", "A shark.") | {"year": "abcd"})
    said = "could not be read and were left out: year of 1 film (first: 'abcd', line 2)"
    for _ in range(2):
        assert said in run_ingest(tmp_path / "store", films).stdout.splitlines()
    again = json.loads(run_ingest(tmp_path / "store", films, "--json").stdout)
    assert again["first_unreadable"] == {"year": "'abcd', line 2"}


def test_a_list_of_nothing_but_films_of_another_source_is_refused(tmp_path: Path) -> None:
    films = write(tmp_path, film(3, "Without a plot", ""), film(1, "Alien", "A ship."), film(2, "Jaws", "A shark."))
    run_ingest(tmp_path / "store", films)
    refused = run_ingest(tmp_path / "store", films, "--source", "mian")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        "ingest: every film has the id of one of another source: line 2: field 'id': '1' is the id of 'Alien', a film"
        " of source 'main'; --take-over replaces that one; nothing was changed; name the --source that has these"
        " films, or give them other ids"
    )
    assert "mian" not in run_ingest(tmp_path / "store", "status").stdout.partition("last runs")[0]


_BROKEN: list[dict[str, object]] = [{"title": ["Alien"]}, {"plot": "N/A"}, {"plot": ""}, {"plot": ["A station."]}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("", "empty"),
        ("once upon a time", "JSON"),
        ('[{"id": 1, "title": "Alien", "plot": "A ship."}, {"id": 2, "ti', "cut off"),
        ('{"id": 1, "title": "Alien", "plot": "A ship."}\n{"id": 2, "title": "Ja', "cut off"),
    ],
)
def test_a_wrong_file_is_one_line_and_changes_nothing(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "films.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    result = run_ingest(tmp_path / "store", "--file", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert not (tmp_path / "store").exists()  # a mistyped name leaves nothing behind
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("ingest: ")
    assert "films.json" in line
    assert words in line


def test_an_option_of_a_run_is_not_passed_over_before_another_command(tmp_path: Path) -> None:
    result = run_ingest(tmp_path, "--file", "films.json", "status")
    assert (result.exit_code, result.stderr) == (2, "ingest: --file is for a run, not for 'ingest status'\n")


def test_an_address_of_another_scheme_is_no_missing_file(tmp_path: Path) -> None:
    result = run_ingest(tmp_path, "--file", "ftp://example.org/films.json")
    line = "ingest: ftp://example.org/films.json: only http and https addresses can be read\n"
    assert (result.exit_code, result.stderr) == (1, line)


def test_limit_reads_the_first_rows_and_deletes_nothing(tmp_path: Path, seed_file: Path) -> None:
    assert json.loads(run_ingest(tmp_path, "--file", str(seed_file), "--json").stdout)["films"] == 6
    report = json.loads(run_ingest(tmp_path, "--file", str(seed_file), "--limit", "2", "--json").stdout)
    assert (report["read"], report["unchanged"], report["deleted"], report["films"]) == (2, 2, 0, 6)


def test_query_answers_with_the_known_similarities(seed_store: Path) -> None:
    result = run_query(seed_store, "I want a movie with space ships", "--plain", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(answer) == {"query", "model", "results", "total", "total_is_exact"}
    assert (answer["total"], answer["total_is_exact"]) == (6, True)
    assert (answer["query"], answer["model"]) == ("I want a movie with space ships", "bundled")
    found = {film["title"]: film["score"] for film in answer["results"]}
    assert found == pytest.approx(
        {
            "Star Trek: Generations": 0.277,
            "Ghostbusters II": 0.211,
            "Star Wars: Episode V - The Empire Strikes Back": 0.207,
            "Pulp Fiction": 0.202,
            "Fight Club": 0.143,
            "Ghostbusters": 0.125,
        },
        abs=0.002,
    )
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert answer["results"][0] == {
        "id": "1",
        "title": "Star Trek: Generations",
        "score": found["Star Trek: Generations"],
        "plot": SEED["movies"][0]["plot"],
    }


def test_words_need_no_quotes(seed_store: Path) -> None:
    loose = run_query(seed_store, "space", "ships", "--limit", "1", "--json")
    quoted = run_query(seed_store, "space ships", "--limit", "1", "--json")
    assert loose.stdout == quoted.stdout


def test_like_leaves_the_film_itself_out(seed_store: Path) -> None:
    result = run_query(seed_store, "--like", "ghostbusters", "--limit", "10", "--json")
    titles = [film["title"] for film in json.loads(result.stdout)["results"]]
    assert len(titles) == 5
    assert titles[0] == "Ghostbusters II"
    assert "Ghostbusters" not in titles


def test_like_takes_an_id(seed_store: Path) -> None:
    by_id = json.loads(run_query(seed_store, "--like", "5", "--json").stdout)
    by_title = json.loads(run_query(seed_store, "--like", "Ghostbusters", "--json").stdout)
    assert by_id["results"] == by_title["results"]


def test_what_was_understood_is_said_and_can_be_turned_off(tmp_path: Path) -> None:
    films = write(
        tmp_path,
        {"id": 1, "title": "Alien", "plot": "A ship.", "genres": ["Horror"], "year": 1979},
        {"id": 2, "title": "Ghost", "plot": "A ghost.", "genres": ["Romance"], "year": 1990},
    )
    run_ingest(tmp_path / "store", "--file", films)
    result = run_query(tmp_path / "store", "horror movies from the 70s")
    assert result.stderr == "understood: genre:Horror year:1970..1979 (--literal reads nothing)\n"
    assert ("Alien" in result.stdout, "Ghost" in result.stdout) == (True, False)
    answer = json.loads(run_query(tmp_path / "store", "no horror", "--json").stdout)
    assert answer["understood"] == [
        {"field": "genre", "operator": ":", "values": ["Horror"], "negated": True, "words": [3, 9]}
    ]
    literal = run_query(tmp_path / "store", "no horror", "--literal", "--json")
    assert (literal.stderr, "understood" in json.loads(literal.stdout)) == ("", False)


def test_a_table_for_people(seed_store: Path) -> None:
    result = run_query(seed_store, "soap", "--limit", "2")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["#", "fit", "title", "year", "plot"]
    assert "Fight Club" in lines[1]
    assert len(lines) == 3
    assert result.stderr.splitlines()[-1].endswith(" films")
    assert result.stderr.splitlines()[-1].startswith("2 of ")
    assert run_query(seed_store, "soap", "--plain", "--limit", "6").stderr == ""  # that is all of them


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--watched", "called --seen FILE"),
        ("--genre", "called --filter genre:NAME"),
        ("--unlike", "called --dislike"),
    ],
)
def test_options_by_other_names_say_what_they_are_called(seed_store: Path, option: str, said: str) -> None:
    result = run_query(seed_store, option, "x")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {option}: {said}")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ([], f"query: {NOTHING_ASKED}", 2),
        (["  "], f"query: {NOTHING_ASKED}", 2),
        (
            ["--like", "Ghostbuster"],
            "query: no film has the id or title 'Ghostbuster'; did you mean 'Ghostbusters' or 'Ghostbusters II'?"
            + ONE_WORD,
            1,
        ),
        (["--like", "qqqq"], f"query: no film has the id or title 'qqqq'{ONE_WORD}", 1),
    ],
)
def test_a_wrong_question_is_one_line(seed_store: Path, arguments: list[str], message: str, code: int) -> None:
    result = run_query(seed_store, *arguments)
    assert (result.stderr, result.exit_code, result.stdout) == (f"{message}\n", code, "")


@pytest.mark.parametrize(
    ("name", "note", "taken"),
    [
        ("dune", "2 films are called 'dune': taken was Dune (1984), id 2; others by id: Dune (2021): 1\n", "2"),
        ("Dune (2021)", "", "1"),
        ("desert", "", "3"),
        ("der wüste", "", "3"),
    ],
)
def test_a_name_of_several_takes_the_best_known(tmp_path: Path, name: str, note: str, taken: str) -> None:
    films = write(
        tmp_path,
        {"id": 1, "title": "Dune", "year": 2021, "plot": "A desert planet.", "votes": 10},
        {"id": 2, "title": "Dune", "year": 1984, "plot": "A desert planet, earlier.", "votes": 20},
        {"id": 3, "title": "The Desert", "original_title": "Die Wüste", "plot": "A station in the snow."},
    )
    run_ingest(tmp_path / "store", "--file", films)
    result = run_query(tmp_path / "store", "--like", name, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    assert answer.get("notes", []) == ([note.strip()] if note else [])
    assert {movie["id"] for movie in answer["results"]} == {"1", "2", "3"} - {taken}
    assert run_query(tmp_path / "store", "--like", name).stderr == note


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("genre:Horr", "no film has genre:Horr; did you mean Horror?"),
        ("genre:Sci-Fi", "no film has genre:Sci-Fi; did you mean Science Fiction?"),
        ("-genre:horor", "no film has genre:horor; did you mean Horror?"),
        ("genre:Horror,Westrn", "no film has genre:westrn"),
        ("director:scott", "no film has director:scott; did you mean Tony Scott or Ridley Scott?"),
        ('country:"Untied States"', 'no film has country:"Untied States"; did you mean United States?'),
        ("actor:Weaver", "no film has actor:Weaver; did you mean Sigourney Weaver?"),
        ("keyword:spac", "no film has keyword:spac; did you mean space travel?"),
        ("language:Englsh", "no film has language:Englsh; did you mean English?"),
    ],
)
def test_a_value_that_no_film_has_is_named(tmp_path: Path, condition: str, said: str) -> None:
    film = {
        "id": 1,
        "title": "Alien",
        "plot": "A ship.",
        "genres": ["Horror", "Science Fiction"],
        "languages": "English",
    }
    film |= {"directors": ["Ridley Scott"], "actors": ["Sigourney Weaver"], "keywords": ["space travel"]}
    other = {
        "id": 2,
        "title": "Top Gun",
        "plot": "A pilot.",
        "directors": ["Tony Scott"],
        "countries": ["United States"],
    }
    films = write(tmp_path, film, other | {"countries": ["United States", "France"]})
    run_ingest(tmp_path / "store", films)
    result = run_query(tmp_path / "store", "--filter", condition)
    assert (result.exit_code, result.stderr.splitlines()) == (0, [said])
    assert json.loads(run_query(tmp_path / "store", "--filter", condition, "--json").stdout)["notes"] == [said]


def test_reasons_name_films_and_facets_their_number(tmp_path: Path) -> None:
    films = [{"id": n, "title": f"Film {n}", "plot": f"A ship {n}.", "genres": ["Horror"]} for n in range(4)]
    run_ingest(tmp_path / "store", write(tmp_path, *films))
    lines = run_query(tmp_path / "store", "--like", "Film 1", "--why", "--facets").stdout.splitlines()
    assert lines[2] == "    nearest to Film 1"
    assert lines[lines.index("") + 1 :] == ["3 films", "genre  Horror 3"]


def test_no_catalog_yet_says_which_command_to_run(tmp_path: Path) -> None:
    result = run_query(tmp_path, "space ships")
    assert result.exit_code == 1
    assert (
        result.stderr == f"query: {tmp_path}: there is no catalog yet; run 'ingest movies.json' first,"
        " or name the settings of one with --config\n"
    )


def test_a_wrong_setting_is_exit_2(tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("search: {limt: 5}", encoding="utf-8")
    result = CliRunner().invoke(query, ["space", "--config", str(settings)])
    assert result.exit_code == 2
    assert (
        result.stderr
        == f"query: {settings}: unknown key search.limt; allowed are limit, popularity, diversity, min_confidence\n"
    )


@pytest.mark.parametrize("command", ["ingest", "query"])
def test_help_is_light(command: str) -> None:
    script = (
        f"import sys; from {command}.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as leaving: code = leaving.code\n"
        "heavy = {'torch', 'chromadb', 'sentence_transformers', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")


def test_what_was_watched_is_hidden_and_ratings_recommend(tmp_path: Path, seed_store: Path) -> None:
    ratings = tmp_path / "ratings.csv"
    gone = "".join(f"2024-01-01,Gone {number},1950,https://boxd.it/{number},3\n" for number in range(5))
    ratings.write_text(
        f"Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,Ghostbusters,1984,https://boxd.it/x,4.5\n{gone}",
        encoding="utf-8",
    )
    seen = run_query(seed_store, "ghosts in New York", "--seen", str(ratings), "--all")
    assert "Ghostbusters II" in seen.stdout
    assert "Ghostbusters  " not in seen.stdout
    assert "left out, as seen or rated: one film" in seen.stderr.splitlines()
    assert seen.stderr.splitlines()[-1] == (
        "not in the catalog, of what was seen, rated or left out: 5: Gone 0 (1950); Gone 1 (1950); Gone 2 (1950);"
        " and 2 more (--json names all)"
    )
    liked = json.loads(run_query(seed_store, "--likes", str(ratings), "--json").stdout)
    assert liked["results"][0]["title"] == "Ghostbusters II"
    assert "5" not in [film["id"] for film in liked["results"]]
    assert liked["unmatched"] == [f"Gone {number} (1950)" for number in range(5)]


def test_a_list_without_ratings_is_taken_as_liked(tmp_path: Path, seed_store: Path) -> None:
    watched = tmp_path / "watched.csv"
    watched.write_text("Name,Year\nGhostbusters,1984\n", encoding="utf-8")
    result = run_query(seed_store, "--likes", str(watched))
    assert result.stderr == (
        f"{watched}: no ratings in it; all films that were watched are taken as liked\n"
        "left out, as seen or rated: one film\n"
    )
    assert "Ghostbusters II" in result.stdout
    alone = run_query(seed_store, "--seen", str(watched))
    assert (alone.exit_code, alone.stderr[:26]) == (2, "query: say what to look fo")


def test_ratings_are_no_catalogue(tmp_path: Path) -> None:
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,A,1984,x,4.5\n", encoding="utf-8")
    for more in ((), ("--dry-run",)):
        result = run_ingest(tmp_path, "--file", str(ratings), *more)
        assert result.exit_code == 2
        assert result.stderr == (
            "ingest: this is a file of Letterboxd ratings, without plots to search: 'query --likes FILE' takes its"
            " ratings as likes and dislikes, 'query --seen FILE' leaves out what it names\n"
        )
