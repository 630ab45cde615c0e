"""TLS 1.3 with the OpenSSL that ``cryptography`` brings, so that a door agrees on ML-KEM where Python's own OpenSSL cannot.

uvicorn speaks TLS through Python's ``ssl``, which is built with the system's OpenSSL: hybrid key agreement (X25519MLKEM768)
needs 3.5 there. pyOpenSSL speaks with the one in the wheel of ``cryptography``, so a connection goes this way:

1. bytes from the socket go into OpenSSL's memory; what OpenSSL answers goes to the socket;
2. until its handshake is done, the client's certificate verified in it, nothing inside hears of a connection;
3. then the protocol inside gets plain text, and a transport that seals what it writes;
4. no session is resumed: every connection shows its certificate.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

HANDSHAKE_S = 15.0
PIECE = 65_536


def server_context(certificate: str, key: str, client_ca: str) -> SSL.Context:
    """Return the context of a door that lets in certificates of one authority.

    Args:
        certificate: PEM file with the server's chain.
        key: PEM file with its private key, not encrypted.
        client_ca: PEM file with the authority.

    Raises:
        SSL.Error: A certificate cannot be used, or the key is not its own.
        OSError: A file cannot be read.
        ValueError: The key is none.
        TypeError: The key is encrypted, and nobody is there to ask; or of a kind that is not known.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate_chain_file(certificate)
    private = load_pem_private_key(Path(key).read_bytes(), password=None)
    context.use_privatekey(private)  # type: ignore[arg-type]  # a kind it does not know is a TypeError
    context.check_privatekey()
    context.load_verify_locations(client_ca)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    return context


def agreed_group() -> str:
    """Return what this machine's doors and one of their own kind agree keys by: ``"X25519MLKEM768"`` where it is quantum-safe."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime(2026, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    door, client = SSL.Context(SSL.TLS_SERVER_METHOD), SSL.Context(SSL.TLS_CLIENT_METHOD)
    door.use_certificate(built.sign(key, SHA256()))
    door.use_privatekey(key)
    here, there = SSL.Connection(door, None), SSL.Connection(client, None)
    here.set_accept_state()
    there.set_connect_state()
    for _ in range(4):  # flights of a handshake
        for one, other in ((there, here), (here, there)):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            with suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(PIECE))
    return there.get_group_name() or "unknown"


class SealedTransport(asyncio.Transport):
    """What the protocol inside writes to.

    Args:
        under: The socket's transport.
        connection: Seals what is written.
    """

    def __init__(self, under: asyncio.Transport, connection: SSL.Connection) -> None:
        super().__init__()
        self._under, self._connection = under, connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  # asyncio's own signature
        """Return what the socket's transport knows, and ``sslcontext`` and ``peer_certificate``."""
        if name == "sslcontext":
            return self._connection.get_context()
        if name == "peer_certificate":
            return self._connection.get_peer_certificate(as_cryptography=True)
        return self._under.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Seal data and send it."""
        if data and not self._under.is_closing():
            self._connection.sendall(bytes(data))
            self.flush()

    def flush(self) -> None:
        """Send what OpenSSL has to say."""
        while not self._under.is_closing():
            try:
                self._under.write(self._connection.bio_read(PIECE))
            except SSL.WantReadError:
                return

    def close(self) -> None:
        """Say that this side ends, and close once all is sent."""
        if not self._under.is_closing():
            with suppress(SSL.Error):  # before the handshake, or after the other side broke it
                self._connection.shutdown()
            self.flush()
            self._under.close()

    def abort(self) -> None:
        """Close at once."""
        self._under.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._under.is_closing()

    def is_reading(self) -> bool:
        """Whether the socket is read."""
        return self._under.is_reading()

    def pause_reading(self) -> None:
        """Stop reading the socket."""
        self._under.pause_reading()

    def resume_reading(self) -> None:
        """Read the socket again."""
        self._under.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how much waits for the socket, bytes."""
        return self._under.get_write_buffer_size()


class SealedProtocol(asyncio.Protocol):
    """TLS between a socket and a protocol that hears plain text.

    Args:
        context: From :func:`server_context`.
        inside: Makes the protocol inside.
    """

    def __init__(self, context: SSL.Context, inside: Callable[[], asyncio.Protocol]) -> None:
        self._connection = SSL.Connection(context, None)
        self._connection.set_accept_state()
        self._inside, self._begin = inside(), False
        self._late: asyncio.TimerHandle | None = None
        self._sealed: SealedTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's first word, and not for ever."""
        assert isinstance(transport, asyncio.Transport)
        self._sealed = SealedTransport(transport, self._connection)
        self._late = asyncio.get_running_loop().call_later(HANDSHAKE_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take sealed bytes; hand on what is plain in them."""
        sealed = self._sealed
        assert sealed is not None
        try:
            self._connection.bio_write(data)
            if not self._begin:
                self._connection.do_handshake()
                self._established(sealed)
            while not sealed.is_closing():
                self._inside.data_received(self._connection.recv(PIECE))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:  # the client ended it
            sealed.close()
        except SSL.Error:  # no certificate, or none of ours; not TLS; or broken on the way: OpenSSL has the alert ready
            sealed.flush()
            sealed.close()
        sealed.flush()

    def _established(self, sealed: SealedTransport) -> None:
        self._begin = True
        if self._late is not None:
            self._late.cancel()
        self._inside.connection_made(sealed)

    def eof_received(self) -> bool | None:
        """Pass the end of the socket on."""
        return self._inside.eof_received() if self._begin else None

    def connection_lost(self, error: Exception | None) -> None:
        """Pass the end on, to whom the beginning was told."""
        if self._late is not None:
            self._late.cancel()
        if self._begin:
            self._inside.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass on that the socket is behind."""
        if self._begin:
            self._inside.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that it is not any more."""
        if self._begin:
            self._inside.resume_writing()
