"""The inverted index of a generation, for reading by any thread: words, titles, filters, counts."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.errors import MEND, CatalogDamaged
from catalog.store.columns.conditions import Filter
from catalog.store.lexical.fields import inverse_document_frequency
from catalog.store.lexical.filters import filter_query
from catalog.text.folding import without_article

if TYPE_CHECKING:
    import tantivy

Rows = NDArray[np.int64]

_MOST_TERMS = 300
"""Of a question; ten thousand clauses take 200 ms."""
SCALE = 1.0 / (1.0 + 1.2)
"""tantivy multiplies BM25 by 1 + k1, which is the same for all."""
_MOST_BUCKETS = 65_000
BEST_KNOWN = 1000
"""Movies that are candidates for being known alone."""
_REMOVALS = 5
_FEW = 10
"""So many terms are found in 5 us each; a set of them, which thousands need, takes .2 ms for a start."""


@dataclass(frozen=True, slots=True)
class LexicalHits:
    """Movies of the index; every array has the shape (movies,)."""

    rows: Rows
    scores: Floats
    """By BM25, or what was asked for instead."""
    years: Floats
    """NaN where unknown."""
    votes: Floats
    """0 where unknown."""


@dataclass(frozen=True, slots=True)
class TitleEntry:
    """A movie and what it is called, as people type it."""

    id: str
    titles: tuple[str, ...]
    """With and without a leading article."""

    @property
    def whole(self) -> tuple[str, ...]:
        """With the article, where there is one."""
        return tuple(
            title
            for title in self.titles
            if not any(other != title and without_article(other) == title for other in self.titles)
        )


class LexicalIndex:
    """One movie a document. Every method may raise CatalogDamaged."""

    def __init__(self, index: "tantivy.Index", path: Path) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()
        self.path = path
        self.movies = self._searcher.num_docs
        self._best_known: LexicalHits | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """A published index, untouched."""
        return cls(open_published(path, "the lexical index"), path)

    def best(self, terms: Mapping[str, float], count: int, keep: Filter | None = None) -> LexicalHits:
        """The movies, `count` at most, that hold the terms best by BM25 (Robertson, Zaragoza 2009), the best first."""
        if not terms:
            return self._hits([])
        return self._hits(self._search(self._kept(flat_question(self._schema, terms), keep), count), SCALE)

    def score(self, terms: Mapping[str, float], ids: Sequence[str], *, keep: Filter | None = None) -> LexicalHits:
        """These movies by their BM25, which is 0 without a term; unknown ids and what does not pass are left out."""
        from tantivy import Query

        among = Query.const_score_query(Query.term_set_query(self._schema, "id", list(ids)), 0.0)
        asked = self._kept_with(among, flat_question(self._schema, terms) if terms else None, keep)
        return self._hits(self._search(asked, len(ids)), SCALE)

    def passing(self, terms: Mapping[str, float], keep: Filter, count: int) -> LexicalHits:
        """The movies that pass a filter, `count` at most, by BM25."""
        asked = self._kept_with(
            filter_query(self._schema, keep), flat_question(self._schema, terms) if terms else None, None
        )
        return self._hits(self._search(asked, count), SCALE)

    def best_known(self, keep: Filter | None = None) -> LexicalHits:
        """The movies that pass the filter with the most votes, BEST_KNOWN at most, with a score of 0."""
        if not keep and self._best_known is not None:
            return self._best_known
        hits = self._hits([(0.0, address) for address in self._sorted(self._filter(keep), "votes", BEST_KNOWN)])
        known = hits.votes > 0
        hits = LexicalHits(hits.rows[known], hits.scores[known], hits.years[known], hits.votes[known])
        if not keep:
            self._best_known = hits
        return hits

    def count(self, keep: Filter) -> int:
        """How many movies pass a filter."""
        if not keep:
            return self.movies
        with damaged(self.path):
            found = self._searcher.search(filter_query(self._schema, keep), 1, count=True)
        return int(found.count or 0)  # type: ignore[attr-defined]

    def ordered(self, keep: Filter, sort: str, count: int, *, descending: bool) -> list[int]:
        """Rows of the movies that pass a filter and have the number `sort`, ordered by it."""
        return self._rows_at(self._sorted(self._filter(keep), sort, count, descending=descending))

    def rows(self, keep: Filter, count: int) -> Rows:
        """Rows of the movies that pass a filter, `count` at most."""
        return self.passing({}, keep, count).rows

    def holders(self, field: str, value: str) -> int:
        """How many movies have a value."""
        with damaged(self.path):
            return self._searcher.doc_freq(field, value)

    def held(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that some movie holds."""
        return {term for term in terms if self.holders("terms", term)}

    def rarity(self, field: str, value: str) -> float:
        """The inverse document frequency of a value."""
        return inverse_document_frequency(self.movies, self.holders(field, value))

    def weigh(
        self,
        weights: Mapping[tuple[str, str], float],
        count: int,
        *,
        ids: Sequence[str] | None = None,
        keep: Filter | None = None,
        per_length: bool = False,
    ) -> LexicalHits:
        """The movies that have the values of some fields, by the sum of the weights of those they have.

        With `ids` these movies instead, 0 for those without any. `per_length` divides each sum by the length of the
        movie's vector of kinds: weights that are those of a unit vector, times rarity, then give a cosine.
        """
        from tantivy import Occur, Query

        terms = [
            (
                Occur.Should,
                Query.const_score_query(Query.term_query(self._schema, field, value, index_option="basic"), weight),
            )
            for (field, value), weight in weights.items()
        ]
        asked = Query.boolean_query(terms) if terms else Query.empty_query()
        if ids is not None:
            among = Query.const_score_query(Query.term_set_query(self._schema, "id", list(ids)), 0.0)
            asked = self._kept_with(among, asked if terms else None, keep)
        elif keep:
            asked = self._kept(asked, keep)
        found = self._search(asked, count)
        hits = self._hits(found)
        if not per_length:
            return hits
        with damaged(self.path):
            lengths = self._searcher.fast_field_values("kind_length", [address for _, address in found])
        per = np.maximum(np.array(lengths, dtype=np.float32), np.float32(1e-6))
        return replace(hits, scores=np.asarray(hits.scores / per, dtype=np.float32))

    def titled(self, titles: Sequence[str], count: int) -> list[TitleEntry]:
        """Movies that are called like one of these plain titles."""
        from tantivy import Occur, Query

        if len(titles) > _FEW:
            return self._titles(Query.term_set_query(self._schema, "titles", list(titles)), count)
        asked = [Query.term_query(self._schema, "titles", title, index_option="basic") for title in titles]
        return self._titles(Query.boolean_query([(Occur.Should, one) for one in asked]), count)

    def titled_nearly(self, title: str, distance: int, count: int) -> list[TitleEntry]:
        """Movies with a plain title at most `distance` (1 or 2) typing errors from this one."""
        from tantivy import Query

        return self._titles(Query.fuzzy_term_query(self._schema, "titles", title, distance), count)

    def titled_from(self, start: str, count: int, distance: int = 0, *, later: bool = False) -> list[int]:
        """Rows of the movies whose plain title begins so, or with `later` what follows a word of it; best known first.

        An index that was made before endings were kept has none to find.
        """
        from tantivy import Query

        try:
            asked = Query.fuzzy_term_query(self._schema, "endings" if later else "titles", start, distance, prefix=True)
        except ValueError:
            return []
        return self._rows_at(self._sorted(asked, "votes", count))

    def value_counts(self, fields: Sequence[str], keep: Filter) -> dict[str, dict[str, int]]:
        """How many of the movies that pass a filter have which folded value, by field, the most frequent first."""
        wanted = {
            name: {"terms": {"field": name, "size": _MOST_BUCKETS, "segment_size": _MOST_BUCKETS}} for name in fields
        }
        return {
            name: {bucket["key"]: int(bucket["doc_count"]) for bucket in answer["buckets"]}
            for name, answer in self._aggregate(wanted, keep).items()
        }

    def number_counts(self, field: str, width: int, keep: Filter) -> dict[int, int]:
        """How many of the movies that pass a filter lie in which step of `width`, by the step's beginning."""
        answer = self._aggregate(
            {"steps": {"histogram": {"field": field, "interval": width, "min_doc_count": 1}}}, keep
        )
        return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in answer["steps"]["buckets"]}

    def _aggregate(self, wanted: dict[str, Any], keep: Filter) -> dict[str, Any]:
        with damaged(self.path):
            return dict(self._searcher.aggregate(self._filter(keep), wanted))

    def _filter(self, keep: Filter | None) -> "tantivy.Query":
        from tantivy import Query

        return filter_query(self._schema, keep) if keep else Query.all_query()

    def _sorted(
        self, asked: "tantivy.Query", field: str, count: int, *, descending: bool = True
    ) -> list["tantivy.DocAddress"]:
        """The documents that have a number in a field, by it."""
        from tantivy import Order

        order = Order.Desc if descending else Order.Asc
        with damaged(self.path):
            found = self._searcher.search(asked, max(count, 1), count=False, order_by_field=field, order=order)
        return [address for _, address in found.hits]

    def _rows_at(self, addresses: list["tantivy.DocAddress"]) -> list[int]:
        with damaged(self.path):
            return [int(row) for row in self._searcher.fast_field_values("row", addresses)]  # type: ignore[arg-type]

    def _kept(self, question: "tantivy.Query", keep: Filter | None) -> "tantivy.Query":
        """The question, of movies that pass a filter."""
        from tantivy import Occur, Query

        if not keep:
            return question
        return Query.boolean_query([(Occur.Must, question), (Occur.Must, filter_query(self._schema, keep))])

    def _kept_with(
        self, among: "tantivy.Query", question: "tantivy.Query | None", keep: Filter | None
    ) -> "tantivy.Query":
        """All of some movies that pass a filter, scored by a question that need not match."""
        from tantivy import Occur, Query

        clauses = [(Occur.Must, among)]
        if keep:
            clauses.append((Occur.Must, filter_query(self._schema, keep)))
        if question is not None:
            clauses.append((Occur.Should, question))
        return Query.boolean_query(clauses)

    def _search(self, asked: "tantivy.Query", count: int) -> list[tuple[float, "tantivy.DocAddress"]]:
        with damaged(self.path):
            # A limit of 0 is a panic, one of a thousand million takes all memory.
            return self._searcher.search(asked, min(max(count, 1), max(self.movies, 1)), count=False).hits

    def _hits(self, found: list[tuple[float, "tantivy.DocAddress"]], factor: float = 1.0) -> LexicalHits:
        addresses = [address for _, address in found]
        with damaged(self.path):
            rows, years, votes = (
                self._searcher.fast_field_values(field, addresses) for field in ("row", "year", "votes")
            )
        return LexicalHits(
            np.array(rows, dtype=np.int64),
            np.array([score for score, _ in found], dtype=np.float32) * np.float32(factor),
            np.array(years, dtype=np.float32),
            np.nan_to_num(np.array(votes, dtype=np.float32)),
        )

    def _titles(self, asked: "tantivy.Query", count: int) -> list[TitleEntry]:
        entries = []
        for _, address in self._search(asked, count):
            with damaged(self.path):
                stored = self._searcher.doc(address)
            entries.append(TitleEntry(str(stored.get_first("id")), tuple(map(str, stored.get_all("titles")))))
        return entries


