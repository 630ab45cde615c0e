"""The scanner over cryptography: what is in a file becomes assets, and what will not hold becomes findings."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from mumetal.catalog.crypto_timelines import Timelines, timelines
from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.scan.crypto import certificates, jose, libraries, python, ssh
from mumetal.scan.crypto.asset import Asset, Verdict, judge
from mumetal.scan.firmware import keys
from mumetal.scan.firmware.inspect import format_of
from mumetal.scan.place import Place, time_of

SSH_NAMES = {"sshd_config", "ssh_config", "known_hosts", "authorized_keys"}
MAX_BYTES = 8 * 2**20
MAX_ASSETS = 20_000


class CryptoScanner:
    """Finds cryptography that is broken, or that a quantum computer breaks.

    Args:
        known: Timelines; the packaged ones when omitted.
        least: Findings below this severity are left to the inventory, so that a scan of code stays quiet.
        firmware: Whether images are taken apart for the certificates and keys in them; the inventory does.
    """

    info = PluginInfo(
        plugin_id="scan.crypto",
        title="Cryptography that will not hold",
        reference="NIST IR 8547 ipd (2024); NSA CNSA 2.0 (2022)",
    )

    def __init__(
        self, known: Timelines | None = None, *, least: Severity = Severity.MEDIUM, firmware: bool = False
    ) -> None:
        self._known = known or timelines()
        self._least = least
        self._firmware = firmware

    def assets(self, artefact: Artefact) -> Iterator[Asset]:
        """Yield the uses of cryptography in one artefact, safe ones too.

        Raises:
            BadInputError: A part could not be read; what could was yielded before.
            UnavailableError: It holds certificates and the package ``cryptography`` is not installed.
        """
        if self._firmware and artefact.data and (artefact.kind == "firmware" or format_of(artefact.data) != "raw"):
            for inside in keys.artefacts(artefact):
                yield from self.assets(inside)
        if len(artefact.data) > MAX_BYTES:
            return
        path = PurePosixPath(artefact.uri.partition("#")[0].rpartition("!")[2])
        name = path.name.lower()
        if name.endswith((".py", ".pyw", ".pyi")) or (artefact.kind == "cell" and ("cell", "code") in artefact.facts):
            yield from python.assets(artefact.data, artefact.uri)
        if name in SSH_NAMES or name.endswith(".pub") or (name.startswith("ssh") and name.endswith(".conf")):
            yield from ssh.assets(artefact.data, artefact.uri)
        yield from libraries.assets(artefact.data, artefact.uri)
        if b"eyJ" in artefact.data or b'"kty"' in artefact.data[:200_000]:
            yield from jose.assets(artefact.data, artefact.uri)
        if name.endswith(certificates.SUFFIXES) or b"-----BEGIN CERTIFICATE" in artefact.data:
            yield from certificates.assets(artefact.data, artefact.uri)

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield a finding for each use that will not hold.

        Raises:
            BadInputError: A part could not be read; what could was yielded before.
        """
        try:
            for number, asset in enumerate(self.assets(artefact)):
                if number >= MAX_ASSETS:
                    raise BadInputError(f"more than {MAX_ASSETS} uses of cryptography", where=artefact.uri)
                verdict = libraries.verdict(asset) if asset.kind == "library" else judge(asset, self._known)
                if verdict.severity >= self._least:
                    yield _finding(artefact, verdict, number)
        except UnavailableError as error:  # the rest of the scan goes on without certificates
            raise BadInputError(error.message, where=error.where, hint=error.hint) from None


def _finding(artefact: Artefact, verdict: Verdict, number: int) -> Finding:
    asset = verdict.asset
    t_ns = time_of(artefact)
    ends = (
        f" Its use ends with {verdict.until} ({', '.join(dict.fromkeys(d.source for d in verdict.dates))})."
        if verdict.until
        else ""
    )
    return Finding(
        tenant=artefact.tenant,
        subject=Subject.path(artefact.uri),
        rule=f"scan.crypto.{verdict.status}",
        identity=f"asset {number}",
        title=f"{asset.name} for {asset.use.replace('-', ' ')}",
        detail=f"{asset.name} ({asset.note}): {verdict.reason}.{ends}",
        remedy=f"Use {verdict.replacement}." if verdict.replacement else "",
        start_ns=t_ns,
        stop_ns=t_ns,
        severity=verdict.severity,
        confidence=0.9,
        evidence=(Evidence(uri=Place(path=artefact.uri, line=asset.line or 1).uri, digest=artefact.digest),),
    )
