"""The encoder's weights and their file: strided temporal convolutions per channel, joined over channels, two outputs.

Convolutions do not overlap, so each is one matrix product: 4 rows of both features, then 16 rows, then all 128, with
the same weights for every channel. Channels are joined by mean and largest, whatever their number. The ONNX file holds
standard operators of one fixed opset and all weights; it is written here operator by operator, so that no tracer decides
what is shipped.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import UnavailableError
from mumetal.watch.contrastive.model import FACTS, FEATURES, Facts
from mumetal.watch.training.examples import WIDTH

Weights = dict[str, NDArray[np.float32]]
PATCH = 4  # rows, and then patches, that one step of a strided convolution covers
PIECES = WIDTH // PATCH // PATCH
FINE, COARSE, CHANNEL, WINDOW, EMBEDDING = 8, 16, 32, 64, 16
OPSET, IR = 18, 9
LAYERS = {  # name: inputs and outputs of each product
    "fine": (PATCH * FEATURES, FINE),
    "coarse": (PATCH * FINE, COARSE),
    "channel": (PIECES * COARSE, CHANNEL),
    "again": (CHANNEL, CHANNEL),
    "window": (2 * CHANNEL, WINDOW),
    "head": (WINDOW, 1),
    "embedding": (WINDOW, EMBEDDING),
}


def initial(rng: np.random.Generator) -> Weights:
    """Draw weights (He et al. 2015, arXiv:1502.01852) by layer as ``NAME.w`` (in, out) and ``NAME.b`` (out,)."""
    out: Weights = {}
    for name, (into, out_of) in LAYERS.items():
        out[f"{name}.w"] = (rng.normal(size=(into, out_of)) * np.sqrt(2 / into)).astype(np.float32)
        out[f"{name}.b"] = np.zeros(out_of, np.float32)
    return out


def to_onnx(weights: Weights, facts: Facts) -> bytes:
    """Write the network as an ONNX file.

    Args:
        weights: As :func:`initial` names them.
        facts: Kept in the file's metadata.

    Returns:
        The file: input ``windows`` (b, c, 128, 2) float32, outputs ``head`` (b, 1) and ``embedding`` (b, 16).

    Raises:
        UnavailableError: The ``onnx`` package is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise UnavailableError("the onnx package is not installed", hint="pip install 'mumetal[train]'") from None

    nodes, constants = [], [numpy_helper.from_array(value, name) for name, value in sorted(weights.items())]

    def whole(name: str, *values: int) -> str:
        constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: int) -> str:
        made = helper.make_node(kind, inputs, [output])
        made.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        nodes.append(made)
        return output

    def product(source: str, layer: str, output: str = "") -> str:
        return node("Gemm", [source, f"{layer}.w", f"{layer}.b"], output or f"{layer}.sum")

    def layer(source: str, name: str) -> str:
        flat = node("Reshape", [source, whole(f"{name}.shape", -1, LAYERS[name][0])], f"{name}.flat")
        return node("Relu", [product(flat, name)], f"{name}.out")

    channel = layer(layer(layer("windows", "fine"), "coarse"), "channel")
    deeper = node("Add", [channel, layer(channel, "again")], "again.added")
    counts = node("Slice", [node("Shape", ["windows"], "sizes"), whole("from", 0), whole("to", 2)], "counts")
    by_channel = node("Concat", [counts, whole("numbers", CHANNEL)], "by_channel.shape", axis=0)
    apart = node("Reshape", [deeper, by_channel], "by_channel")
    over = whole("over", 1)
    mean = node("ReduceMean", [apart, over], "mean", keepdims=0)
    largest = node("ReduceMax", [apart, over], "largest", keepdims=0)
    window = layer(node("Concat", [mean, largest], "joined", axis=1), "window")
    product(window, "head", "head")
    product(window, "embedding", "embedding")

    def told(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "mumetal-encoder",
        [told("windows", ["b", "c", WIDTH, FEATURES])],
        [told("head", ["b", 1]), told("embedding", ["b", EMBEDDING])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mumetal")
    model.ir_version = IR
    helper.set_model_props(model, {FACTS: msgspec.json.encode(facts).decode()})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
