"""Cryptography in Python source: what is called, by its full name, and with which key size, curve or algorithm."""

import ast
import re
from collections.abc import Iterator

from mumetal.scan.code.source import Call, parse
from mumetal.scan.crypto.asset import Asset, Use

NEEDS = (b"hashlib", b"cryptography", b"Crypto", b"jwt", b"jose", b"ssl", b"paramiko", b"nacl")
_HASHES = {"md4": "MD4", "md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384",
           "sha512": "SHA-512", "sha3_256": "SHA3-256", "sha3_384": "SHA3-384", "sha3_512": "SHA3-512",
           "blake2b": "BLAKE2b", "blake2s": "BLAKE2s"}  # fmt: skip
_CURVES = {"SECP192R1": "P-192", "SECP224R1": "P-224", "SECP256R1": "P-256", "SECP384R1": "P-384", "SECP521R1": "P-521",
           "SECP256K1": "secp256k1"}  # fmt: skip
_CIPHERS = {"DES": "DES", "DES3": "3DES", "TripleDES": "3DES", "ARC4": "RC4", "ARC2": "RC2", "Blowfish": "Blowfish",
            "IDEA": "IDEA", "CAST": "CAST5", "CAST5": "CAST5", "AES": "AES", "ChaCha20": "ChaCha20"}  # fmt: skip
_PROTOCOLS = {"PROTOCOL_SSLv2": "SSL-2", "PROTOCOL_SSLv3": "SSL-3", "PROTOCOL_TLSv1": "TLS-1.0", "PROTOCOL_TLSv1_1": "TLS-1.1",
              "TLSv1": "TLS-1.0", "TLSv1_1": "TLS-1.1", "SSLv3": "SSL-3"}  # fmt: skip
_KEYS = {"ed25519": ("Ed25519", "signature"), "ed448": ("Ed448", "signature"), "x25519": ("X25519", "key-agreement"),
         "x448": ("X448", "key-agreement")}  # fmt: skip
_ASYMMETRIC = re.compile(r"^cryptography\.hazmat\.primitives\.asymmetric\.(\w+)\.")
_JWT_CURVES = {
    "ES256": "ECDSA-P-256",
    "ES384": "ECDSA-P-384",
    "ES512": "ECDSA-P-521",
    "EdDSA": "Ed25519",
    "none": "none",
}


def assets(text: bytes, where: str) -> Iterator[Asset]:
    """Yield the uses of cryptography in a module.

    Raises:
        BadInputError: It is no Python.
    """
    if not any(need in text for need in NEEDS):
        return
    source = parse(text, where)
    for call in source.calls:
        for name, use, kind in _called(call):
            yield Asset(
                kind="key" if kind else "algorithm",
                name=name,
                use=use,
                where=where,
                line=call.node.lineno,
                note=call.name,
            )
    for node, _ in source.of(ast.Attribute):
        assert isinstance(node, ast.Attribute)
        full = source.names.of(node)
        if full.startswith("ssl.") and node.attr in _PROTOCOLS:
            yield Asset(
                kind="protocol",
                name=_PROTOCOLS[node.attr],
                use="protocol",
                where=where,
                line=node.lineno,
                note=full[:200],
            )


def _called(call: Call) -> Iterator[tuple[str, Use, bool]]:
    """Yield (name, use, whether a key is made) of one call."""
    name = call.name
    last = name.rsplit(".", 1)[-1]
    if name.startswith("hashlib."):
        said = _text(call.argument(0, "name")).lower().replace("-", "") if last == "new" else last
        if said in _HASHES and not _harmless(call):
            yield _HASHES[said], "hash", False
    elif found := _ASYMMETRIC.match(name):
        yield from _asymmetric(call, found[1], last)
    elif name.startswith(("Crypto.PublicKey.RSA.generate", "Cryptodome.PublicKey.RSA.generate")):
        yield f"RSA-{_number(call.argument(0, 'bits'))}", "signature", True
    elif name.startswith(("Crypto.PublicKey.DSA.generate", "Cryptodome.PublicKey.DSA.generate")):
        yield f"DSA-{_number(call.argument(0, 'bits'))}", "signature", True
    elif name.startswith("paramiko.RSAKey.generate"):
        yield f"RSA-{_number(call.argument(0, 'bits'))}", "signature", True
    elif name.startswith(("Crypto.Cipher.", "Cryptodome.Cipher.")) and last == "new":
        cipher = name.split(".")[2]
        if cipher in _CIPHERS:
            yield _CIPHERS[cipher], "encryption", False
    elif name.startswith("cryptography.hazmat.") and ".ciphers.algorithms." in name and last in _CIPHERS:
        yield _CIPHERS[last], "encryption", False
    elif name.startswith("cryptography.hazmat.primitives.hashes.") and last.lower() in _HASHES:
        yield _HASHES[last.lower()], "hash", False
    elif last in {"encode", "decode"} and name.split(".")[0] in {"jwt", "jose"}:
        yield from _token(call, last)


def _asymmetric(call: Call, module: str, last: str) -> Iterator[tuple[str, Use, bool]]:
    if module in {"rsa", "dsa"} and last == "generate_private_key":
        size = call.argument(1, "key_size") if module == "rsa" else call.argument(0, "key_size")
        yield f"{module.upper()}-{_number(size)}", "signature", True
    elif module == "ec" and last == "generate_private_key":
        curve = call.argument(0, "curve")
        node = curve.func if isinstance(curve, ast.Call) else curve
        said = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        yield f"ECDSA-{_CURVES.get(said, 'unknown')}", "signature", True
    elif module == "dh" and last == "generate_parameters":
        yield f"DH-{_number(call.argument(1, 'key_size'))}", "key-agreement", True
    elif module in _KEYS and last == "generate":
        algorithm, use = _KEYS[module]
        yield algorithm, "key-agreement" if use == "key-agreement" else "signature", True
    elif module in {"mlkem", "mldsa"} and last == "generate":
        yield "ML-KEM" if module == "mlkem" else "ML-DSA", "key-agreement" if module == "mlkem" else "signature", True


def _token(call: Call, last: str) -> Iterator[tuple[str, Use, bool]]:
    said = call.argument(2, "algorithm") if last == "encode" else call.keyword("algorithms")
    parts = said.elts if isinstance(said, ast.List | ast.Tuple | ast.Set) else [said] if said is not None else []
    for part in parts:
        algorithm = _text(part)
        if algorithm in _JWT_CURVES:
            yield _JWT_CURVES[algorithm], "signature", False
        elif algorithm[:2] in {"RS", "PS"} and algorithm[2:].isdigit():
            yield "RSA-unknown", "signature", False


def _harmless(call: Call) -> bool:
    """Whether the program says that the hash protects nothing."""
    said = call.keyword("usedforsecurity")
    return isinstance(said, ast.Constant) and said.value is False


def _number(node: ast.expr | None) -> str:
    return str(node.value)[:6] if isinstance(node, ast.Constant) and type(node.value) is int else "unknown"


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
