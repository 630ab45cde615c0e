"""Bytes from strangers: archives, notebooks, rule files, baselines, and texts for the scanner itself."""

import contextlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.place import place_of
from mumetal.scan.report import baseline
from mumetal.scan.secrets.rule import read_rules, shipped
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.scan.secrets.templates import fill
from mumetal.scan.sources import Limits, Stream

SCANNER = SecretScanner(SecretConfig())
LIMITS = Limits(chunk=4_096, unpacked=65_536, members=50)


def fuzz_scanner(data: bytes) -> None:
    """Any bytes give findings whose places lie inside them."""
    artefact = Artefact(uri="x", data=data)
    for hit in SCANNER.hits(artefact):
        assert 0 <= hit.start < hit.stop <= len(data)
    for finding in SCANNER.scan(artefact):
        assert place_of(finding.evidence[0].uri).line <= data.count(b"\n") + 1


def fuzz_source(data: bytes) -> None:
    """Any bytes come apart within bounds, without an error, whatever they are called."""
    for name in ("x.ipynb", "x.zip"):
        for artefact in Stream(io.BytesIO(data), name, t_ns=0, limits=LIMITS).blobs():
            assert len(artefact.data) <= 4 * LIMITS.chunk + LIMITS.unpacked


def fuzz_readers(data: bytes) -> None:
    """Rule files and baselines are read or refused."""
    for read in (lambda: read_rules([("x", data)]), lambda: baseline.decode(data, "x")):
        with contextlib.suppress(BadInputError):
            read()


def _seeds() -> dict[Callable[[bytes], None], list[bytes]]:
    rng = np.random.default_rng(0)
    texts = ["\n".join(fill(t, rng) for t in r.match).encode() for r in shipped().rules]
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", texts[0])
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
    book = {
        "cells": [{"cell_type": "code", "source": ["a"], "outputs": [{"text": "b", "data": {"text/plain": ["c"]}}]}]
    }
    return {
        fuzz_scanner: texts,
        fuzz_source: [zipped.getvalue(), tarred.getvalue(), json.dumps(book).encode()],
        fuzz_readers: [b'[[rule]]\nid = "a.b"\ntitle = "t"\ntoken = "x"\nmatch = []\n', baseline.encode(())],
    }


SEEDS = _seeds()


@pytest.mark.parametrize("target", SEEDS, ids=lambda t: t.__name__)
def test_mutations_are_survived(target: Callable[[bytes], None]) -> None:
    survives(target, 2_000 if target is fuzz_scanner else 10_000)


@pytest.mark.full
def test_ten_thousand_mutations_are_survived_by_the_scanner() -> None:
    survives(fuzz_scanner, 10_000)


def survives(target: Callable[[bytes], None], inputs: int) -> None:
    rng = np.random.default_rng(20261122)
    seeds = SEEDS[target]
    for number in range(inputs):
        data = bytearray(seeds[number % len(seeds)])
        if number % 10 == 0:
            data = bytearray(rng.bytes(int(rng.integers(0, 300))))
        for _ in range(int(rng.integers(1, 6))):
            if data:
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
        if number % 7 == 0:
            data = data[: int(rng.integers(len(data) + 1))]
        target(bytes(data))


@settings(max_examples=150)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_survived(data: bytes) -> None:
    for target in SEEDS:
        target(data)
