"""CycloneDX 1.6 ML-BOM: the model as a component with its card, its data and its ancestors by digest.

https://cyclonedx.org/docs/1.6/json/. The serial number is made from the version, so that the same version always gives
the same document.
"""

import json
import uuid
from datetime import UTC, datetime

from mumetal.formats.canonical import Plain
from mumetal.trust.models.manifest import Manifest
from mumetal.trust.models.record import Version
from mumetal.trust.models.report import GateReport

NAMESPACE = uuid.UUID("6f1c1f0e-5f3c-5d0e-9d55-6d756d65746c")


def mlbom(manifest: Manifest, version: Version, report: GateReport | None, tool_version: str) -> bytes:
    """Return the document as indented JSON.

    Args:
        manifest: What is promised.
        version: Where it stands.
        report: What the gates said; None before.
        tool_version: Mumetal's own.
    """
    ref = f"model:{manifest.name}@{version.version}"
    parents = [f"model:{manifest.name}@{p}" for p in manifest.parents]
    data = [f"data:{d.digest}" for d in manifest.data]
    components: list[Plain] = [
        {
            "type": "data",
            "bom-ref": f"data:{d.digest}",
            "name": d.uri,
            "hashes": [{"alg": "SHA-256", "content": d.digest}],
            "data": [{"type": "dataset", "name": d.use}],
        }
        for d in manifest.data
    ]
    components += [
        {"type": "machine-learning-model", "bom-ref": at, "name": manifest.name, "version": at.partition("@")[2]}
        for at in parents
    ]
    document: dict[str, Plain] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, version.version)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(version.since_ns) / 1e9, UTC).isoformat(timespec="seconds"),
            "tools": {"components": [{"type": "application", "name": "mumetal", "version": tool_version}]},
            "component": {
                "type": "machine-learning-model",
                "bom-ref": ref,
                "name": manifest.name,
                "version": version.version,
                "description": manifest.purpose,
                "authors": [{"name": manifest.owner}],
                "hashes": [
                    {"alg": "SHA-256", "content": manifest.sha256},
                    {"alg": "SHA-384", "content": manifest.sha384},
                ],
                "modelCard": _card(manifest, report, data),
                "properties": _properties(manifest, version),
            },
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted({*data, *parents})}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _card(manifest: Manifest, report: GateReport | None, data: list[str]) -> dict[str, Plain]:
    metrics: list[Plain] = [{"type": m.name, "value": f"{m.value:.6g}"} for m in manifest.metrics]
    for said in report.outcomes if report else ():
        metrics += [{"type": f"{said.gate}.{f.name}", "value": f"{f.value:.6g}"} for f in said.figures]
    return {
        "modelParameters": {
            "task": "anomaly scoring",
            "datasets": [{"ref": at} for at in dict.fromkeys(data)],
            "inputs": [{"format": f"{i.channel} [{i.unit}], {i.lowest:g} to {i.highest:g}"} for i in manifest.inputs],
            "outputs": [{"format": "one score a row; higher is more anomalous"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": {"useCases": [manifest.purpose], "technicalLimitations": [manifest.card or "none stated"]},
    }


def _properties(manifest: Manifest, version: Version) -> list[Plain]:
    pairs = {
        "mumetal:state": version.state.value,
        "mumetal:format": manifest.kind.value,
        "mumetal:code": manifest.code,
        "mumetal:seeds": " ".join(map(str, manifest.seeds)),
        "mumetal:trainer": manifest.trainer,
        "mumetal:touches_hardware": str(manifest.touches_hardware).lower(),
    }
    approvals = [("mumetal:approved", f"{a.target.value} by {a.approver}") for a in version.approvals]
    refused = [
        ("mumetal:refused", f"{r.why}; answered by {r.answered_by or 'nobody'}"[:1_000]) for r in version.refusals
    ]
    return [{"name": name, "value": value} for name, value in (*pairs.items(), *refused, *approvals)]
