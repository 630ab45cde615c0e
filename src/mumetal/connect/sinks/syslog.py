"""Syslog over TCP and TLS: ``syslog:HOST:PORT`` and ``syslog+tls:HOST:PORT?ca=…&cert=…&key=…&name=…``.

Syslog has no acknowledgement, so each batch has a connection of its own: everything is sent, our side is closed, and
the batch counts as delivered only when the receiver has read to the end and closed its side in turn. A receiver that
dies with unread data resets the connection, and the batch is sent again. What the receiver does with what it has read
(a queue in memory, say) is its own affair. Many receivers end TLS without a ``close_notify``; such an end is accepted
once ours was sent, so an attacker on the path who drops our packets *and* forges the end can suppress a batch.
"""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from mumetal.connect.sinks.spec import SinkFactory, SinkSpec
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import PluginInfo, Sink
from mumetal.formats import ocsf_findings, syslog_lines

LONGEST_EVENT = 7_000  # with header and structured data below the 8,192 octets of RFC 5425 section 4.3.1
REFUSAL_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificates. The receiver's is always verified, against ``ca`` or the system's authorities.

    Args:
        ca: PEM file with the authorities that may sign the receiver's certificate; empty for the system's.
        cert: PEM file with our certificate; empty when the receiver asks for none.
        key: PEM file with our private key.
        name: Name the receiver's certificate must carry; empty for the host's.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    name: str = ""

    def context(self) -> ssl.SSLContext:
        """Return the client's context: TLS 1.2 or newer, certificate and name verified.

        Raises:
            BadInputError: A file cannot be read or is no PEM.
        """
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None, password=_no_password)
        except (OSError, ValueError) as error:
            raise BadInputError(f"cannot use the certificates: {error}", where="syslog+tls") from None
        return context


class Syslog:
    """Sends RFC 5424 messages whose text is an OCSF event.

    Args:
        host: Receiver's name or address.
        port: Receiver's port.
        tls: Certificates; None for plain TCP, which is for a relay on this machine.
        origin: HOSTNAME of the messages.
        version: Mumetal's version, for the events.
        timeout_s: Longest wait for one step (connect, send, end), s.

    Raises:
        BadInputError: The certificates cannot be used.
    """

    info = PluginInfo(
        plugin_id="connect.sinks.syslog",
        title="Syslog over TCP or TLS",
        reference="RFC 5424, RFC 5425, RFC 6587",
    )

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Tls | None = None,
        origin: str = "",
        version: str = "",
        timeout_s: float = 10.0,
    ) -> None:
        self._host, self._port = host, port
        self._name = (tls.name if tls else "") or host
        self._context = tls.context() if tls else None
        self._origin = origin or socket.gethostname()
        self._version = version
        self._timeout = timeout_s

    def deliver(self, items: Sequence[Finding | Incident]) -> None:
        """Send ``items`` and return once the receiver has read them all.

        Raises:
            UnavailableError: The receiver is away, is not who it should be, or went before it had read everything.
            BadInputError: An item cannot be encoded; nothing was sent.
        """
        data = b"".join(syslog_lines.framed(self._message(i)) for i in items)
        if not data:
            return
        where = f"{self._host}:{self._port}"
        try:
            with socket.create_connection((self._host, self._port), self._timeout) as plain:
                if self._context is None:
                    plain.sendall(data)
                    plain.shutdown(socket.SHUT_WR)
                    _await_end(plain)
                else:
                    self._send_tls(self._context, plain, data)
        except ssl.SSLCertVerificationError as error:
            raise UnavailableError(
                f"the receiver's certificate does not verify: {error.verify_message}",
                where=where,
                hint="check ca=, name= and the receiver's certificate; it is never skipped",
            ) from error
        except OSError as error:
            raise UnavailableError(f"syslog receiver: {error}", where=where) from error

    def close(self) -> None:
        """Nothing is held between batches."""

    def _send_tls(self, context: ssl.SSLContext, plain: socket.socket, data: bytes) -> None:
        with context.wrap_socket(plain, server_hostname=self._name) as secure:
            self._await_refusal(secure)
            secure.sendall(data)
            try:
                rest = secure.unwrap()  # sends close_notify and waits for the receiver's
            except ssl.SSLEOFError:  # the receiver closed without one, after reading ours: rsyslog does
                return
            _await_end(rest)

    @staticmethod
    def _await_refusal(secure: ssl.SSLSocket) -> None:
        """Give the receiver a moment to refuse our certificate: TLS 1.3 tells the client after the handshake only.

        Raises:
            OSError: It did: an alert, or it hung up.
        """
        before = secure.gettimeout()
        secure.settimeout(REFUSAL_S)
        try:
            said = secure.recv(1)
        except TimeoutError:
            secure.settimeout(before)
            return
        raise ConnectionError("it hung up after the handshake" if not said else "it talks, which no receiver does")

    def _message(self, item: Finding | Incident) -> bytes:
        text = ocsf_findings.encode(item, version=self._version, limit=LONGEST_EVENT).decode()
        if isinstance(item, Finding):
            t_ns, kind = item.stop_ns, "finding"
            facts = [
                ("id", item.finding_id),
                ("device", item.device),
                ("rule", item.rule),
                ("confidence", f"{item.confidence:.3f}"),
                ("explained", str(item.explained).lower()),
            ]
        else:
            t_ns, kind = (item.timeline[-1].t_ns if item.timeline else item.stop_ns), "incident"
            facts = [
                ("id", item.incident_id),
                ("device", item.device),
                ("state", item.state.value),
                ("priority", f"{item.priority:.3f}"),
                ("label", item.label.value),
            ]
        facts = [("tenant", item.tenant), ("severity", item.severity.name.lower()), *facts]
        return syslog_lines.message(
            severity=item.severity,
            t_ns=t_ns,
            host=self._origin,
            app="mumetal",
            kind=kind,
            data=[(name, value[:200]) for name, value in facts],
            text=text,
        )


def _await_end(plain: socket.socket) -> None:
    while plain.recv(4_096):
        pass


def _no_password() -> str:
    raise ValueError("the private key is encrypted, and there is nobody to ask for its password")


def _place(spec: SinkSpec) -> tuple[str, int]:
    host, _, port = spec.place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not 1 <= spec.whole(port) <= 65_535:
        raise BadInputError("a syslog sink needs a host and a port from 1 to 65535", where=spec.where)
    return host, int(port)


def _open(spec: SinkSpec) -> Sink:
    return Syslog(*_place(spec), version=spec.version)


def _open_tls(spec: SinkSpec) -> Sink:
    return Syslog(*_place(spec), tls=Tls(**spec.options), version=spec.version)


FACTORY = SinkFactory(info=Syslog.info, example="syslog:127.0.0.1:514", options={}, open=_open)
TLS_FACTORY = SinkFactory(
    info=Syslog.info,
    example="syslog+tls:collector:6514?ca=/etc/ssl/lab.pem",
    options={
        "ca": "authorities that may sign the receiver's certificate",
        "cert": "our certificate",
        "key": "our private key",
        "name": "name that the receiver's certificate must carry",
    },
    open=_open_tls,
)
