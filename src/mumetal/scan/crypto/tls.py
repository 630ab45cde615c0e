"""Asks a TLS server what it would agree on, with a ClientHello of our own; no handshake is finished and no data are sent.

The hello offers TLS 1.3 with an empty list of key shares (RFC 8446, section 4.2.8), so that the server names the group it
prefers in a HelloRetryRequest, and TLS 1.2, so that an old server answers as well.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.scan.crypto.asset import Asset

# IANA TLS parameters, supported groups; the hybrids are those of draft-ietf-tls-ecdhe-mlkem.
GROUPS = {
    0x11EC: "X25519MLKEM768", 0x11EB: "SecP256r1MLKEM768", 0x11ED: "SecP384r1MLKEM1024",
    0x0201: "ML-KEM-768", 0x0202: "ML-KEM-1024",
    0x001D: "X25519", 0x0017: "ECDH-P-256", 0x0018: "ECDH-P-384", 0x0019: "ECDH-P-521", 0x001E: "X448",
    0x0100: "DH-2048", 0x0101: "DH-3072",
}  # fmt: skip
SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA", 0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
}  # fmt: skip
SCHEMES = (
    0x0403,
    0x0503,
    0x0603,
    0x0804,
    0x0805,
    0x0806,
    0x0401,
    0x0501,
    0x0601,
    0x0807,
    0x0808,
    0x0904,
    0x0905,
    0x0906,
)
VERSIONS = {0x0304: "TLS-1.3", 0x0303: "TLS-1.2", 0x0302: "TLS-1.1", 0x0301: "TLS-1.0", 0x0300: "SSL-3"}
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446, section 4.1.3
MAX_RECORD = 16_384 + 256
MAX_HELLO = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What a server would agree on.

    Args:
        version: ``"TLS-1.3"`` and so on.
        suite: IANA's name of the cipher suite, or its number in hex.
        group: Group for the key agreement; empty when the answer does not say.
        retried: Whether the server asked for a key share of that group.
    """

    version: str
    suite: str
    group: str = ""
    retried: bool = False


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(v.to_bytes(2, "big") for v in values)


def client_hello(host: str, random: bytes) -> bytes:
    """Return a record with our ClientHello.

    Args:
        host: Server name to ask for; left out when it is an address.
        random: 32 bytes.
    """
    extensions = [
        (0x000A, _vector(_numbers(tuple(GROUPS)), 2)),
        (0x000B, _vector(b"\x00", 1)),
        (0x000D, _vector(_numbers(SCHEMES), 2)),
        (0x002B, _vector(_numbers((0x0304, 0x0303)), 1)),
        (0x002D, _vector(b"\x01", 1)),
        (0x0033, _vector(b"", 2)),
    ]
    if host and not host.replace(".", "").isdigit() and ":" not in host:
        name = host.encode("idna")
        extensions.insert(0, (0x0000, _vector(b"\x00" + _vector(name, 2), 2)))
    body = b"".join(kind.to_bytes(2, "big") + _vector(data, 2) for kind, data in extensions)
    hello = b"\x03\x03" + random + _vector(b"", 1) + _vector(_numbers(tuple(SUITES)), 2) + _vector(b"\x00", 1)
    message = b"\x01" + _vector(hello + _vector(body, 2), 3)
    return b"\x16\x03\x01" + _vector(message, 2)


def server_hello(message: bytes, where: str = "server") -> Agreed:
    """Read a ServerHello or HelloRetryRequest, without its record.

    Raises:
        BadInputError: It is neither.
    """
    try:
        if message[0] != 2 or int.from_bytes(message[1:4], "big") + 4 > len(message):
            raise BadInputError("the server's answer is no whole ServerHello", where=where)
        body = message[4 : 4 + int.from_bytes(message[1:4], "big")]
        version, random = int.from_bytes(body[:2], "big"), body[2:34]
        at = 35 + body[34]
        suite = int.from_bytes(body[at : at + 2], "big")
        if len(body) < at + 3:
            raise BadInputError("the ServerHello is cut short", where=where)
        group = 0
        for kind, data in _extensions(body[at + 3 :], where):
            if kind == 0x002B and len(data) == 2:
                version = int.from_bytes(data, "big")
            elif kind == 0x0033 and len(data) >= 2:
                group = int.from_bytes(data[:2], "big")
    except IndexError:
        raise BadInputError("the ServerHello is cut short", where=where) from None
    return Agreed(
        version=VERSIONS.get(version, f"0x{version:04x}"),
        suite=SUITES.get(suite, f"0x{suite:04x}"),
        group=GROUPS.get(group, f"0x{group:04x}") if group else "",
        retried=random == RETRY,
    )


def _extensions(data: bytes, where: str) -> Iterator[tuple[int, bytes]]:
    if not data:
        return
    rest = data[2 : 2 + int.from_bytes(data[:2], "big")]
    while rest:
        length = int.from_bytes(rest[2:4], "big")
        if len(rest) < 4 + length:
            raise BadInputError("an extension is cut short", where=where)
        yield int.from_bytes(rest[:2], "big"), rest[4 : 4 + length]
        rest = rest[4 + length :]


def probe(host: str, port: int, random: bytes, *, timeout_s: float = 5.0) -> Agreed:
    """Ask a server what it would agree on.

    Args:
        host: Name or address.
        port: TCP port.
        random: 32 bytes for the hello.
        timeout_s: Longest wait for each answer, s.

    Raises:
        UnavailableError: Nobody answers.
        BadInputError: What answers does not speak TLS, or refuses everything offered.
    """
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as line:
            line.sendall(client_hello(host, random))
            return server_hello(_first_message(line, where), where)
    except (OSError, UnicodeError) as error:
        raise UnavailableError(f"no answer: {str(error)[:120]}", where=where, hint="is the endpoint up?") from None


def _first_message(line: socket.socket, where: str) -> bytes:
    """Return the first handshake message, put together from its records."""
    message = b""
    while len(message) < MAX_HELLO:
        head = _exactly(line, 5, where)
        length = int.from_bytes(head[3:5], "big")
        if length > MAX_RECORD or head[0] not in {0x15, 0x16} or head[1] != 3:
            raise BadInputError("this is no TLS", where=where)
        body = _exactly(line, length, where)
        if head[0] == 0x15:
            raise BadInputError(
                f"the server refuses everything offered (alert {body[1] if len(body) > 1 else '?'})", where=where
            )
        message += body
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return message
    raise BadInputError("the server's answer does not end", where=where)


def _exactly(line: socket.socket, count: int, where: str) -> bytes:
    data = b""
    while len(data) < count:
        piece = line.recv(count - len(data))
        if not piece:
            raise BadInputError("the server hung up before its answer was whole", where=where)
        data += piece
    return data


def assets(agreed: Agreed, where: str) -> Iterator[Asset]:
    """Yield what an endpoint uses: the protocol, and the key agreement where the answer names it."""
    yield Asset(kind="protocol", name=agreed.version, use="protocol", where=where, note=agreed.suite, exposed=True)
    group = agreed.group
    if not group and "_RSA_WITH_" in agreed.suite and "ECDHE" not in agreed.suite:
        group = "RSA-unknown"
    elif not group and "ECDHE" in agreed.suite:
        group = "ECDH-unknown"
    if group:
        yield Asset(kind="algorithm", name=group, use="key-agreement", where=where, note=agreed.suite, exposed=True)
