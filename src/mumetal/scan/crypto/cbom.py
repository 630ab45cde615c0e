"""The inventory as a CycloneDX 1.7 bill of cryptographic materials (ECMA-424)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.crypto import (
    AlgorithmProperties,
    CertificateProperties,
    CryptoAssetType,
    CryptoPrimitive,
    CryptoProperties,
    ProtocolProperties,
    ProtocolPropertiesType,
    RelatedCryptoMaterialProperties,
    RelatedCryptoMaterialType,
)
from cyclonedx.output.json import JsonV1Dot7

from mumetal.scan.crypto.asset import Verdict

_PRIMITIVES = {
    "signature": CryptoPrimitive.SIGNATURE, "code-signing": CryptoPrimitive.SIGNATURE, "hash": CryptoPrimitive.HASH,
    "key-agreement": CryptoPrimitive.KEY_AGREE,
}  # fmt: skip
# NIST's security categories: 1, 3 and 5 are AES-128, AES-192 and AES-256 (FIPS 203, FIPS 204).
_LEVELS = {"512": 1, "768": 3, "1024": 5, "44": 2, "65": 3, "87": 5}


def encode(verdicts: Iterable[Verdict], *, t_ns: int, serial: UUID) -> str:
    """Return the bill as JSON.

    Args:
        verdicts: The inventory, judged.
        t_ns: When it was made, nanoseconds since 1970 UTC.
        serial: The bill's own number.
    """
    groups: dict[tuple[str, str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        a = verdict.asset
        own = a.where if a.kind in {"certificate", "protocol"} else ""  # two of one name are two
        groups.setdefault((a.kind, a.name, a.use, own), []).append(verdict)
    bom = Bom(serial_number=serial, components=[_component(n, g) for n, (_, g) in enumerate(sorted(groups.items()), 1)])
    bom.metadata.timestamp = datetime.fromtimestamp(t_ns / 1e9, UTC)
    return JsonV1Dot7(bom).output_as_string(indent=1)


def _component(number: int, group: list[Verdict]) -> Component:
    first = group[0]
    spots = {(v.asset.where, v.asset.line): v for v in group}
    library = first.asset.kind == "library"
    kind, name, version = [*first.asset.name.split(" ", 2), "", ""][:3] if library else ("", first.asset.name, "")
    return Component(
        name=name,
        version=version or None,
        group=kind or None,
        type=ComponentType.LIBRARY if library else ComponentType.CRYPTOGRAPHIC_ASSET,
        bom_ref=BomRef(f"crypto-{number}"),
        crypto_properties=None if library else _properties(first),
        evidence=ComponentEvidence(
            occurrences=[
                Occurrence(bom_ref=f"crypto-{number}-{i}", location=where, line=line or None)
                for i, (where, line) in enumerate(sorted(spots), 1)
            ]
        ),
        properties=[
            Property(name="mumetal:status", value=first.status),
            Property(name="mumetal:use", value=first.asset.use),
            Property(name="mumetal:until", value=str(first.until or "")),
            Property(name="mumetal:replacement", value=first.replacement),
        ],
    )


def _properties(verdict: Verdict) -> CryptoProperties:
    asset = verdict.asset
    if asset.kind == "certificate":
        return CryptoProperties(
            asset_type=CryptoAssetType.CERTIFICATE,
            certificate_properties=CertificateProperties(
                subject_name=asset.note.partition(";")[0] or None,
                not_valid_after=datetime.fromtimestamp(asset.ends_ns // 10**9, UTC) if asset.ends_ns else None,
                certificate_format="X.509",
            ),
        )
    if asset.kind == "protocol":
        kind, _, version = asset.name.partition("-")
        known = ProtocolPropertiesType.TLS if kind in {"TLS", "SSL"} else ProtocolPropertiesType.OTHER
        return CryptoProperties(
            asset_type=CryptoAssetType.PROTOCOL,
            protocol_properties=ProtocolProperties(type=known, version=version or None),
        )
    if asset.kind == "key":
        private = asset.note.startswith("private")
        return CryptoProperties(
            asset_type=CryptoAssetType.RELATED_CRYPTO_MATERIAL,
            related_crypto_material_properties=RelatedCryptoMaterialProperties(
                type=RelatedCryptoMaterialType.PRIVATE_KEY if private else RelatedCryptoMaterialType.PUBLIC_KEY
            ),
        )
    kem = "ML-KEM" in asset.name or "MLKEM" in asset.name
    primitive = CryptoPrimitive.KEM if kem else _PRIMITIVES.get(asset.use, CryptoPrimitive.OTHER)
    level = 0 if verdict.status in {"broken", "broken-by-quantum"} else _LEVELS.get(asset.name.rsplit("-", 1)[-1])
    return CryptoProperties(
        asset_type=CryptoAssetType.ALGORITHM,
        algorithm_properties=AlgorithmProperties(
            primitive=primitive,
            parameter_set_identifier=asset.name.rsplit("-", 1)[-1] if "-" in asset.name else None,
            classical_security_level=asset.strength or None,
            nist_quantum_security_level=level,
        ),
    )
