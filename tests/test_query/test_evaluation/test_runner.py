"""Evaluation: measures that can be computed in one's head, over tiny sets and a dictionary that ranks."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog.errors import JudgmentsError
from query.evaluation.cli import main
from query.evaluation.datasets import PairSet, QuerySet, read_sets, sampled, within
from query.evaluation.metrics import Estimate, auc, ranking_measures
from query.evaluation.regression import not_compared, read_baseline, regressions
from query.evaluation.runner import Answer, Ask, JudgedQuery, Ranker, SetResult, evaluate

pytestmark = pytest.mark.slow


def write_set(
    folder: Path, queries: Mapping[str, str], qrels: Sequence[tuple[str, str, int]] = (), pool: str | None = None
) -> Path:
    folder.mkdir(parents=True)
    lines = [json.dumps({"_id": identity, "text": text}) for identity, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = ["query-id\tcorpus-id\tscore", *(f"{query}\t{film}\t{score}" for query, film, score in qrels)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    if pool is not None:
        (folder / "pool.txt").write_text(pool, encoding="utf-8")
    return folder


def by_dictionary(answers: Mapping[str, Mapping[str, float]]) -> Ask:
    """Ranks as a dictionary says, by text or film id, inside the pool."""

    def ask(question: JudgedQuery) -> Answer:
        films = answers.get(question.movie_id or question.text, {})
        kept = [film for film in films if question.pool is None or film in question.pool][: question.limit]
        return Answer(kept, [films[film] for film in kept])

    return ask


def values(outcome: SetResult) -> dict[str, float]:
    return {name: estimate.value for name, estimate in outcome.measures.items()}


def read_one(path: Path) -> QuerySet:
    (judged,) = read_sets([path])
    assert isinstance(judged, QuerySet)
    return judged


def test_measures_are_those_computed_by_hand() -> None:
    rankings = {
        "first": ["right", "x", "y"],
        "third": ["x", "y", "right"],
        "eleventh": [f"film {rank}" for rank in range(10)] + ["right"],
    }
    relevant = {query: {"right": 1} for query in ("first", "third", "eleventh", "nothing found")}
    found = {name: estimate.value for name, estimate in ranking_measures(rankings, relevant).items()}
    assert found == pytest.approx(
        {
            "ndcg@10": (1 + 1 / math.log2(4)) / 4,
            "recall@10": 2 / 4,
            "recall@100": 3 / 4,
            "mrr": (1 + 1 / 3 + 1 / 11) / 4,
            "success@1": 1 / 4,
        }
    )


def test_grades_are_gains() -> None:
    measures = ranking_measures({"q": ["good", "best", "bad"]}, {"q": {"best": 2, "good": 1, "bad": 0}})
    second = 1 / math.log2(3)
    assert measures["ndcg@10"].value == pytest.approx((1 + 2 * second) / (2 + second))
    assert measures["recall@10"].value == 1
    assert measures["success@1"].value == 1


def test_ranks_count_and_not_the_ids_of_equal_films() -> None:
    rankings = {"q": ["a", "z"], "r": ["z", "a"]}
    measures = ranking_measures(rankings, {"q": {"a": 1}, "r": {"z": 1}})
    assert measures["mrr"] == Estimate(1.0, 1.0, 1.0)


def test_the_interval_is_that_of_a_share() -> None:
    relevant = {str(query): {"right": 1} for query in range(400)}
    rankings = {str(query): ["right" if query % 2 else "wrong"] for query in range(400)}
    share = ranking_measures(rankings, relevant)["success@1"]
    assert share.value == 0.5
    # Normal approximation: 1.96 * sqrt(.5 * .5 / 400) = .049.
    assert share.low == pytest.approx(0.451, abs=0.005)
    assert share.high == pytest.approx(0.549, abs=0.005)
    assert ranking_measures(rankings, relevant)["success@1"] == share


def test_auc_counts_pairs_in_the_right_order() -> None:
    assert auc([3, 1], [2, 0]).value == 0.75
    assert auc([1], [1]).value == 0.5
    assert auc([2, 3], [0, 1]) == Estimate(1.0, 1.0, 1.0)
    uncertain = auc([3, 1] * 20, [2, 0] * 20)
    assert 0.5 < uncertain.low < 0.75 < uncertain.high < 1


def test_a_set_is_asked_inside_its_pool_only(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "topic", {"1": "sharks"}, [("1", "jaws", 1)], pool="jaws\nheat\n")
    ask = by_dictionary({"sharks": {"unjudged": 0.9, "heat": 0.8, "jaws": 0.7}})
    (outcome,) = evaluate(read_sets([folder]), Ranker(ask))
    assert values(outcome)["mrr"] == 0.5
    assert (outcome.queries, len(outcome.seconds)) == (1, 1)


def test_similar_sets_are_recommendations_without_the_film_itself(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "similar-taste", {"alien": "Alien"}, [("alien", "aliens", 1)])
    recommend = by_dictionary({"alien": {"alien": 1.0, "aliens": 0.9}})
    never = by_dictionary({})
    (outcome,) = evaluate(read_sets([folder]), Ranker(never, recommend))
    assert values(outcome)["success@1"] == 1
    assert evaluate(read_sets([folder]), Ranker(never)) == []


def test_pairs_are_rated(tmp_path: Path) -> None:
    path = tmp_path / "similar-pairs.tsv"
    path.write_text("movie\tcandidate\tgood\na\tx\t1\na\ty\t0\nb\tx\t1\nb\tz\t0\n", encoding="utf-8")
    rate = by_dictionary({"a": {"x": 0.9, "y": 0.5}, "b": {"x": 0.4, "never asked": 1.0}})
    (outcome,) = evaluate(read_sets([tmp_path]), Ranker(rate, rate, rate))
    # .9 beats .5 and what was not found; .4 beats the latter alone.
    assert (outcome.name, values(outcome), outcome.queries) == ("similar-pairs", {"auc": 0.75}, 4)


def test_queries_without_an_answer_are_held_against_the_others(tmp_path: Path) -> None:
    write_set(tmp_path / "a-no-answer", {"1": "nothing like it"})
    write_set(tmp_path / "b-text", {"1": "sharks", "2": "space"}, [("1", "jaws", 1), ("2", "alien", 1)])
    write_set(tmp_path / "similar-c", {"alien": "Alien"}, [("alien", "jaws", 1)])
    ask = by_dictionary(
        {
            "nothing like it": {"jaws": 0.2, "alien": 0.5},
            "sharks": {"alien": 0.3, "jaws": 0.9},
            "space": {"heat": 0.4},
            "alien": {"jaws": 0.1},
        }
    )
    outcomes = evaluate(read_sets([tmp_path]), Ranker(ask, ask))
    assert [outcome.name for outcome in outcomes] == ["b-text", "similar-c", "a-no-answer"]
    assert values(outcomes[2]) == {"auc": 0.5}
    assert outcomes[2].notes == ("no relevant films: held against 2 queries that have an answer",)


def test_queries_without_an_answer_alone_have_no_auc(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "no-answer", {"1": "nothing like it"})
    (folder / "qrels.tsv").unlink()
    (outcome,) = evaluate(read_sets([folder]), Ranker(by_dictionary({})))
    assert outcome.measures == {}
    assert outcome.notes[-1] == "no AUC: it needs good and bad ones, and there are 0 and 1"


def test_beir_keeps_its_judgments_in_a_folder_and_other_queries_beside_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "beir", {"1": "sharks", "2": "of another split"})
    (folder / "qrels.tsv").unlink()
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tjaws\t2\n7\tjaws\t1\n", encoding="utf-8")
    judged = read_one(folder)
    assert judged.queries == {"1": "sharks"}
    assert judged.relevant == {"1": {"jaws": 2}}
    assert judged.notes == (
        "1 judged query not in queries.jsonl",
        "1 query left out: no film is judged right for it",
    )


def test_a_table_may_have_spaces_and_many_unknown_films_are_counted(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "text", {"1": "sharks"})
    lines = "".join(f"1   gone{number} 1\n" for number in range(8))
    (folder / "qrels.tsv").write_text(f"query-id corpus-id score\n1 jaws 2\n{lines}", encoding="utf-8")
    judged = read_one(folder)
    assert judged.relevant["1"] == {"jaws": 2} | {f"gone{number}": 1 for number in range(8)}
    named = "gone0, gone1, gone2, gone3, gone4 and 3 more"
    assert within(judged, {"jaws"}).notes == (f"8 judged films not in the catalog, and so never found: {named}",)


def test_what_the_catalog_does_not_hold_is_counted(tmp_path: Path) -> None:
    write_set(tmp_path / "text", {"1": "sharks"}, [("1", "jaws", 1), ("1", "gone", 1)])
    write_set(tmp_path / "similar-x", {"alien": "Alien", "gone": "Gone"}, [("alien", "jaws", 1), ("gone", "jaws", 1)])
    (tmp_path / "pairs.tsv").write_text("movie\tcandidate\tgood\nalien\tjaws\t1\nalien\tgone\t0\n", encoding="utf-8")
    similar, text, pairs = (within(judged, {"alien", "jaws"}) for judged in read_sets([tmp_path]))
    assert isinstance(similar, QuerySet)
    assert isinstance(text, QuerySet)
    assert isinstance(pairs, PairSet)
    assert text.notes == ("1 judged film not in the catalog, and so never found: gone",)
    assert text.relevant == {"1": {"jaws": 1, "gone": 1}}
    assert similar.notes == ("1 query left out: the film it is about is not in the catalog: gone",)
    assert (similar.queries, similar.relevant) == ({"alien": "Alien"}, {"alien": {"jaws": 1}})
    assert pairs.notes == ("1 pair left out: a film is not in the catalog: gone",)
    assert pairs.pairs == (("alien", "jaws", True),)


def test_a_sample_is_always_the_same(tmp_path: Path) -> None:
    queries = {str(number): f"text {number}" for number in range(50)}
    judged = read_one(write_set(tmp_path / "many", queries, [(query, "jaws", 1) for query in queries]))
    first, second = sampled(judged, 10), sampled(judged, 10)
    assert first == second
    assert isinstance(first, QuerySet)
    assert list(first.queries) == sorted(first.queries, key=int)
    assert len(first.queries) == 10
    assert first.queries.keys() == first.relevant.keys()
    assert first != sampled(judged, 10, seed=1)
    assert sampled(judged, 99) == judged


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("queries.jsonl", "", ": holds no queries"),
        ("queries.jsonl", '{"_id": "1", "text": "a"}\n\nno JSON', ", line 3: is not JSON"),
        ("queries.jsonl", '{"_id": "1"}', ', line 1: is not {"_id": ..., "text": ...}, both with content'),
        ("queries.jsonl", '{"_id": "1", "text": " "}', ', line 1: is not {"_id": ..., "text": ...}, both with content'),
        ("queries.jsonl", '["1"]', ', line 1: is not {"_id": ..., "text": ...}, both with content'),
        (
            "queries.jsonl",
            '{"_id": "1", "text": "a"}\n{"_id": 1, "text": "b"}',
            ", line 2: the _id '1' was seen before",
        ),
        (
            "qrels.tsv",
            "1\tjaws\t1\n",
            ", line 1: the header must be query-id, corpus-id, score, separated by tabs or spaces",
        ),
        (
            "qrels.tsv",
            "query-id\tcorpus-id\tscore\n1\tjaws\n",
            ", line 2: must hold query-id, corpus-id, score, separated by tabs or spaces",
        ),
        (
            "qrels.tsv",
            "query-id\tcorpus-id\tscore\n1\tjaws\thigh\n",
            ", line 2: the score 'high' is not a whole number",
        ),
        ("pool.txt", b"jaws\n\xff\n", ", line 2: is not UTF-8"),
    ],
)
def test_a_malformed_set_names_file_and_line(tmp_path: Path, file: str, content: str | bytes, message: str) -> None:
    folder = write_set(tmp_path / "set", {"1": "sharks"}, [("1", "jaws", 1)])
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(JudgmentsError) as caught:
        read_sets([folder])
    assert str(caught.value) == f"{folder / file}{message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("movie\tcandidate\tgood\n", ": holds no pairs"),
        ("movie\tcandidate\tgood\na\tb\tyes\n", ", line 2: good is 'yes' instead of 1 or 0"),
    ],
)
def test_malformed_pairs_name_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(JudgmentsError) as caught:
        read_sets([path])
    assert str(caught.value) == f"{path}{message}"


def test_folders_without_sets_and_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgmentsError, match="gone: no such file or folder"):
        read_sets([tmp_path / "gone"])
    with pytest.raises(JudgmentsError, match=r"neither it nor a folder in it holds a queries\.jsonl"):
        read_sets([tmp_path])
    folder = write_set(tmp_path / "set", {"1": "sharks"})
    with pytest.raises(JudgmentsError, match="two sets are called 'set'"):
        read_sets([folder, tmp_path])


def test_only_what_falls_below_its_interval_is_a_regression() -> None:
    before = {
        "text": {"mrr": 0.5, "mrr_low": 0.4, "mrr_high": 0.6, "p50_ms": 1.0, "queries": 9},
        "gone": {"mrr": 0.5, "mrr_low": 0.4, "queries": 9},
    }
    assert regressions(before, {"text": {"mrr": 0.4, "p50_ms": 99.0}}) == []
    (found,) = regressions(before, {"text": {"mrr": 0.39}})
    assert (found.set_name, found.measure, found.before, found.low, found.now) == ("text", "mrr", 0.5, 0.4, 0.39)
    assert not_compared(before, {"text": {"queries": 3}}) == [
        "text: the baseline asked 9 queries, this run 3",
        "gone: is in the baseline and was not evaluated now",
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"sets": []}', '{"sets": {"a": {"mrr": "high"}}}', '{"other": {}}'])
def test_a_baseline_must_be_an_evaluation(tmp_path: Path, content: str) -> None:
    path = tmp_path / "before.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(JudgmentsError) as caught:
        read_baseline(path)
    assert str(caught.value) == f"{path}: is not the output of query-evaluate --json"


def run_evaluate(store: Path, *arguments: str) -> Result:
    return CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(main, arguments)


@pytest.fixture
def judgments(tmp_path: Path) -> Path:
    """Judgments over the six films of the seed."""
    folder = tmp_path / "judgments"
    write_set(folder / "text", {"1": "ghosts in New York", "2": "soap and fists"}, [("1", "5", 1), ("2", "4", 1)])
    write_set(folder / "no-answer", {"1": "a shark eats swimmers"})
    write_set(folder / "similar-x", {"5": "Ghostbusters"}, [("5", "6", 1)], pool="5\n6\n1\n")
    (folder / "similar-pairs.tsv").write_text("movie\tcandidate\tgood\n5\t6\t1\n5\t3\t0\n", encoding="utf-8")
    return folder


def test_evaluate_prints_one_object(seed_store: Path, judgments: Path) -> None:
    result = run_evaluate(seed_store, str(judgments), "--titles", "6", "--json")
    assert result.exit_code == 0, result.stderr
    sets = json.loads(result.stdout)["sets"]
    assert list(sets) == ["similar-x", "text", "similar-pairs", "titles", "titles-misspelt", "no-answer"]
    for measure in ("ndcg@10", "recall@10", "recall@100", "mrr", "success@1"):
        for end in ("", "_low", "_high"):
            assert sets["similar-x"][measure + end] == sets["text"][measure + end] == sets["titles"][measure + end] == 1
    assert sets["similar-pairs"]["auc"] == 1
    assert 0 <= sets["no-answer"]["auc_low"] <= sets["no-answer"]["auc"] <= sets["no-answer"]["auc_high"] <= 1
    assert (sets["text"]["queries"], sets["titles-misspelt"]["queries"]) == (2, 6)
    assert all(numbers["queries_per_second"] > 0 for numbers in sets.values())
    assert all(0 < numbers["p50_ms"] <= numbers["p99_ms"] for numbers in sets.values())


def test_evaluate_prints_each_retriever_beside_the_whole(seed_store: Path, judgments: Path) -> None:
    result = run_evaluate(seed_store, str(judgments), "--compare", "retrievers")
    assert result.exit_code == 0, result.stderr
    rankings, told_apart = result.stdout.split("\n\n")
    rows = [line.split() for line in rankings.splitlines()]
    assert rows[0][:4] == ["set", "by", "ndcg@10", "recall@10"]
    assert [row[:2] for row in rows[1:]] == [
        ["similar-x", "search"],
        ["similar-x", "dense"],
        ["text", "search"],
        ["text", "dense"],
        ["text", "lexical"],
        ["text", "title"],
    ]
    assert rows[3][2:4] == ["1.000", "(1.000-1.000)"]
    assert rows[6][2:4] == ["0.000", "(.000-.000)"]
    assert [line.split()[:2] for line in told_apart.splitlines()][1:3] == [
        ["similar-pairs", "search"],
        ["similar-pairs", "dense"],
    ]
    again = json.loads(run_evaluate(seed_store, str(judgments), "--compare", "retrievers", "--json").stdout)
    assert list(again) == ["sets", "retrievers"]
    assert list(again["retrievers"]) == ["dense", "lexical", "title"]


def test_a_regression_is_exit_1_and_a_line_each(seed_store: Path, judgments: Path, tmp_path: Path) -> None:
    first = run_evaluate(seed_store, str(judgments), "--json")
    baseline = tmp_path / "before.json"
    baseline.write_text(first.stdout, encoding="utf-8")
    assert run_evaluate(seed_store, str(judgments), "--baseline", str(baseline)).exit_code == 0
    (judgments / "text" / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tgone\t1\n2\t4\t1\n", encoding="utf-8")
    worse = run_evaluate(seed_store, str(judgments), "--baseline", str(baseline))
    lines = [line for line in worse.stderr.splitlines() if line.startswith("regression")]
    assert worse.exit_code == 1
    assert lines[0] == "regression: text ndcg@10 is 0.500, below the interval of before (1.000, from 1.000)"
    assert len(lines) == 5
    assert "text: 1 judged film not in the catalog, and so never found: gone" in worse.stderr
    assert "text: questions: only 2; below 20 the intervals say little" in worse.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ([], "say what to evaluate: a FOLDER with judgments, or --titles N (see query-evaluate --help)", 2),
        (["gone"], "gone: no such file or folder", 1),
        (["--titles", "2", "--baseline", "gone.json"], "gone.json: cannot be read (No such file or directory)", 1),
    ],
)
def test_a_wrong_evaluation_is_one_line(seed_store: Path, arguments: list[str], message: str, code: int) -> None:
    result = run_evaluate(seed_store, *arguments)
    assert (result.stderr, result.exit_code, result.stdout) == (f"query-evaluate: {message}\n", code, "")


def test_help_is_light() -> None:
    script = (
        "import sys; from query.evaluation.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as leaving: code = leaving.code\n"
        "heavy = {'torch', 'chromadb', 'ir_measures', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")
