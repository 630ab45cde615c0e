"""The scanner over circuits: OpenQASM 2 and 3, QPY, and the JSON of SDKs."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import NO_DEVICE, Subject
from mumetal.formats import circuit_json, openqasm, qpy
from mumetal.formats.circuit import Circuit
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign
from mumetal.scan.place import Place, time_of

if TYPE_CHECKING:
    from mumetal.core.snapshot import DeviceSnapshot

SAFE_QPY = 13
MAX_FINDINGS = 500
JSON_MARKS = (b"cirq_type", b"braketSchemaHeader", b'"experiments"', b'"instructions"')


class CircuitScanner:
    """Finds circuits that look like attacks on a neighbour, on the device or on their reader.

    Args:
        device: Coupling map and calibration of the device that they will run on; qubits are numbered as there.
        others: Qubits of that device that belong to other tenants.
    """

    info = PluginInfo(
        plugin_id="scan.circuits",
        title="Circuits that look like attacks",
        reference="OpenQASM 2 (arXiv 1707.03429), OpenQASM 3 (arXiv 2104.14722), QPY, Qobj, Cirq and Braket JSON",
        techniques=("impair.crosstalk_hammering", "execution.malicious_payload", "collection.crosstalk_side_channel"),
    )

    def __init__(self, device: "DeviceSnapshot | None" = None, others: Collection[int] = ()) -> None:
        self._around = Surroundings(device, frozenset(others))

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what is wrong with one file; files without circuits are passed over.

        Raises:
            BadInputError: It is a circuit's file and cannot be read.
        """
        path = artefact.uri.partition("#")[0].lower()
        if qpy.is_qpy(artefact.data):
            yield from self._qpy(artefact)
            return
        circuits: tuple[Circuit, ...] = ()
        if path.endswith((".qasm", ".qasm3", ".oq3", ".inc")) or artefact.data[:2_000].lstrip().startswith(b"OPENQASM"):
            circuits = (openqasm.decode(artefact.data, artefact.uri),)
        elif path.endswith(".json") and any(mark in artefact.data for mark in JSON_MARKS):
            circuits = circuit_json.decode(artefact.data, artefact.uri)
        told = 0
        for number, circuit in enumerate(circuits):
            for rule, sign in self.signs(circuit):
                name = f"circuit {number}: " if len(circuits) > 1 else ""
                yield self._finding(artefact, rule, sign, name, told)
                told += 1
                if told >= MAX_FINDINGS:
                    return

    def signs(self, circuit: Circuit) -> Iterator[tuple[CircuitRule, Sign]]:
        """Yield every rule's signs in one circuit."""
        from mumetal.scan.circuits.rules import CIRCUIT_RULES  # they reckon with matrices: NumPy waits for a circuit

        for _, rule in CIRCUIT_RULES:
            for sign in rule.look(circuit, self._around):
                yield rule, sign

    def _finding(self, artefact: Artefact, rule: CircuitRule, sign: Sign, name: str, number: int) -> Finding:
        line = max(sign.line, 1)
        start = time_of(artefact)
        device = self._around.device
        return Finding(
            tenant=artefact.tenant,
            subject=Subject.path(artefact.uri, device.device if device else NO_DEVICE),
            rule=rule.rule_id,
            identity=f"line {line} circuit {number}",
            title=rule.title,
            detail=f"{artefact.uri}:{line}: {name}{sign.detail} {rule.why}"[:4_000],
            remedy=rule.remedy,
            start_ns=start,
            stop_ns=start,
            severity=sign.severity or rule.severity,
            confidence=rule.confidence if sign.confidence is None else sign.confidence,
            techniques=rule.techniques,
            evidence=(
                Evidence(
                    uri=Place(path=artefact.uri, line=line).uri,
                    digest=artefact.digest,
                    note=f"qubits {', '.join(map(str, sign.qubits[:20]))}" if sign.qubits else "",
                ),
            ),
        )

    def _qpy(self, artefact: Artefact) -> Iterator[Finding]:
        read = qpy.decode(artefact.data, artefact.uri)
        if read.version >= SAFE_QPY:
            return
        worse = read.symbolic != "symengine"
        start = time_of(artefact)
        yield Finding(
            tenant=artefact.tenant,
            subject=Subject.path(artefact.uri),
            rule="scan.circuits.old_qpy",
            identity="header",
            title=f"QPY of format {read.version}, which can carry code",
            detail=(
                f"{artefact.uri}: format {read.version} by qiskit {'.'.join(map(str, read.writer))}, {read.programs} programs, "
                f"expressions in {read.symbolic}. Formats below {SAFE_QPY} let a reader before qiskit 1.4.2 run code from "
                "the file (CVE-2025-2000) or crash (CVE-2025-1403)."
            ),
            remedy="Refuse it, or convert it in a sandbox with qiskit 1.4.2 to 2.x and keep the new file.",
            start_ns=start,
            stop_ns=start,
            severity=Severity.HIGH,
            confidence=0.8 if worse else 0.6,
            techniques=("execution.malicious_payload",),
            evidence=(Evidence(uri=f"file:{artefact.uri}#L1", digest=artefact.digest, note="header"),),
        )