def flat_question(schema: "tantivy.Schema", terms: Mapping[str, float]) -> "tantivy.Query":
    """Any of some stems with their weights."""
    from tantivy import Occur, Query

    asked = [(term, weight) for term, weight in terms.items() if weight > 0][:_MOST_TERMS]
    return Query.boolean_query(
        [
            (Occur.Should, boosted(Query.term_query(schema, "terms", term, index_option="freq"), weight))
            for term, weight in asked
        ]
    )


def open_published(path: Path, what: str) -> "tantivy.Index":
    """An index that is only read: tantivy wants to lock what it opens, so it gets a folder of links.

    Raises CatalogDamaged for one that is missing, which `what` names, or cannot be read.
    """
    import tantivy

    if not (path / "meta.json").exists():
        raise CatalogDamaged(f"{path}: {what} is missing; {MEND}")
    with damaged(path), linked(path) as links:
        index = tantivy.Index.open(str(links))
        index.config_reader("manual")
        return index


def boosted(query: "tantivy.Query", weight: float) -> "tantivy.Query":
    from tantivy import Query

    return query if weight == 1.0 else Query.boost_query(query, weight)


@contextmanager
def linked(path: Path) -> Iterator[Path]:
    """A folder of links to the files of an index, while it is being opened.

    tantivy looks for news in a thread of its own as soon as it has opened, and may put its lock file into the folder
    just while that is being removed: then it is removed once more.
    """
    links = Path(tempfile.mkdtemp(prefix="plotseek-"))
    try:
        for file in path.iterdir():
            if not file.name.startswith("."):
                (links / file.name).symlink_to(file.absolute())
        yield links
    finally:
        for _ in range(_REMOVALS):
            shutil.rmtree(links, ignore_errors=True)
            if not links.exists():
                break


class damaged:  # noqa: N801 - a context manager, as those of contextlib are
    """tantivy's errors, which are all ValueError, as ours.

    A class, because a question passes here sixty times, and a generator's context manager costs 10 us.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (ValueError, OSError)):
            reason = " ".join(str(error).split())[:300]
            raise CatalogDamaged(f"{self._path}: the lexical index says: {reason}; {MEND}") from error
