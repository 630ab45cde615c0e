"""The fields of an ONNX file that Mumetal accepts (onnx.proto3, IR version 3 to 14).

Left out on purpose, so that a file with one is refused: ``training_info`` and ``functions`` (further graphs that could
hide operators), ``configuration`` and ``device_configurations`` (placement on hardware), opaque types.
"""

from mumetal.trust.models.files.wire import BYTES, FIXED32, FIXED64, VARINT, Schema, Spec


def _many(name: str, message: str) -> Spec:
    return Spec(name, BYTES, True, message)


def _one(name: str, message: str) -> Spec:
    return Spec(name, BYTES, False, message)


def _text(name: str, repeated: bool = False) -> Spec:
    return Spec(name, BYTES, repeated)


def _int(name: str, repeated: bool = False) -> Spec:
    return Spec(name, VARINT, repeated)


SCHEMA: Schema = {
    "Model": {
        1: _int("ir_version"),
        2: _text("producer_name"),
        3: _text("producer_version"),
        4: _text("domain"),
        5: _int("model_version"),
        6: _text("doc_string"),
        7: _one("graph", "Graph"),
        8: _many("opset_import", "Opset"),
        14: _many("metadata_props", "Entry"),
    },
    "Opset": {1: _text("domain"), 2: _int("version")},
    "Entry": {1: _text("key"), 2: _text("value")},
    "Graph": {
        1: _many("node", "Node"),
        2: _text("name"),
        5: _many("initializer", "Tensor"),
        10: _text("doc_string"),
        11: _many("input", "ValueInfo"),
        12: _many("output", "ValueInfo"),
        13: _many("value_info", "ValueInfo"),
        14: _many("quantization_annotation", "Annotation"),
        15: _many("sparse_initializer", "SparseTensor"),
        16: _many("metadata_props", "Entry"),
    },
    "Annotation": {1: _text("tensor_name"), 2: _many("quant_parameter_tensor_names", "Entry")},
    "Node": {
        1: _text("input", True),
        2: _text("output", True),
        3: _text("name"),
        4: _text("op_type"),
        5: _many("attribute", "Attribute"),
        6: _text("doc_string"),
        7: _text("domain"),
        8: _text("overload"),
        9: _many("metadata_props", "Entry"),
    },
    "Attribute": {
        1: _text("name"),
        2: Spec("f", FIXED32),
        3: _int("i"),
        4: _text("s"),
        5: _one("t", "Tensor"),
        6: _one("g", "Graph"),
        7: Spec("floats", FIXED32, True),
        8: _int("ints", True),
        9: _text("strings", True),
        10: _many("tensors", "Tensor"),
        11: _many("graphs", "Graph"),
        13: _text("doc_string"),
        14: _one("tp", "Type"),
        15: _many("type_protos", "Type"),
        20: _int("type"),
        21: _text("ref_attr_name"),
        22: _one("sparse_tensor", "SparseTensor"),
        23: _many("sparse_tensors", "SparseTensor"),
    },
    "Tensor": {
        1: _int("dims", True),
        2: _int("data_type"),
        4: Spec("float_data", FIXED32, True),
        5: _int("int32_data", True),
        6: _text("string_data", True),
        7: _int("int64_data", True),
        8: _text("name"),
        9: _text("raw_data"),
        10: Spec("double_data", FIXED64, True),
        11: _int("uint64_data", True),
        12: _text("doc_string"),
        13: _many("external_data", "Entry"),
        14: _int("data_location"),
        16: _many("metadata_props", "Entry"),
    },
    "SparseTensor": {1: _one("values", "Tensor"), 2: _one("indices", "Tensor"), 3: _int("dims", True)},
    "ValueInfo": {
        1: _text("name"),
        2: _one("type", "Type"),
        3: _text("doc_string"),
        4: _many("metadata_props", "Entry"),
    },
    "Type": {
        1: _one("tensor_type", "TensorType"),
        4: _one("sequence_type", "Element"),
        5: _one("map_type", "Map"),
        6: _text("denotation"),
        8: _one("sparse_tensor_type", "TensorType"),
        9: _one("optional_type", "Element"),
    },
    "TensorType": {1: _int("elem_type"), 2: _one("shape", "Shape")},
    "Element": {1: _one("elem_type", "Type")},
    "Map": {1: _int("key_type"), 2: _one("value_type", "Type")},
    "Shape": {1: _many("dim", "Dim")},
    "Dim": {1: _int("dim_value"), 2: _text("dim_param"), 3: _text("denotation")},
}
