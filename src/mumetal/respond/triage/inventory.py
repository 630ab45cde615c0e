"""Which workloads run on which device, and how much they matter: one TOML file, decoded once."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError

MAX_INVENTORY_BYTES = 1_000_000
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Workload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A use of a device that somebody would miss.

    Args:
        criticality: Harm of losing its results, 0 (none) to 1 (the worst the organisation knows).
        depth: Circuit layers.
        qubits: Qubits used.
    """

    name: Annotated[Name, Meta(description="What people call it.")]
    criticality: Annotated[float, Meta(ge=0, le=1, description="Harm of losing its results, 0 to 1.")]
    depth: Annotated[int, Meta(ge=1, le=1_000_000, description="Circuit layers.")] = 100
    qubits: Annotated[int, Meta(ge=1, le=10_000, description="Qubits used.")] = 10


UNLISTED = Workload(name="an unlisted workload", criticality=0.5)


class Machine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device: its ordinary figures (only for estimating harm) and what runs on it."""

    workloads: Annotated[tuple[Workload, ...], Meta(max_length=1_000, description="What runs on it.")] = ()
    layer_s: Annotated[float, Meta(gt=0, le=1, description="Duration of one circuit layer, s.")] = 1e-7
    t1_s: Annotated[float, Meta(gt=0, le=1e6, description="Ordinary T1, s.")] = 1e-4
    t2_s: Annotated[float, Meta(gt=0, le=1e6, description="Ordinary T2, s.")] = 1e-4
    gate_error: Annotated[float, Meta(gt=0, lt=1, description="Ordinary two-qubit gate error.")] = 5e-3
    readout_error: Annotated[float, Meta(gt=0, lt=1, description="Ordinary readout error.")] = 1.5e-2
    frequency_hz: Annotated[float, Meta(gt=0, le=1e12, description="Ordinary qubit frequency, Hz.")] = 5e9


class Inventory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All devices of one installation; an empty one is allowed and every device then counts the same."""

    devices: Annotated[dict[Name, Machine], Meta(max_length=10_000, description="Device name to device.")] = {}

    def machine(self, device: str) -> Machine:
        """Return what is known of a device, or ordinary figures of a superconducting one."""
        return self.devices.get(device, Machine())

    def workloads(self, device: str) -> tuple[Workload, ...]:
        """Return what runs on a device; an unlisted device gets :data:`UNLISTED`, never nothing."""
        return self.machine(device).workloads or (UNLISTED,)


def decode_inventory(text: bytes, where: str = "inventory") -> Inventory:
    """Decode an inventory from TOML.

    Raises:
        BadInputError: Too long, not TOML, an unknown field, or a value out of bounds; says which and where.
    """
    if len(text) > MAX_INVENTORY_BYTES:
        raise BadInputError(f"an inventory has at most {MAX_INVENTORY_BYTES} bytes, not {len(text)}", where=where)
    try:
        return msgspec.toml.decode(text, type=Inventory)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(str(error)[:500], where=where, hint="see docs/reference/inventory.md") from None
