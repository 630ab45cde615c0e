"""The public half of a key as a file that may be handed around: canonical JSON with the name it signs under."""

import base64
import binascii
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError
from mumetal.formats import canonical
from mumetal.trust.keys.hybrid import HybridPublicKey

MAX_PUBLIC = 16 * 1024


class _Public(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["mumetal-public/1"]
    name: Annotated[str, Meta(max_length=200)]
    key_id: str
    ed25519: str
    ml_dsa_87: str


def encode(public: HybridPublicKey, name: str) -> bytes:
    """Return the file of a public key, under the name of its log, witness or owner."""
    return canonical.encode(
        {
            "format": "mumetal-public/1",
            "name": name,
            "key_id": public.key_id,
            "ed25519": base64.b64encode(public.ed25519).decode(),
            "ml_dsa_87": base64.b64encode(public.ml_dsa_87).decode(),
        }
    ) + b"\n"  # fmt: skip


def decode(data: bytes, where: str = "public key") -> tuple[str, HybridPublicKey]:
    """Read (name, key).

    Raises:
        BadInputError: It is no public key, or not the one that its id says.
    """
    try:
        raw = msgspec.convert(canonical.decode_json(data, MAX_PUBLIC, 2, where), _Public)
        public = HybridPublicKey(
            ed25519=base64.b64decode(raw.ed25519, validate=True),
            ml_dsa_87=base64.b64decode(raw.ml_dsa_87, validate=True),
        )
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a public key: {error}", where=where) from None
    except (binascii.Error, ValueError):
        raise BadInputError("a public key is base64", where=where) from None
    if public.key_id != raw.key_id:
        raise BadInputError("the key is not the one that its id says", where=where)
    return raw.name, public
