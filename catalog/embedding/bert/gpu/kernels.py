"""What the encoder does on a GPU between its matrix products, in Triton: one pass through memory each.

This module is imported where Triton is there, by `forward.py` alone.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

QUERIES, _KEYS = 64, 64
"""Rows and columns of a tile of scores."""
_INNER = 1024
"""Values of the feed-forward part that one program gates."""
_LOG2_E = tl.constexpr(1.4426950408889634)


def attention(qkv: Tensor, tiles: Tensor, slopes: Tensor | None, heads: int) -> Tensor:
    """(tokens, 3 * hidden) -> (tokens, hidden): each sequence attends to itself only.

    `tiles` is (tiles, 3) int32 of `packed.tiles`, `slopes` (heads,) float32 of ALiBi: a score gets -slope * |i - j|.
    Online softmax in float32 (Milakov and Gimelshein 2018), keys from the sequence's own beginning on.
    """
    hidden = qkv.shape[1] // 3
    size = hidden // heads
    out = qkv.new_empty(len(qkv), hidden)
    _attention[(len(tiles), heads)](
        qkv,
        out,
        tiles,
        qkv if slopes is None else slopes,
        size**-0.5,
        hidden,
        size,
        SIZE=max(16, triton.next_power_of_2(size)),
        QUERIES=QUERIES,
        KEYS=_KEYS,
        ALIBI=slopes is not None,
    )
    return out


@triton.jit
def _attention(
    qkv, out, tiles, slopes, scale, hidden, size,
    SIZE: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, ALIBI: tl.constexpr,
):  # fmt: skip
    tile, head = tl.program_id(0), tl.program_id(1)
    first, start, stop = tl.load(tiles + 3 * tile), tl.load(tiles + 3 * tile + 1), tl.load(tiles + 3 * tile + 2)
    part = tl.arange(0, SIZE)
    inside = part[None, :] < size
    rows = first + tl.arange(0, QUERIES)
    real = (rows < stop)[:, None] & inside
    at = qkv + head * size + part[None, :]
    q = tl.load(at + rows[:, None].to(tl.int64) * (3 * hidden), mask=real, other=0.0)
    largest = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    made = tl.zeros([QUERIES, SIZE], tl.float32)
    slope = 0.0
    if ALIBI:
        slope = tl.load(slopes + head) * _LOG2_E
    for key in range(start, stop, KEYS):
        keys = key + tl.arange(0, KEYS)
        there = at + hidden + keys[:, None].to(tl.int64) * (3 * hidden)
        known = (keys < stop)[:, None] & inside
        k = tl.load(there, mask=known, other=0.0)
        v = tl.load(there + hidden, mask=known, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * (scale * _LOG2_E)
        if ALIBI:
            scores -= slope * tl.abs(rows[:, None] - keys[None, :]).to(tl.float32)
        scores = tl.where((keys < stop)[None, :], scores, float("-inf"))
        larger = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp2(scores - larger[:, None])
        kept = tl.exp2(largest - larger)
        total = total * kept + tl.sum(weights, 1)
        made = made * kept[:, None] + tl.dot(weights.to(v.dtype), v, input_precision="ieee")
        largest = larger
    made = made / total[:, None]
    tl.store(out + rows[:, None].to(tl.int64) * hidden + head * size + part[None, :], made.to(q.dtype), mask=real)


def gated(inner: Tensor) -> Tensor:
    """(tokens, 2 * inner) -> (tokens, inner): gelu of the first half, times the second."""
    tokens, both = inner.shape
    made = inner.new_empty(tokens, both // 2)
    _gated[(tokens, triton.cdiv(both // 2, _INNER))](inner, made, both // 2, BLOCK=_INNER)
    return made


@triton.jit
def _gated(inner, made, size, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = inner + row * 2 * size + part
    gate = tl.load(there, mask=part < size).to(tl.float32)
    value = tl.load(there + size, mask=part < size)
    # torch rounds gelu to the precision of the products before it multiplies; so does this.
    gelu = (0.5 * gate * (1.0 + tl.erf(gate * 0.7071067811865476))).to(value.dtype)
    tl.store(made + row * size + part, (gelu * value).to(value.dtype), mask=part < size)


def add_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float, narrow: Tensor) -> Tensor:
    """The layer norm of x + y, (tokens, hidden): returned in float32, and written to `narrow` in its own precision.

    A y of one row is added to every row.
    """
    tokens, hidden = x.shape
    made = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    step = 0 if len(y) == 1 else hidden
    _add_norm[(tokens,)](x, y, weight, bias, made, narrow, step, hidden, epsilon, SIZE=triton.next_power_of_2(hidden))
    return made


@triton.jit
def _add_norm(x, y, weight, bias, made, narrow, step, hidden, epsilon, SIZE: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.arange(0, SIZE)
    inside = part < hidden
    total = tl.load(x + row * hidden + part, mask=inside, other=0.0).to(tl.float32)
    total += tl.load(y + row * step + part, mask=inside, other=0.0).to(tl.float32)
    apart = tl.where(inside, total - tl.sum(total, 0) / hidden, 0.0)
    unit = apart * tl.rsqrt(tl.sum(apart * apart, 0) / hidden + epsilon)
    value = unit * tl.load(weight + part, mask=inside) + tl.load(bias + part, mask=inside)
    tl.store(made + row * hidden + part, value, mask=inside)
    tl.store(narrow + row * hidden + part, value.to(narrow.dtype.element_ty), mask=inside)
