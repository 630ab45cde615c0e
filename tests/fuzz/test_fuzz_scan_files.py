"""Random and mutated bytes into what scan reads beside code: baselines, files to mend, certificates, SSH files, TLS answers."""

import json
import random
from contextlib import suppress

from mumetal.catalog import crypto_timelines
from mumetal.core.errors import BadInputError
from mumetal.scan.crypto import certificates, ssh, tls
from mumetal.scan.crypto import python as crypto_python
from mumetal.scan.fix import config, notebook, python
from mumetal.scan.fix.edit import Leak
from mumetal.scan.report import baseline

WORD = b"Qz7kP2vLm9kP2vLm9"
GOOD = (
    b'{"mumetal_baseline": 1, "known": [{"fingerprint": "00", "rule": "a", "path": "b", "reason": ""}]}',
    b'import os\n@f("Qz7kP2vLm9kP2vLm9")\ndef g(x=f"a{1}Qz7kP2vLm9kP2vLm9"):\n    """Qz7kP2vLm9kP2vLm9"""\n',
    b'a = 1\n[b]\nkey = "Qz7kP2vLm9kP2vLm9" # c\n',
    json.dumps(
        {"cells": [{"cell_type": "code", "source": ["%x\n", 'k = "Qz7kP2vLm9kP2vLm9"'], "outputs": []}]}
    ).encode(),
    b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
    b"KexAlgorithms curve25519-sha256\nh ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDEbQ== x\n",
    bytes.fromhex("0200002e0303") + tls.RETRY + bytes.fromhex("001301000006002b00020304"),
    b"import hashlib, jwt\nhashlib.new('md5')\njwt.decode(t, k, algorithms=['none'])\n",
    b'checked = "x"\n[[family]]\nid = "a"\npattern = "b"\nstatus = "safe"\n[[date]]\nsource = "s"\nsays = "t"\nyear = 2030\n',
)


def leaks(_where: str, data: bytes) -> list[Leak]:
    at = data.find(WORD)
    return [Leak(start=at, stop=at + len(WORD), name="KEY")] if at >= 0 else []


def fuzz_one(data: bytes) -> None:
    """Feed every reader; only ``BadInputError`` may come out, and a mended text holds the secret no more."""
    for read in (
        lambda: baseline.decode(data),
        lambda: notebook.fix(data, leaks),
        lambda: list(certificates.assets(data, "x.pem")),
        lambda: list(ssh.assets(data, "known_hosts")),
        lambda: tls.server_hello(data),
        lambda: list(crypto_python.assets(data, "x.py")),
        lambda: crypto_timelines.decode(data),
    ):
        with suppress(BadInputError):
            read()
    found = leaks("", data)
    if data.count(WORD) == len(found):
        with suppress(BadInputError):
            assert WORD not in python.fix(data, found)
        for kind in ("toml", "json", "yaml"):
            with suppress(BadInputError):
                assert WORD not in config.fix(data, found, kind)


def test_ten_thousand_inputs() -> None:
    rng = random.Random(11)
    for n in range(10_000):
        data = bytearray(GOOD[n % len(GOOD)]) if n % 10 else bytearray(rng.randbytes(60))
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randrange(1, 9)]
                case 2:
                    data[at:at] = bytes(rng.choices(b"[]{}\"'=.,0f#:@\n\\", k=rng.randrange(1, 6)))
                case _:
                    data = data[at:] + data[:at]
            data = data or bytearray(b"x")
        fuzz_one(bytes(data))
