"""What there is to know of one rule of the scan: why, bad, good, reference, and for secrets how to revoke them."""

from collections.abc import Iterator

from msgspec import Struct

from mumetal.core.finding import Severity

_NAMES = {s.name.lower(): s for s in Severity}


class Card(Struct, frozen=True, kw_only=True):
    """One rule for a reader; what does not apply is empty.

    Args:
        rule: Its id.
        title: What is wrong, in one line.
        severity: OCSF scale; UNKNOWN where the place decides.
        why: What an attacker gains by it.
        bad: Example that is found.
        good: The same job done well.
        remedy: What to do.
        reference: Where it is written down.
        revoke: How the vendor takes such a secret back.
        rotate: How a new one is made.
        url: The vendor's own page on it.
    """

    rule: str
    title: str
    severity: Severity = Severity.UNKNOWN
    why: str
    bad: str = ""
    good: str = ""
    remedy: str = ""
    reference: str
    revoke: str = ""
    rotate: str = ""
    url: str = ""


# rules that are not listed in a registry, because one piece of code says only this
_SINGLE = (
    Card(
        rule="scan.code.grants",
        title="Grants more than any job needs",
        why="One stolen key or one hostile job then reaches everything.",
        bad='{"Effect": "Allow", "Action": "*", "Resource": "*"}',
        good='{"Effect": "Allow", "Action": "braket:CreateQuantumTask", "Resource": "arn:aws:braket:…:device/qpu/…"}',
        remedy="Name the actions, the resources and the people.",
        reference="CWE-732",
    ),
    Card(
        rule="scan.code.pickled_payload",
        title="A job's payload holds a pickle",
        severity=Severity.CRITICAL,
        why="A pickle is a program: whoever submits the job runs code with the rights of the runtime that loads it.",
        bad='{"__type__": "to_json", "__value__": "gASVKAAAAAAAAAB9…"}',
        good='{"__type__": "QuantumCircuit", "__value__": "eJwL9Az29gzhZ2BgYGZg…"}',
        remedy="Refuse the job.",
        reference="CWE-502; Python documentation of pickle",
    ),
    Card(
        rule="scan.circuits.old_qpy",
        title="QPY of a format that can carry code",
        severity=Severity.HIGH,
        why="Formats below 13 let a reader before qiskit 1.4.2 run code from the file.",
        bad="qpy.dump(circuit, file, version=12)",
        good="qpy.dump(circuit, file)",
        remedy="Refuse it, or convert it in a sandbox and keep the new file.",
        reference="CVE-2025-2000, GHSA-6m2c-76ff-6vrf",
    ),
    Card(
        rule="scan.crypto.broken",
        title="Cryptography that a classical computer breaks",
        why="What it protects is open, or can be forged, today.",
        bad="hashlib.md5(firmware)",
        good="hashlib.sha256(firmware)",
        remedy="`mumetal scan crypto` names the replacement of each use.",
        reference="NIST SP 800-131A revision 2, FIPS 180-4, RFC 8996",
    ),
    Card(
        rule="scan.crypto.broken-by-quantum",
        title="Cryptography that a quantum computer breaks",
        why="What is recorded today can be read once there is a large quantum computer; a signature can then be forged.",
        bad="x25519.X25519PrivateKey.generate()",
        good="mlkem.MLKEM768PrivateKey.generate()",
        remedy="`mumetal scan crypto` names the replacement and the year until which each use holds.",
        reference="NIST IR 8547 ipd (2024), NSA CNSA 2.0 (2022)",
    ),
    Card(
        rule="scan.firmware.promise",
        title="Firmware that breaks a promise of its own format",
        severity=Severity.HIGH,
        why="A checksum, a length or a signature in the image does not fit its bytes: it was altered or damaged.",
        remedy="Compare it with the vendor's own image: mumetal firmware diff.",
        reference="UG470, UG570, System V gABI, Devicetree 0.4, PI 1.8",
    ),
    Card(
        rule="scan.firmware.private-key",
        title="A private key lies open in a firmware image",
        severity=Severity.HIGH,
        why="Whoever holds the image can sign or decrypt as its owner.",
        remedy="Replace the key pair; keep the private half out of the image.",
        reference="CWE-321",
    ),
)


def cards() -> Iterator[Card]:
    """Yield every rule's card."""
    from mumetal.catalog.cves import weaknesses
    from mumetal.scan.circuits.rules import CIRCUIT_RULES
    from mumetal.scan.code.rules import CODE_RULES
    from mumetal.scan.secrets.rule import shipped

    for _, rule in (*CODE_RULES, *CIRCUIT_RULES):
        yield Card(
            rule=rule.rule_id,
            title=rule.title,
            severity=rule.severity,
            why=rule.why,
            bad=rule.bad,
            good=rule.good,
            remedy=rule.remedy,
            reference=rule.reference,
        )
    known = shipped()
    for secret in known.rules:
        advice = known.advice.get(secret.vendor)
        yield Card(
            rule=f"scan.secrets.{secret.id}",
            title=secret.title,
            severity=secret.level,
            why=f"Whoever reads it can act as its owner{f' at {secret.vendor}' if secret.vendor else ''}.",
            remedy="Revoke it, make a new one, and keep that out of the text: mumetal scan fix.",
            reference=f"CWE-798; the shape is {secret.evidence}{f', {secret.reference}' if secret.reference else ''}",
            revoke=advice.revoke if advice else "",
            rotate=advice.rotate if advice else "",
            url=advice.url if advice else "",
        )
    for weakness in weaknesses()[1]:
        yield Card(
            rule=f"scan.dependencies.{weakness.id}",
            title=weakness.title,
            severity=_NAMES[weakness.severity],
            why=weakness.title,
            bad=", ".join(
                f"{p} >= {s.introduced}, < {s.fixed}" for p in weakness.packages[:1] for s in weakness.affected
            ),
            good=", ".join(f"{p} >= {s.fixed}" for p in weakness.packages[:1] for s in weakness.affected),
            remedy=f"Update. Until then: {weakness.workaround}",
            reference=" ".join(weakness.references),
        )
    yield from _SINGLE


def card_of(rule: str) -> Card | None:
    """Return one rule's card; None for a rule of a plug-in that is not here."""
    return next((c for c in cards() if c.rule == rule), None)
