"""Small real models for the measures of T5 to T7: ordinary rows with two hidden causes, and a PCA scorer of them as ONNX."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import UnavailableError
from mumetal.trust.models.manifest import InputRange, Promises

CHANNELS = 4


def background(n: int = 400, seed: int = 1) -> NDArray[np.float64]:
    """Return correlated ordinary samples, shape (n, 4): two hidden causes and a little noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 2))
    mixing = np.array([[1.0, 0.3], [0.8, -0.5], [0.2, 1.0], [-0.6, 0.7]])
    return np.asarray(hidden @ mixing.T + 0.15 * rng.normal(size=(n, CHANNELS)))


def pca_model(x: NDArray[np.float64], components: int = 2, *, gain: float = 1.0) -> bytes:
    """Return an ONNX file that scores the distance from the first principal axes of ``x``, shape (n, C).

    Raises:
        UnavailableError: The package ``onnx`` is not installed.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise UnavailableError(
            "models are made with the package onnx, which is not installed", hint="pip install 'mumetal[train]'"
        ) from None
    mean, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / scale
    _, _, axes = np.linalg.svd(z, full_matrices=False)
    rest = (np.eye(x.shape[1]) - axes[:components].T @ axes[:components]) * gain
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["z"]),
        helper.make_node("MatMul", ["z", "rest"], ["left"]),
        helper.make_node("Mul", ["left", "left"], ["square"]),
        helper.make_node("ReduceSum", ["square", "axis"], ["score"], keepdims=0),
    ]
    weights = [
        numpy_helper.from_array(a.astype(np.float32), name)
        for name, a in (("mean", mean), ("scale", scale), ("rest", rest))
    ]
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    graph = helper.make_graph(
        nodes,
        "scorer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", x.shape[1]])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        initializer=weights,
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="mumetal-bench")
    return bytes(model.SerializeToString())


def promises() -> Promises:
    """Return what the owner of such a model writes."""
    return Promises(
        owner="ada",
        trainer="tess",
        purpose="scores the cryostat's streams",
        touches_hardware=False,
        code="0123abc",
        seeds=(7,),
        inputs=tuple(InputRange(channel=f"c{i}", unit="K", lowest=-8.0, highest=8.0) for i in range(CHANNELS)),
        card="Tried on simulated backgrounds only.",
    )
