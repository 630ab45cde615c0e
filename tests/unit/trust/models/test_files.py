"""Model files by their structure: good ones are described, bad ones refused before anything loads them."""

import io
import json
import pickle
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.model_files import background, build, pca_model, safetensors_model

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.models.files import onnx_file, safetensors_file
from mumetal.trust.models.files.inspect import Kind, inspect

RELU = helper.make_node("ReduceSum", ["x", "axis"], ["score"], keepdims=0)
AXIS = numpy_helper.from_array(np.array([1], np.int64), "axis")


def test_the_reader_says_what_onnx_itself_says() -> None:
    data = pca_model(background())
    facts = onnx_file.read(data)
    loaded = onnx.load_model_from_string(data)
    assert [n for n, _ in facts.operators] == sorted({n.op_type for n in loaded.graph.node})
    assert sum(c for _, c in facts.operators) == len(loaded.graph.node)
    assert facts.weights == sum(int(np.prod(t.dims)) for t in loaded.graph.initializer)
    assert facts.inputs[0].name == "x"
    assert facts.inputs[0].shape == (-1, 4)
    assert facts.inputs[0].dtype == "float32"
    assert facts.opsets == (("", 17),)
    assert inspect(data)[0] is Kind.ONNX


def test_typed_and_raw_weights_are_both_measured() -> None:
    typed = helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    half = helper.make_tensor("h", TensorProto.FLOAT16, [3], [1.0, 2.0, 3.0])
    texts = TensorProto(name="t", data_type=TensorProto.STRING, dims=[2], string_data=[b"a", b"bc"])
    facts = onnx_file.read(build([RELU], [AXIS, typed, half, texts]))
    assert facts.weights == 1 + 3 + 3
    assert facts.weight_bytes == 8 + 12 + 6 + 3
    typed.dims[0] = 4
    with pytest.raises(BadInputError, match="a tensor of 4 elements"):
        onnx_file.read(build([RELU], [AXIS, typed]))


def _external() -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return build([RELU], [AXIS, tensor])


def _inner(op: str, domain: str = "") -> bytes:
    """An operator hidden in the branch of an If."""
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node(op, ["x"], ["y"], domain=domain)], "b", [], [out])
    choice = helper.make_node("If", ["c"], ["score"], then_branch=branch, else_branch=branch)
    return build([choice], [helper.make_tensor("c", TensorProto.BOOL, [], [True])])


def _function() -> bytes:
    body = helper.make_function(
        "local", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    return build([RELU], [AXIS], functions=[body])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (build([helper.make_node("Evil", ["x"], ["score"], domain="evil.ops")], []), "foreign code"),
        (build([helper.make_node("FusedGemm", ["x"], ["score"], domain="com.microsoft")], []), "foreign code"),
        (build([RELU], [AXIS], opsets=[helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]), "foreign code"),
        (_inner("Evil", "evil.ops"), "foreign code"),
        (_external(), "another file"),
        (_inner("Loop"), "loops"),
        (build([helper.make_node("RandomNormal", [], ["score"], shape=[1])], []), "random"),
    ],
)
def test_what_no_model_may_have_is_rejected(data: bytes, why: str) -> None:
    with pytest.raises(RejectedError, match=why):
        inspect(data)


def test_a_local_function_is_refused() -> None:
    with pytest.raises(BadInputError, match="no field 25"):
        inspect(_function())


def test_damage_is_bad_input_and_says_where() -> None:
    data = pca_model(background())
    for bad, why in (
        (data[:-3], "past the file"),
        (data + b"\x08\x09", "given twice"),
        (data + b"\xfa\x7f\x00", "no field"),
        (b"\x08" + b"\xff" * 11, "64 bits"),
        (b"hello there", "not an ONNX"),
        (b"\x08\x08", "no graph"),
    ):
        with pytest.raises(BadInputError, match=why) as caught:
            inspect(bad, "m.onnx")
        assert caught.value.where == "m.onnx"
    with pytest.raises(BadInputError, match="1 to"):
        inspect(b"")


def test_deep_nesting_and_many_fields_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = b""
    for _ in range(40):  # Attribute.g -> Graph.node -> Node.attribute …
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            nested = tag + _size(len(nested)) + nested
    graph = nested
    with pytest.raises(BadInputError, match="deeper than"):
        inspect(b"\x08\x09" + b"\x3a" + _size(len(graph)) + graph)
    monkeypatch.setattr(onnx_file, "MAX_FIELDS", 20)
    with pytest.raises(BadInputError, match="more fields"):
        inspect(pca_model(background()))


def _size(n: int) -> bytes:
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def test_carriers_of_code_are_rejected() -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("data.pkl", "x")
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    for protocol in range(6):
        with pytest.raises(RejectedError, match="pickle"):
            inspect(pickle.dumps({"weights": [1.0, 2.0], "n": len}, protocol=protocol))
    for data in (zipped.getvalue(), array.getvalue(), b"\x89HDF\r\n\x1a\n" + bytes(40), b"\x1f\x8b\x08" + bytes(20)):
        with pytest.raises(RejectedError, match="data only"):
            inspect(data)


def test_safetensors() -> None:
    data = safetensors_model()
    assert inspect(data) == (Kind.SAFETENSORS, None)
    assert [n for n, _, _ in safetensors_file.read(data)] == ["weight", "bias"]
    padded = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode().ljust(640)
    assert inspect((640).to_bytes(8, "little") + padded + b"x")[0] is Kind.SAFETENSORS  # begins with 0x80 0x02
    for header, body, why in (
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, 4, "another size"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, 8, "hole"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, 8, "no tensor"),
        ({"a": {"dtype": "PYOBJ", "shape": [1], "data_offsets": [0, 4]}}, 4, "another size"),
        ({"a": {"dtype": "F32"}}, 4, "malformed"),
        ({}, 0, "no tensor"),
    ):
        text = json.dumps(header).encode()
        with pytest.raises(BadInputError, match=why):
            inspect(len(text).to_bytes(8, "little") + text + bytes(body))
    twice = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    with pytest.raises(BadInputError, match="twice"):
        inspect(len(twice).to_bytes(8, "little") + twice + b"x")


def test_json() -> None:
    assert inspect(b' {"weights": [1.5]}')[0] is Kind.JSON
    for bad in (b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": ' + b"[" * 5_000, b'{"a": 1'):
        with pytest.raises(BadInputError):
            inspect(bad)


def test_a_file_cut_off_anywhere_or_larger_than_any_model_is_refused() -> None:
    data = pca_model(background(50))
    for size in range(len(data)):
        with pytest.raises((BadInputError, RejectedError)):
            inspect(data[:size])
    with pytest.raises(BadInputError, match="67108864 bytes, not 67108865"):
        inspect(bytes(2**26 + 1))
