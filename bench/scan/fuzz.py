"""W8: mutated inputs into each parser of the scan, crashes and the slowest input.

The targets and seeds are those of ``tests/fuzz/test_fuzz_secrets.py``, which runs 2,000 to 10,000 of each in every test run; here a
million each, once, with another generator. A crash is any error but the one a parser declares; a hang is an input that
takes more than a second of processor time.
"""

import json
import random
import tempfile
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.fuzz.test_fuzz_secrets import SCANNER, SEEDS, fuzz_readers, fuzz_scanner, fuzz_source

from bench.figure import Figure, figure_of
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan import scanning

PIECES = (
    b"\0",
    b"\n",
    b"\xff",
    b'"',
    b"{",
    b"[",
    b"=",
    b"token = ",
    b"-----BEGIN PRIVATE KEY-----",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"eyJ",
    b"\\u0000",
    b"9" * 30,
)
CONFIG = (
    b'[tool.mumetal.scan]\nfail_on = "high"\nonly = ["secrets"]\nexclude = ["docs/"]\nbaseline = "b.json"\nmax_file_mib = 10\n',
    b'[scan]\nfail_on = "low"\nexclude = ["a/*"]\n[store]\ndirectory = "x"\n',
)


def text(data: bytes) -> None:
    """Places lie inside; every twentieth input goes on to a finding, whose fingerprint is slow on purpose."""
    for hit in SCANNER.hits(Artefact(uri="x", data=data)):
        assert 0 <= hit.start < hit.stop <= len(data)
    if data[:1] < b"\x0d":
        fuzz_scanner(data)


def config(folder: Path) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        for name in ("pyproject.toml", "mumetal.toml"):
            (folder / name).write_bytes(data)
            with suppress(BadInputError):
                scanning.load(folder)
            (folder / name).unlink()

    return target


def mutated(seed: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Change bytes, cut, repeat, splice pieces and other seeds in; at most 64 KiB."""
    data = bytearray(seed if rng.random() > 0.05 else rng.randbytes(rng.randrange(300)))
    for _ in range(rng.randrange(1, 7)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 | 1 if at < len(data):
                data[at] = rng.randrange(256)
            case 2:
                del data[at : at + rng.randrange(1, 40)]
            case 3:
                data[at:at] = rng.choice(PIECES)
            case 4:
                data[at:at] = data[at : at + rng.randrange(1, 30)] * rng.randrange(1, 6)
            case _:
                other = rng.choice(others)
                data = data[:at] + other[rng.randrange(len(other)) :]
    return bytes(data[:65_536])


def run(target: Callable[[bytes], None], seeds: list[bytes], inputs: int, rng: random.Random) -> dict[str, object]:
    crashes, slowest, began = 0, 0.0, time.process_time()
    for _ in range(inputs):
        data = mutated(rng.choice(seeds), seeds, rng)
        start = time.process_time()
        try:
            target(data)
        except Exception:  # noqa: BLE001 - whatever it is, it is counted and shown
            crashes += 1
            if crashes <= 5:
                print(f"crash on {data[:400].hex()}\n{traceback.format_exc()}", flush=True)
        slowest = max(slowest, time.process_time() - start)
    return {
        "inputs": inputs,
        "crashes": crashes,
        "slowest s": round(slowest, 3),
        "CPU s": round(time.process_time() - began),
    }


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--inputs", type=int, default=1_000_000, help="mutated inputs per parser")
    parser.add_argument("--only", default="", help="parsers whose name holds this")


def run_bench(asked: Namespace) -> list[Figure]:
    """Throw the inputs and print a line per parser."""
    inputs, figures = min(asked.inputs, 10_000) if asked.quick else asked.inputs, []
    with tempfile.TemporaryDirectory() as scratch:
        targets = {
            "text": (text, SEEDS[fuzz_scanner]), "archive and notebook": (fuzz_source, SEEDS[fuzz_source]),
            "rules and baseline": (fuzz_readers, SEEDS[fuzz_readers]), "config": (config(Path(scratch)), list(CONFIG)),
        }  # fmt: skip
        for name, (target, seeds) in targets.items():
            if asked.only in name:
                told = run(target, seeds, inputs, random.Random(f"w8 {name}"))
                print(json.dumps({name: told}), flush=True)
                crashes = int(str(told["crashes"]))
                most = 0 if crashes or inputs >= 1_000_000 else None  # fewer, it can only be missed
                what = f"crashes on mutated inputs, {name}"
                figures.append(figure_of("W8", what, crashes, n=inputs, goal="0 in 10⁶", most=most))
    return figures
