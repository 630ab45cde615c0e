"""The certificates and keys inside an image, each as an artefact of its own, for the inventory of cryptography.

A root of trust that lies in a boot volume, a maker's public key, a private key that was left behind: they age like those
in files. Packed parts are unpacked first. Private keys are handed on as bytes and stay out of every text.
"""

import base64
import hashlib
from collections.abc import Iterator

from mumetal.core.artefact import Artefact
from mumetal.scan.firmware import contents
from mumetal.scan.firmware.contents import KeyMaterial
from mumetal.scan.firmware.inspect import draft_of

LINE = 64
LABELS = {"certificate": "CERTIFICATE", "public-key": "PUBLIC KEY"}


def artefacts(image: Artefact) -> Iterator[Artefact]:
    """Yield each certificate and key in an image once, as PEM (an SSH key as its line), in the order found.

    The uri is the image's, then ``!`` and a name that tells kind and digest and ends in ``.pem`` or ``.pub``, by which
    the readers of such files know what it is.

    Args:
        image: The image.

    Raises:
        BadInputError: It cannot be read; see ``inspect``.
    """
    seen: set[bytes] = set()
    for piece in (image.data, *draft_of(image).texts):
        certificates: list[bytes] = []
        for found in contents.keys(piece):
            digest = hashlib.sha256(found.data)
            own = any(found.data in c for c in certificates)  # a certificate's own key is told with it
            if found.kind == "certificate":
                certificates.append(found.data)
            if not own and digest.digest() not in seen:
                seen.add(digest.digest())
                yield _artefact(image, found, digest.hexdigest()[:16])


def _artefact(image: Artefact, found: KeyMaterial, digest: str) -> Artefact:
    ending = "pub" if found.form == "SSH" else "pem"
    return Artefact(
        tenant=image.tenant,
        uri=f"{image.uri[:4_000]}!{found.kind}-{digest}.{ending}",
        kind="certificate",
        data=_pem(found) if found.form == "DER" else found.data,
        facts=image.facts,
    )


def _pem(found: KeyMaterial) -> bytes:
    label, text = LABELS[found.kind], base64.b64encode(found.data).decode()
    lines = [text[i : i + LINE] for i in range(0, len(text), LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
