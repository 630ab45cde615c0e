"""Random and mutated bytes into the inventory and the manifest: refused, never anything else."""

import random
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.core.errors import BadInputError
from mumetal.respond.triage.inventory import decode_inventory
from mumetal.trust.digest import decode_manifest

GOOD = (
    b'[devices.ibm_kyiv]\nt1_s = 2.8e-4\nworkloads = [{ name = "chem", criticality = 0.9, depth = 300, qubits = 40 }]\n',
    b'{"model.json": "' + b"0a" * 32 + b'", "b.onnx": "' + b"ff" * 32 + b'"}',
)


def fuzz_one(data: bytes) -> None:
    for decode in (decode_inventory, decode_manifest):
        with suppress(BadInputError):
            decode(data)


def test_ten_thousand_inputs() -> None:
    rng = random.Random(7)
    for n in range(10_000):
        data = bytearray(GOOD[n % 2])
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randrange(1, 9)]
                case 2:
                    data[at:at] = bytes(rng.choices(b'[]{}"=.,0e-\n\\', k=rng.randrange(1, 9)))
                case _:
                    data = data[at:] + data[:at]
            data = data or bytearray(b"x")
        fuzz_one(bytes(data))


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    fuzz_one(data)
