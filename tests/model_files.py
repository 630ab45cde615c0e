"""Real models for the tests: a small PCA scorer as ONNX, a linear one as safetensors and JSON, and a seal."""

import hmac
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from tests.fakes_ports import T0, FakeLedger
from tests.people import allowed, who

from bench.trust.scorers import CHANNELS
from bench.trust.scorers import background as background  # noqa: PLC0414 - tests take it from here
from bench.trust.scorers import pca_model as pca_model  # noqa: PLC0414 - tests take it from here
from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError
from mumetal.core.ports import Decision, Request
from mumetal.trust.models.chronicle import Chronicle
from mumetal.trust.models.lifecycle import Lifecycle
from mumetal.trust.models.manifest import InputRange, Promises
from mumetal.trust.models.opening import ModelDesk
from mumetal.trust.models.registry import ModelRegistry


def build(nodes: Sequence[onnx.NodeProto], weights: Sequence[onnx.TensorProto], **extra: Any) -> bytes:
    """Return an ONNX file of one input ``x`` (n, C) and one output ``score`` (n,)."""
    channels = extra.pop("channels", CHANNELS)
    opsets = extra.pop("opsets", [helper.make_opsetid("", 17)])
    graph = helper.make_graph(
        list(nodes),
        "scorer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        initializer=list(weights),
    )
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="mumetal-tests", **extra)
    return bytes(model.SerializeToString())


def safetensors_model() -> bytes:
    """Return a safetensors file of two tensors."""
    header = {
        "__metadata__": {"format": "pt"},
        "weight": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
        "bias": {"dtype": "F64", "shape": [2], "data_offsets": [32, 48]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(48)


def promises(**extra: Any) -> Promises:
    """Return what an owner writes."""
    given: dict[str, Any] = {
        "owner": "ada",
        "trainer": "tess",
        "purpose": "scores the cryostat's streams",
        "touches_hardware": False,
        "code": "0123abc",
        "seeds": (7,),
        "inputs": tuple(InputRange(channel=f"c{i}", unit="K", lowest=-8.0, highest=8.0) for i in range(CHANNELS)),
        "card": "Tried on simulated backgrounds only.",
    }
    return Promises(**{**given, **extra})


class KeyedSeal:
    """HMAC in place of a signature: binds kind and payload, as the port asks."""

    def __init__(self, key: bytes = b"k" * 32) -> None:
        self._key = key

    def close(self, payload: bytes, kind: str) -> bytes:
        return self._mark(payload, kind) + payload

    def open(self, envelope: bytes, kind: str, where: str) -> bytes:
        mark, payload = envelope[:32], envelope[32:]
        if not hmac.compare_digest(mark, self._mark(payload, kind)):
            raise RejectedError("the seal does not hold", where=where)
        return payload

    def _mark(self, payload: bytes, kind: str) -> bytes:
        return hmac.digest(self._key, kind.encode() + b"\n" + payload, "sha256")


class AllowAll:
    """Permits everything but what it was told to deny, and remembers what was asked."""

    def __init__(self, *denied: str) -> None:
        self.denied = set(denied)
        self.asked: list[Request] = []

    def authorize(self, request: Request) -> Decision:
        self.asked.append(request)
        if request.action in self.denied:
            raise RejectedError("denied")
        return allowed(request)


class House:
    """A registry with everything around it."""

    def __init__(self, folder: Path, required: frozenset[str] = frozenset()) -> None:
        self.clock = ManualClock(T0)
        self.ledger = FakeLedger()
        self.seal = KeyedSeal()
        self.policy = AllowAll()
        self.chronicle = Chronicle(self.ledger, "local")
        self.registry = ModelRegistry(folder, seal=self.seal, chronicle=self.chronicle)
        self.lifecycle = Lifecycle(
            self.registry, ledger=self.ledger, authorizer=self.policy, clock=self.clock, required=required
        )

    @property
    def desk(self) -> ModelDesk:
        """What a running stack is given."""
        return ModelDesk(
            registry=self.registry,
            lifecycle=self.lifecycle,
            ledger=self.ledger,
            authorizer=self.policy,
            clock=self.clock,
            principal=who(),
        )
