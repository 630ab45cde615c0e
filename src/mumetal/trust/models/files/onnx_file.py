"""ONNX by its structure: what operators, weights, inputs and outputs a file has, before any runtime sees it.

Refused by a security check (``RejectedError``), in this order:

1. an operator, or an operator set, of a domain that is not ONNX's own: it needs foreign code;
2. a tensor whose data lie in another file: that file was not signed, and its path may point anywhere;
3. an operator that loops as long as its input says, or draws random numbers: a score must be bounded and repeatable.

Refused as bad input: what is no ONNX file, has fields the schema leaves out, or weights of another size than they claim.
What cannot be known from the bytes: how much memory the shapes in between will take; the speed gate measures that.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.models.files.onnx_schema import SCHEMA
from mumetal.trust.models.files.wire import Message, Walker, decode_text

MAX_BYTES = 64 * 2**20
MAX_FIELDS = 400_000
MAX_ELEMENTS = 2**28
MAX_RANK = 12
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
UNBOUNDED = frozenset({"Loop", "Scan"})
RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
# bits of one element by TensorProto.DataType; string (8) has no fixed size
BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8,
}  # fmt: skip
STRING = 8
# values that one element takes in the typed field it is kept in
PER_ELEMENT = {"float_data": 1, "int32_data": 1, "int64_data": 1, "double_data": 1, "uint64_data": 1}
NAMES = {1: "float32", 11: "float64", 7: "int64", 6: "int32", 9: "bool", 10: "float16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """An input or output: its name, element type and shape, -1 where a dimension is free."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFacts:
    """What the structure says.

    Args:
        ir_version: Of the format.
        opsets: Operator sets by domain.
        producer: What wrote it.
        inputs: What must be given, without those that have a weight of the same name.
        outputs: What comes out.
        operators: How often each operator is used, also in inner graphs.
        weights: Numbers held in tensors.
        weight_bytes: Bytes they take.
    """

    ir_version: int
    opsets: tuple[tuple[str, int], ...]
    producer: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[tuple[str, int], ...]
    weights: int
    weight_bytes: int


