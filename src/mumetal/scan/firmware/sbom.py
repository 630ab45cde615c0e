"""A software bill of materials of an image: CycloneDX 1.6, the image as firmware, its regions as files.

What is listed is what the bytes show: regions with their digests, and versions found in them. Libraries that left no
name in the image are not in it; only the maker's own build can list those.
"""

import uuid
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6

from mumetal.core.firmware import FirmwareImage

LISTED = frozenset({"code", "data", "frames", "content", "container"})
TOLD = frozenset(
    {"version", "module-version", "part", "idcode", "design", "date", "build-id", "machine", "certificate"}
)


def sbom(image: FirmwareImage, now_ns: int) -> str:
    """Return the bill as JSON; the same image and time give the same text.

    Args:
        image: The image.
        now_ns: When it was made, nanoseconds since 1970 UTC.
    """
    root = Component(
        name=image.uri.rsplit("/", 1)[-1] or image.uri,
        version=image.version or None,
        type=ComponentType.FIRMWARE,
        bom_ref=f"sha384:{image.sha384}",
        hashes=[
            HashType(alg=HashAlgorithm.SHA_384, content=image.sha384),
            HashType(alg=HashAlgorithm.SHA_256, content=image.sha256),
        ],
        properties=[
            Property(name="mumetal:format", value=image.format),
            *(Property(name="mumetal:board", value=image.board) for _ in range(bool(image.board))),
            *(Property(name=f"mumetal:{kind}", value=text) for kind, text in image.facts if kind in TOLD),
            *(Property(name="mumetal:unknowable", value=text) for text in image.unknowable),
        ],
    )
    for region in image.regions:
        if region.kind in LISTED:
            root.components.add(
                Component(
                    name=region.name,
                    type=ComponentType.FILE,
                    bom_ref=f"region:{region.name}",
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=region.sha256)],
                )
            )
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"sha384:{image.sha384}"))
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(now_ns / 1e9, UTC)
    return str(JsonV1Dot6(bom).output_as_string(indent=2))
