"""SSH: which algorithms a configuration allows, and which keys a host or a person has (public halves only)."""

import base64
import binascii
import re
from collections.abc import Iterator

from mumetal.scan.crypto.asset import Asset, Kind, Use

_OPTION = re.compile(
    r"^\s*(KexAlgorithms|HostKeyAlgorithms|PubkeyAcceptedAlgorithms|Ciphers|MACs)[\s=]+(\S+)", re.IGNORECASE
)
_KEY = re.compile(
    r"(?:^|\s)(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[\w@.-]+)\s+(AAAA[A-Za-z0-9+/]{16,16384}={0,2})"
)
_NAMES = (
    (re.compile(r"mlkem768x25519"), "X25519MLKEM768"),
    (re.compile(r"sntrup761x25519"), "sntrup761x25519"),
    (re.compile(r"curve25519"), "X25519"),
    (re.compile(r"ecdh-sha2-nistp(\d+)"), "ECDH-P-{}"),
    (re.compile(r"diffie-hellman-group1-"), "DH-1024"),
    (re.compile(r"diffie-hellman-group14-"), "DH-2048"),
    (re.compile(r"diffie-hellman-group16-"), "DH-4096"),
    (re.compile(r"diffie-hellman-group18-"), "DH-8192"),
    (re.compile(r"diffie-hellman-group-exchange"), "DH-unknown"),
    (re.compile(r"^ssh-dss"), "DSA-1024"),
    (re.compile(r"^(?:ssh-rsa|rsa-sha2)"), "RSA-unknown"),
    (re.compile(r"ed25519"), "Ed25519"),
    (re.compile(r"ecdsa-sha2-nistp(\d+)"), "ECDSA-P-{}"),
    (re.compile(r"^3des"), "3DES"),
    (re.compile(r"^arcfour"), "RC4"),
    (re.compile(r"^aes"), "AES"),
    (re.compile(r"^chacha20"), "ChaCha20"),
    (re.compile(r"hmac-md5"), "HMAC-MD5"),
    (re.compile(r"hmac-sha1"), "HMAC-SHA-1"),
    (re.compile(r"hmac-sha2-512"), "HMAC-SHA-512"),
    (re.compile(r"hmac-sha2-256"), "HMAC-SHA-256"),
)
_USES: dict[str, Use] = {"kexalgorithms": "key-agreement", "ciphers": "encryption", "macs": "hash"}
MAX_LINES = 200_000
MAX_NAMES = 100


def assets(text: bytes, where: str) -> Iterator[Asset]:
    """Yield what an SSH configuration allows and which public keys a file holds; lines that fit nothing are passed over."""
    for number, line in enumerate(text.decode(errors="replace").splitlines()[:MAX_LINES], 1):
        if found := _OPTION.match(line):
            if found[2][:1] == "-":  # a list of what is taken away
                continue
            use = _USES.get(found[1].lower(), "signature")
            for said in found[2].lstrip("+^").split(",")[:MAX_NAMES]:
                if name := name_of(said):
                    yield Asset(
                        kind="algorithm", name=name, use=use, where=where, line=number, note=said[:100], exposed=True
                    )
        for key in _KEY.finditer(line[:40_000]):
            kind: Kind = "key"
            yield Asset(
                kind=kind, name=_key_name(key[1], key[2]), use="signature", where=where, line=number, note=key[1]
            )


def name_of(said: str) -> str:
    """Return the canonical name of what SSH calls an algorithm; empty when it is not known."""
    for pattern, name in _NAMES:
        if found := pattern.search(said):
            return name.format(*found.groups())
    return ""


def _key_name(kind: str, blob: str) -> str:
    """Return a public key's name, an RSA key's with the length of its modulus (RFC 4253, section 6.6)."""
    if kind not in {"ssh-rsa", "ssh-dss"}:
        return name_of(kind)
    family = "RSA" if kind == "ssh-rsa" else "DSA"
    try:
        data = base64.b64decode(blob + "=" * (-len(blob) % 4))
    except (binascii.Error, ValueError):
        return f"{family}-unknown"
    fields: list[bytes] = []
    at = 0
    while at + 4 <= len(data) and len(fields) < 5:
        length = int.from_bytes(data[at : at + 4], "big")
        fields.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    index = 2 if kind == "ssh-rsa" else 1
    bits = int.from_bytes(fields[index], "big").bit_length() if len(fields) > index else 0
    return f"{family}-{bits}" if bits else f"{family}-unknown"
