"""The scanner of firmware: promises that an image's own format makes and its bytes do not keep, keys that lie open."""

from collections.abc import Iterator

from mumetal.core.artefact import Artefact
from mumetal.core.finding import Finding, Severity
from mumetal.core.firmware import FirmwareImage
from mumetal.core.ports import PluginInfo
from mumetal.scan.firmware import diff
from mumetal.scan.firmware.inspect import format_of, inspect
from mumetal.scan.place import time_of


class FirmwareScanner:
    """Looks at artefacts of kind ``"firmware"``, and at files that start like a format it knows."""

    info = PluginInfo(
        plugin_id="scan.firmware",
        title="Firmware images against what their formats promise",
        reference="UG470; UG570; System V gABI; Devicetree 0.4; PI 1.8; PCI Firmware 3.3",
        techniques=diff.TECHNIQUES,
    )

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what is wrong with one image; other files yield nothing.

        Raises:
            BadInputError: The image is cut short or damaged.
        """
        if not artefact.data or (artefact.kind != "firmware" and format_of(artefact.data) == "raw"):
            return
        image = inspect(artefact)
        for change in alone(image):
            yield diff.finding(image, change, time_of(artefact), device=dict(artefact.facts).get("device", "-"))


def alone(image: FirmwareImage) -> tuple[diff.Change, ...]:
    """Return what an image shows without another to compare it with."""
    broken = tuple(f"{p.name}: {p.detail}" for p in image.promises if not p.held)
    keys = tuple(t for kind, t in image.facts if kind == "private-key")
    found = (
        diff.Change(rule="promise", severity=Severity.HIGH, confidence=0.9, items=broken),
        diff.Change(rule="private-key", severity=Severity.HIGH, confidence=0.8, items=keys),
    )
    return tuple(c for c in found if c.items)
