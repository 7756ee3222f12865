"""Queries of a long-lived process, by onnxruntime: half the time of numpy, and Python's lock is free meanwhile.

OpenBLAS copies every matrix for a product with the ten tokens of a question; onnxruntime has packed them once. What
it is given is the graph of `config.py`'s architecture, with the weights that the documents were embedded with.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vectors
from catalog.embedding.bert.checkpoint import Checkpoint, widen
from catalog.embedding.bert.config import Architecture
from catalog.embedding.bert.numpy_encoder import QuickEncoder

if TYPE_CHECKING:
    import onnxruntime

_OPSET, _IR = 20, 10
"""The first that has Gelu, and the file format of its time."""
_APART = np.float32(-1e9)
"""What is added to the score of two tokens of different texts."""


@dataclass(frozen=True, slots=True)
class WarmEncoder:
    """Token ids in, unit vectors out; the weights of the layers lie in memory in float32."""

    cold: QuickEncoder
    session: "onnxruntime.InferenceSession"
    most_tokens: ClassVar[int] = 256
    """Of texts that are embedded together: each token is compared with all, those of other texts as well."""

    def embed(self, sequences: Sequence[Sequence[int]]) -> Vectors:
        """Encode sequences of token ids into (sequences, hidden); ModelError if the weights hold NaN.

        They are packed one behind the other, and attend to themselves alone. To six digits what the cold one says.
        """
        owner = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])
        given = {
            "x": self.cold.embeddings(sequences),
            "bias": _bias(owner, self.cold.architecture.slopes),
            "pool": _pool(owner, cls=self.cold.pooling == "cls"),
        }
        (pooled,) = self.session.run(None, given)
        return self.cold.normalized(pooled)


def warm_encoder(cold: QuickEncoder) -> WarmEncoder:
    """The layers of an encoder in onnxruntime, computed by the thread that asks."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it reports to its maker from its first session on
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    graph = _Graph(cold.checkpoint, cold.architecture)
    model = graph.model()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights) for weights in graph.weights.values()]
    options.add_external_initializers(list(graph.weights), values)
    return WarmEncoder(cold, onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]))


def _bias(owner: NDArray[np.int_], slopes: Sequence[float]) -> Floats:
    """What is added to scores: nothing or ALiBi within a text, (1 or heads, tokens, tokens)."""
    apart = np.where(owner[:, None] == owner, np.float32(0), _APART)
    if not slopes:
        return apart[None]
    places = np.arange(len(owner), dtype=np.float32)
    distances = np.abs(places[:, None] - places)
    return np.asarray(apart - distances * np.array(slopes, dtype=np.float32)[:, None, None])


def _pool(owner: NDArray[np.int_], *, cls: bool) -> Floats:
    """The matrix that makes tokens texts, (texts, tokens)."""
    mine = (np.arange(owner[-1] + 1)[:, None] == owner).astype(np.float32)
    if cls:
        mine[:, 1:] *= owner[1:] != owner[:-1]
    return np.asarray(mine / mine.sum(axis=1, keepdims=True))


@dataclass(slots=True)
class _Graph:
    """The layers as nodes; weights are given beside them, so that they are not copied into a message."""

    checkpoint: Checkpoint
    architecture: Architecture
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, Floats] = field(default_factory=dict)
    small: dict[str, NDArray[Any]] = field(default_factory=dict)

    def model(self) -> bytes:
        """ONNX with the inputs x (tokens, hidden), bias (1 or heads, tokens, tokens) and pool (texts, tokens)."""
        from onnx import TensorProto, helper, numpy_helper

        x = "x"
        for number in range(self.architecture.layers):
            x = self._layer(x, f"encoder.layer.{number}.")
        made, number = self._node("MatMul", ["pool", x]), TensorProto.FLOAT
        shapes: dict[str, list[str | int]] = {
            "x": ["t", self.architecture.hidden],
            "bias": ["b", "t", "t"],
            "pool": ["n", "t"],
        }
        inputs = [helper.make_tensor_value_info(name, number, shape) for name, shape in shapes.items()]
        output = helper.make_tensor_value_info(made, number, ["n", self.architecture.hidden])
        held = [_external(name, weights) for name, weights in self.weights.items()]
        held += [numpy_helper.from_array(values, name) for name, values in self.small.items()]
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        return bytes(model.SerializeToString())

    def _layer(self, x: str, layer: str) -> str:
        attended = self._node("Add", [x, self._attention(x, layer)])
        x = self._norm(attended, f"{layer}attention.output.LayerNorm")
        made = self._node("Add", [x, self._feed_forward(x, layer)])
        return self._norm(made, f"{layer}{self.architecture.names.norm}")

    def _attention(self, x: str, layer: str) -> str:
        heads, size = self.architecture.heads, self.architecture.head_size
        by_head = self._constant("by_head", np.array([-1, heads, size]))
        flat = self._constant("flat", np.array([-1, self.architecture.hidden]))
        scale = self._constant("scale", np.float32(size**-0.5))
        q, k, v = (
            self._node("Reshape", [self._linear(x, f"{layer}attention.self.{part}"), by_head])
            for part in ("query", "key", "value")
        )
        q = self._node("Transpose", [self._node("Mul", [q, scale])], perm=[1, 0, 2])
        k = self._node("Transpose", [k], perm=[1, 2, 0])
        scores = self._node("Add", [self._node("MatMul", [q, k]), "bias"])
        shares = self._node("Softmax", [scores], axis=-1)
        mixed = self._node("MatMul", [shares, self._node("Transpose", [v], perm=[1, 0, 2])])
        attended = self._node("Reshape", [self._node("Transpose", [mixed], perm=[1, 0, 2]), flat])
        return self._linear(attended, f"{layer}attention.output.dense")

    def _feed_forward(self, x: str, layer: str) -> str:
        names = self.architecture.names
        up = self._linear(x, f"{layer}{names.up}")
        if not self.architecture.gated:
            return self._linear(self._node("Gelu", [up]), f"{layer}{names.down}")
        gate = self._node("Split", [up], outputs=2, axis=1, num_outputs=2)
        gated = self._node("Mul", [self._node("Gelu", [gate]), f"{gate}.1"])
        return self._linear(gated, f"{layer}{names.down}")

    def _linear(self, x: str, name: str) -> str:
        given = [x, self._weights(f"{name}.weight")]
        if f"{name}.bias" in self.checkpoint.tensors:
            given.append(self._weights(f"{name}.bias"))
        return self._node("Gemm", given, transB=1)

    def _norm(self, x: str, name: str) -> str:
        given = [x, self._weights(f"{name}.weight"), self._weights(f"{name}.bias")]
        return self._node("LayerNormalization", given, axis=-1, epsilon=self.architecture.epsilon)

    def _weights(self, name: str) -> str:
        self.weights[name] = np.ascontiguousarray(widen(self.checkpoint.tensors[name]))
        return name

    def _constant(self, name: str, values: Any) -> str:
        self.small[name] = np.asarray(values)
        return name

    def _node(self, kind: str, given: Sequence[str], *, outputs: int = 1, **settings: Any) -> str:
        """The name of what a node makes; of several it is the first, and NAME.1 the second."""
        from onnx import helper

        name = f"made.{len(self.nodes)}"
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, given, names, **settings))
        return name


def _external(name: str, weights: Floats) -> Any:
    """A tensor whose numbers are given to the session apart."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, dims=weights.shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=name)
    return tensor
