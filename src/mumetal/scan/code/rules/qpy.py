"""qpy.load on payloads whose format nobody looked at."""

from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

LOADERS = ("qiskit.qpy.load", "qiskit.circuit.qpy_serialization.load", "qiskit.qpy.interface.load")
CHECKS = ("get_qpy_version", "read_qpy", "qpy_structure")


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name not in LOADERS:
            continue
        origin = call.origin(call.argument(0, "file_obj"))
        if origin < Origin.NETWORK and not (source.is_runtime and origin is not Origin.OWN):
            continue
        if any(name.endswith(CHECKS) for name in call.flow.functions_called()):
            continue
        yield Hit(
            node=call.node,
            detail=f"qpy.load reads what comes from {origin.words} without a look at its format.",
            severity=Severity.HIGH if origin is Origin.JOB else Severity.MEDIUM,
            confidence=0.9 if origin is Origin.JOB else 0.7,
        )


RULE = CodeRule(
    rule_id="scan.code.qpy_load",
    title="Loads QPY of any format",
    why="Formats below 13 carry symengine or sympy expressions; with qiskit before 1.4.2 loading one could run code.",
    bad="import io\nfrom qiskit import qpy\ndef handle_job(job):\n    return qpy.load(io.BytesIO(job['qpy']))\n",
    good=(
        "import io\nfrom qiskit import qpy\ndef handle_job(job):\n    file = io.BytesIO(job['qpy'])\n"
        "    if qpy.get_qpy_version(file) < 13:\n        raise ValueError('old QPY')\n    return qpy.load(file)\n"
    ),
    remedy="Refuse formats below 13 first (qpy.get_qpy_version), bound the size, and run qiskit 1.4.2, 2.0.0 or newer.",
    reference="CVE-2025-2000, GHSA-6m2c-76ff-6vrf; CVE-2025-1403",
    severity=Severity.HIGH,
    techniques=("execution.malicious_payload",),
    needs=(b"qpy",),
    look=_look,
)
