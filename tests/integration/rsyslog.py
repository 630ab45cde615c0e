"""A real rsyslogd on loopback, unprivileged, and certificates made for it."""

import datetime as dt
import ipaddress
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TLS_DRIVERS = [
    Path("/usr/lib") / d / "rsyslog" / "lmnsd_gtls.so" for d in ("x86_64-linux-gnu", "aarch64-linux-gnu", "")
]


def tls_driver() -> bool:
    """Whether rsyslog-gnutls is installed."""
    return any(p.exists() for p in TLS_DRIVERS)


class Certificates:
    """An authority, a server and a client, on elliptic curves, valid for a day."""

    def __init__(self, folder: Path, name: str = "localhost") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.server, self.client = folder / "ca.pem", folder / "server.pem", folder / "client.pem"
        self.server_key, self.client_key = folder / "server.key", folder / "client.key"
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mumetal test authority")])
        ca = self._base(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self._write(self.ca, ca.add_extension(usage, True).sign(ca_key, hashes.SHA256()))
        for path, key_path, subject, purpose in (
            (self.server, self.server_key, name, ExtendedKeyUsageOID.SERVER_AUTH),
            (self.client, self.client_key, "mumetal", ExtendedKeyUsageOID.CLIENT_AUTH),
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
            names: list[x509.GeneralName] = [x509.DNSName(subject)]
            if subject == "localhost":
                names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            made = (
                self._base(who, ca_name, key)
                .add_extension(x509.SubjectAlternativeName(names), False)
                .add_extension(x509.ExtendedKeyUsage([purpose]), False)
                .sign(ca_key, hashes.SHA256())
            )
            self._write(path, made)
            key_path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )

    @staticmethod
    def _base(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class Rsyslogd:
    """One receiver; its queue is direct, so that what it has read is in the file."""

    def __init__(self, program: str, folder: Path, certificates: Certificates | None = None) -> None:
        self.program, self.folder = program, folder
        self.out = folder / "received.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        tls, driver = "", ""
        if certificates is not None:
            tls = (
                f'global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{certificates.ca}" '
                f'defaultNetstreamDriverCertFile="{certificates.server}" '
                f'defaultNetstreamDriverKeyFile="{certificates.server_key}")\n'
            )
            driver = 'streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"'
        self.config = folder / "rsyslog.conf"
        self.config.write_text(
            f'global(workDirectory="{folder}" maxMessageSize="16k")\n{tls}'
            'main_queue(queue.type="Direct")\n'
            f'module(load="imtcp" {driver})\n'
            'template(name="whole" type="string" string="%rawmsg%\\n")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{self.port}")\n'
            f'*.* action(type="omfile" file="{self.out}" template="whole" asyncWriting="off" flushOnTXEnd="on")\n'
        )

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [self.program, "-n", "-f", str(self.config), "-i", str(self.folder / "pid")]
        with (self.folder / "stderr").open("ab") as err:
            self.process = subprocess.Popen(command, stdout=err, stderr=err)
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            time.sleep(0.05)
        raise AssertionError("rsyslogd does not listen: " + (self.folder / "stderr").read_text())

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it."""
        if self.process is not None:
            os.kill(self.process.pid, how)
            self.process.wait(20)
            self.process = None

    def lines(self) -> list[str]:
        """What it has received."""
        return self.out.read_text().splitlines() if self.out.exists() else []


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