def read(data: bytes, where: str = "model") -> OnnxFacts:
    """Check an ONNX file and say what is in it.

    Raises:
        BadInputError: No such file, too large, or weights that do not fit; says at which byte.
        RejectedError: It holds what no model here may; says what (see the module).
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"a model has at most {MAX_BYTES} bytes, not {len(data)}", where=where)
    try:
        model = Walker(SCHEMA, MAX_FIELDS, frozenset({"dims"})).decode(memoryview(data), "Model")
        return _facts(model)
    except BadInputError as error:
        raise BadInputError(f"not an ONNX model: {error}"[:500], where=where) from None
    except RejectedError as error:
        raise RejectedError(error.message, where=where, hint=error.hint) from None


def _facts(model: Message) -> OnnxFacts:
    graphs = model.messages("graph")
    if not graphs or not 3 <= model.number("ir_version") <= 14:
        raise BadInputError("there is no graph, or its IR version is not 3 to 14")
    opsets = tuple((o.text("domain"), o.number("version")) for o in model.messages("opset_import"))
    if not opsets or any(not 1 <= version <= 1_000 for _, version in opsets):
        raise BadInputError("it names no operator set")
    operators: Counter[str] = Counter()
    weights = weight_bytes = 0
    for domain, _ in opsets:
        _check_domain(domain, "operator set")
    for message in _all(graphs[0]):
        if message.kind == "Node":
            operators[_operator(message)] += 1
        elif message.kind == "Tensor":
            count, size = _weights(message)
            weights, weight_bytes = weights + count, weight_bytes + size
    graph = graphs[0]
    held = {tensor.text("name") for tensor in graph.messages("initializer")}
    inputs = tuple(spec for spec in map(_spec, graph.messages("input")) if spec.name not in held)
    outputs = tuple(map(_spec, graph.messages("output")))
    names = [spec.name for spec in (*inputs, *outputs)]
    if not inputs or not outputs or len(set(names)) != len(names):
        raise BadInputError("it has no input or no output, or one name twice")
    return OnnxFacts(
        ir_version=model.number("ir_version"),
        opsets=opsets,
        producer=f"{model.text('producer_name')} {model.text('producer_version')}".strip(),
        inputs=inputs,
        outputs=outputs,
        operators=tuple(sorted(operators.items())),
        weights=weights,
        weight_bytes=weight_bytes,
    )


def _all(message: Message) -> Iterator[Message]:
    """Yield a message and all within it; the walker has bounded both number and depth."""
    yield message
    for group in message.inner.values():
        for inner in group:
            yield from _all(inner)


def _check_domain(domain: str, what: str) -> None:
    if domain not in DOMAINS:
        raise RejectedError(
            f"{what} of the domain {domain[:80]!r}: it needs foreign code",
            hint="export with standard ONNX operators only",
        )


def _operator(node: Message) -> str:
    domain, name = node.text("domain"), node.text("op_type")
    _check_domain(domain, f"operator {name[:80]!r}")
    if not name or node.text("overload"):
        raise BadInputError("a node without an operator, or with an overload")
    if name in UNBOUNDED:
        raise RejectedError(f"operator {name!r}: it loops as long as its input says", hint="unroll it on export")
    if name in RANDOM:
        raise RejectedError(f"operator {name!r} draws random numbers: a score could not be repeated")
    for text in (*node.texts.get("input", ()), *node.texts.get("output", ())):
        decode_text(text, "Node")
    return f"{domain}.{name}" if domain else name


def _weights(tensor: Message) -> tuple[int, int]:
    """Return how many numbers a tensor holds and in how many bytes, checked against what it claims."""
    if tensor.messages("external_data") or tensor.number("data_location"):
        raise RejectedError(
            "a tensor's data lie in another file: that file is not covered by the signature",
            hint="save the model as one file",
        )
    dims, kind = tensor.numbers.get("dims", []), tensor.number("data_type")
    if len(dims) > MAX_RANK or any(d >= MAX_ELEMENTS for d in dims) or (elements := math.prod(dims)) > MAX_ELEMENTS:
        raise BadInputError(f"a tensor claims the shape {dims[:MAX_RANK]}")
    kept = {name: tensor.lengths[name] for name in (*PER_ELEMENT, "string_data") if name in tensor.lengths}
    raw = tensor.texts.get("raw_data", [])
    if len(kept) + len(raw) > 1:
        raise BadInputError("a tensor gives its data twice")
    if kind == STRING:
        if raw or kept.get("string_data", 0) != elements:
            raise BadInputError("a tensor of texts has another number of them than it claims")
        return 0, sum(len(text) for text in tensor.texts.get("string_data", []))
    if kind not in BITS or "string_data" in kept:
        raise BadInputError(f"a tensor of the unknown type {kind}")
    size = (elements * BITS[kind] + 7) // 8
    if raw:
        if len(raw[0]) != size:
            raise BadInputError(f"a tensor of {elements} elements has {len(raw[0])} bytes, not {size}")
    elif not _typed_fits(kind, elements, sum(kept.values())):
        raise BadInputError(f"a tensor of {elements} elements has {sum(kept.values())} values")
    return elements, size


def _typed_fits(kind: int, elements: int, values: int) -> bool:
    if kind in {14, 15}:  # complex: two numbers each
        return values == 2 * elements
    if BITS[kind] == 4:  # two to a number
        return values == (elements + 1) // 2
    return values == elements


def _spec(info: Message) -> TensorSpec:
    name = info.text("name")
    types = info.messages("type")
    if not name or not types or not types[0].messages("tensor_type"):
        raise BadInputError(f"input or output {name[:80]!r} is no tensor")
    tensor = types[0].messages("tensor_type")[0]
    shapes = tensor.messages("shape")
    dims = shapes[0].messages("dim") if shapes else []
    if len(dims) > MAX_RANK:
        raise BadInputError(f"{name[:80]!r} has {len(dims)} dimensions")
    kind = tensor.number("elem_type")
    sizes = tuple(d.number("dim_value", -1) if "dim_value" in d.lengths else -1 for d in dims)
    return TensorSpec(name=name, dtype=NAMES.get(kind, f"type {kind}"), shape=sizes)
