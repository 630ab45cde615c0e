"""Checks bytes against a manifest of expected SHA-256 digests.

Steps, each a refusal: (1) the artefact's URI is in the manifest; (2) the digest of its bytes is the one expected,
compared in constant time. The manifest itself must come from somewhere trusted (the installed package, today); a
digest says *unchanged*, never *who made it* – signatures take this port over later.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core.artefact import SHA256, Artefact
from mumetal.core.errors import BadInputError, RejectedError

MAX_MANIFEST_BYTES = 4 * 2**20
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Place = Annotated[str, Meta(min_length=1, max_length=4_096)]


class DigestVerifier:
    """A verifier for a fixed set of artefacts.

    Args:
        expected: Artefact URI to SHA-256, 64 hex digits.

    Raises:
        BadInputError: A digest is not 64 lower-case hex digits.
    """

    def __init__(self, expected: Mapping[str, str]) -> None:
        for uri, digest in expected.items():
            if not SHA256.fullmatch(digest):
                raise BadInputError("a manifest digest is 64 hex digits", where=uri[:200])
        self._expected = dict(expected)

    def verify(self, artefact: Artefact) -> None:
        """Return nothing when the bytes are the expected ones.

        Raises:
            RejectedError: Step 1, nothing is known of the artefact; or step 2, its bytes are others.
        """
        expected = self._expected.get(artefact.uri)
        if expected is None:
            raise RejectedError(
                "step 1: the manifest does not name it", where=artefact.uri[:200], hint="only listed artefacts load"
            )
        actual = hashlib.sha256(artefact.data).hexdigest()
        if not hmac.compare_digest(actual, expected):
            raise RejectedError(
                f"step 2: its SHA-256 is {actual[:16]}…, not {expected[:16]}…",
                where=artefact.uri[:200],
                hint="restore the original, or install again",
            )


def decode_manifest(text: bytes, where: str = "manifest") -> dict[str, str]:
    """Decode a manifest: a JSON object of name to SHA-256.

    Raises:
        BadInputError: Too long, not such an object, or a digest is malformed.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise BadInputError(f"a manifest has at most {MAX_MANIFEST_BYTES} bytes", where=where)
    try:
        return msgspec.json.decode(text, type=dict[Place, Digest])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"not a manifest: {error}"[:500], where=where) from None
