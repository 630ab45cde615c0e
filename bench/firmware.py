"""T1 to T3 on real firmware: ``python -m bench.firmware FOLDER`` after ``scripts/fetch_firmware.py FOLDER``.

T1 verifies a 34 MB bitstream (hybrid signatures, version, ledger proof, SHA-384) against the SHA-384 alone.
T2 tampers with signed releases of every family. T3 puts implants into genuine updates (an older and a newer real image
of one file): *bare*, without a declaration, the rules being admitted on the other families at no more than one false
alarm in a hundred of their updates; and *declared*, where the maker says which regions and facts change (there a
genuine update raises nothing by construction, and the figure is recall only).
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import mean, median

import numpy as np

from bench import implants
from mumetal.core.artefact import Artefact
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.firmware import FirmwareImage
from mumetal.core.ports import LedgerEntry
from mumetal.scan.firmware.diff import DeclaredChange, changes
from mumetal.scan.firmware.inspect import inspect
from mumetal.trust.firmware.release import Release, sign, verify
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.keys.root import Role, TrustedKey, TrustRoot
from mumetal.trust.ledger import checkpoint, merkle
from mumetal.trust.ledger.log import MerkleLedger

YEAR = 365 * 86_400 * 10**9
FALSE_ALARMS = 0.01
PAIRS_PER_FAMILY = 10
ORDER = (
    "promise", "format", "rights", "identity", "padding", "trailer", "promise-new", "keys", "commands", "addresses",
    "regions",
)  # fmt: skip


def makers() -> tuple[list[SoftKey], TrustRoot]:
    keys = [SoftKey.generate(os.urandom) for _ in range(4)]
    now = time.time_ns()
    trusted = tuple(
        TrustedKey(public=k.public, owner=f"maker{i}", created_ns=now - YEAR, expires_ns=now + YEAR)
        for i, k in enumerate(keys[:3])
    )
    ids = tuple(k.public.key_id for k in trusted)
    roles = tuple(Role(name=n, keys=ids, threshold=2) for n in ("root", "firmware"))
    return keys, TrustRoot(version=1, issued_ns=now - YEAR, expires_ns=now + YEAR, keys=trusted, roles=roles)


def release(security_version: int = 3, board: str = "board", life_ns: int = YEAR) -> Release:
    return Release(
        name="image", board=board, version="2", security_version=security_version, expires_ns=time.time_ns() + life_ns
    )


def t1(image: bytes, repeats: int = 15) -> dict[str, float]:
    keys, root = makers()
    envelope = sign(release(), image, keys[:2])
    with tempfile.TemporaryDirectory() as folder:
        ledger = MerkleLedger(Path(folder) / "log", origin="bench.example/log", signer=keys[0], clock=SystemClock())
        why = "sha384=" + hashlib.sha384(envelope).hexdigest()
        entry = LedgerEntry(
            tenant="local", t_ns=time.time_ns(), actor="a", action="firmware.release", subject="i", why=why
        )
        filler = [entry] * 2_000
        ledger.append_many(filler)
        index = ledger.append(entry)
        note, raw, path = ledger.prove(index)
        ledger.close()

    def logged(signed: bytes) -> None:
        checkpoint.verify(note, "bench.example/log", keys[0].public)
        head = checkpoint.of_note(note)
        merkle.verify_inclusion(merkle.leaf(raw), index, head.size, path, head.root)
        if hashlib.sha384(signed).hexdigest().encode() not in raw:
            raise RejectedError("the entry is of another release")

    plain, whole = [], []
    for _ in range(repeats):
        start = time.process_time()
        hashlib.sha384(image).digest()
        middle = time.process_time()
        verify(envelope, image, board="board", floor=3, root=root, now_ns=time.time_ns(), logged=logged)
        plain.append(middle - start)
        whole.append(time.process_time() - middle)
    ratios = sorted(w / p for w, p in zip(whole, plain, strict=True))
    return {
        "bytes": len(image), "n": repeats, "hash_ms": 1e3 * median(plain), "verify_ms": 1e3 * median(whole),
        "ratio": median(ratios), "ratio_low": ratios[1], "ratio_high": ratios[-2],
    }  # fmt: skip


def t2(families: dict[str, list[bytes]]) -> dict[str, dict[str, int]]:
    keys, root = makers()
    chance = Random(2)
    table: dict[str, dict[str, int]] = {}
    for family, images in families.items():
        row = table.setdefault(family, {"tampered": 0, "accepted": 0, "good": 0, "refused": 0})
        for data in images:
            good = sign(release(), data, keys[:2])
            flipped = []
            for _ in range(4):
                other = bytearray(data)
                other[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                flipped.append(bytes(other))
            cut = bytearray(good)
            cut[chance.randrange(len(good))] ^= 1
            trials = [
                (None, data), (sign(release(), data, keys[:1]), data), (sign(release(), data, [keys[0], keys[3]]), data),
                (sign(release(2), data, keys[:2]), data), (sign(release(board="other"), data, keys[:2]), data),
                (sign(release(life_ns=-10**9), data, keys[:2]), data), (good, data + b"\0"), (good, data[:-1]),
                *((good, f) for f in flipped),
            ]  # fmt: skip
            for envelope, body in trials:
                row["tampered"] += 1
                row["accepted"] += passes(envelope, body, root)
            row["good"] += 1
            row["refused"] += not passes(good, data, root)
    return table


def passes(envelope: bytes | None, data: bytes, root: TrustRoot) -> bool:
    try:
        verify(envelope, data, board="board", floor=3, root=root, now_ns=time.time_ns())
    except RejectedError:
        return False
    return True


def look(name: str, data: bytes) -> FirmwareImage | None:
    try:
        return inspect(Artefact(uri=name, kind="firmware", data=data))
    except BadInputError:
        return None


def fired(before: FirmwareImage, after: FirmwareImage | None, declared: DeclaredChange) -> frozenset[str]:
    """The rules that speak; an image that can no longer be read is one too."""
    if after is None:
        return frozenset({"promise"})
    return frozenset(c.rule for c in changes(before, after, declared))


def declaration(before: FirmwareImage, after: FirmwareImage) -> DeclaredChange:
    """What an honest maker would write: every region and fact that differs, no digest, no content."""
    old = {r.name: r.sha256 for r in before.regions}
    new = {r.name: r.sha256 for r in after.regions}
    names = sorted(n for n in old.keys() | new.keys() if old.get(n) != new.get(n))
    safe = tuple(re.sub(r"([\[*?])", r"[\1]", n) for n in names)
    facts = tuple(f"{k} {t}"[:500] for k, t in after.facts if (k, t) not in set(before.facts))
    return DeclaredChange(version=after.version, regions=safe, facts=facts)


def updates(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield (family, older, newer) for every pair of versions of one file whose bytes differ."""
    for family in sorted(p for p in (folder / "images").iterdir() if p.is_dir()):
        versions = sorted((p for p in family.iterdir() if p.is_dir()), key=lambda p: implants.version_key(p.name))
        by_name: dict[str, list[Path]] = {}
        for version in versions:
            for file in sorted(version.iterdir()):
                if file.suffix != ".hwh":
                    by_name.setdefault(re.sub(r"-1\.(dev|4)\.0", "", file.name), []).append(file)
        for files in by_name.values():
            distinct = list({hashlib.sha256(f.read_bytes()).digest(): f for f in reversed(files)}.values())[::-1]
            for older, newer in itertools.combinations(distinct, 2):
                yield family.name, older, newer


def admitted(genuine: dict[str, list[frozenset[str]]], held_out: str) -> frozenset[str]:
    """The rules, in order of how much each is worth, that together stay below one false alarm in a hundred elsewhere."""
    others = [f for family, rows in genuine.items() if family != held_out for f in rows]
    chosen: frozenset[str] = frozenset()
    for rule in ORDER:
        wider = chosen | {rule}
        if sum(bool(f & wider) for f in others) <= FALSE_ALARMS * len(others):
            chosen = wider
    return chosen


def histogram(data: bytes) -> np.ndarray:
    return np.bincount(np.frombuffer(data, np.uint8), minlength=256) / len(data)


def t3(folder: Path, say: Callable[[str], None]) -> dict[str, object]:
    chance = Random(3)
    seen: dict[Path, FirmwareImage | None] = {}

    def known(path: Path) -> FirmwareImage | None:
        if path not in seen:
            seen[path] = look(path.name, path.read_bytes())
        return seen[path]

    pairs: dict[str, list[tuple[Path, Path]]] = {}
    for family, older, newer in updates(folder):
        pairs.setdefault(family, []).append((older, newer))
    genuine: dict[str, list[frozenset[str]]] = {}
    distance: dict[str, list[float]] = {}
    for family, rows in pairs.items():
        for older, newer in rows:
            before, after = known(older), known(newer)
            if before is None:
                continue
            genuine.setdefault(family, []).append(fired(before, after, DeclaredChange()))
            gap = np.abs(histogram(older.read_bytes()) - histogram(newer.read_bytes())).sum()
            distance.setdefault(family, []).append(float(gap))
        say(f"{family}: {len(rows)} genuine updates")
    trials: list[dict[str, object]] = []
    for family, rows in pairs.items():
        rules = admitted(genuine, family)
        limit = np.quantile([d for f, ds in distance.items() if f != family for d in ds], 1 - FALSE_ALARMS)
        for older, newer in chance.sample(rows, min(PAIRS_PER_FAMILY, len(rows))):
            before, after, data = known(older), known(newer), newer.read_bytes()
            if before is None or after is None:
                continue
            declared, shape = declaration(before, after), histogram(older.read_bytes())
            for kind, make in implants.KINDS.items():
                evil = make(data, after, chance)
                if evil is None or evil == data:
                    continue
                image = look(newer.name, evil)
                trials.append({
                    "family": family, "kind": kind,
                    "bare": bool(fired(before, image, DeclaredChange()) & rules),
                    "declared": bool(fired(before, image, declared)),
                    "histogram": bool(np.abs(histogram(evil) - shape).sum() > limit),
                })  # fmt: skip
        say(f"{family}: rules admitted elsewhere: {', '.join(sorted(rules))}")
    return report(trials, genuine)


def report(trials: list[dict[str, object]], genuine: dict[str, list[frozenset[str]]]) -> dict[str, object]:
    families = sorted({str(t["family"]) for t in trials})
    rng = np.random.default_rng(0)

    def recall(mode: str, chosen: list[str]) -> float:
        rates = []
        for kind in implants.KINDS:
            hits = [bool(t[mode]) for f in chosen for t in trials if t["family"] == f and t["kind"] == kind]
            if hits:
                rates.append(mean(hits))
        return mean(rates)

    found: dict[str, object] = {}
    for mode in ("bare", "declared", "histogram"):
        draws = [recall(mode, list(rng.choice(families, len(families)))) for _ in range(400)]
        found[mode] = {
            "recall": recall(mode, families),
            "low": float(np.quantile(draws, 0.025)),
            "high": float(np.quantile(draws, 0.975)),
        }
    alarms = {f: sum(bool(s & admitted(genuine, f)) for s in rows) for f, rows in genuine.items()}
    total = sum(map(len, genuine.values()))
    kinds = {
        kind: {
            "n": sum(t["kind"] == kind for t in trials),
            **{m: mean([bool(t[m]) for t in trials if t["kind"] == kind] or [False]) for m in ("bare", "declared", "histogram")},
        }
        for kind in implants.KINDS
    }  # fmt: skip
    by_rule = {r: sum(r in s for rows in genuine.values() for s in rows) for r in ORDER}
    by_family = {
        f: {m: mean(bool(t[m]) for t in trials if t["family"] == f) for m in ("bare", "declared")} for f in families
    }
    return {
        "genuine": total, "genuine_by_family": {f: len(r) for f, r in genuine.items()}, "trials": len(trials),
        "false_alarms_bare": sum(alarms.values()), "false_alarms_by_family": alarms, "recall": found, "kinds": kinds,
        "families": by_family, "rules_on_genuine": by_rule,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="T1 to T3 on real firmware.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("t1", "t2", "t3"))
    chosen = parser.parse_args()
    wanted = [chosen.only] if chosen.only else ["t1", "t2", "t3"]
    families = {
        f.name: [p.read_bytes() for p in sorted(max(f.iterdir()).iterdir()) if p.suffix != ".hwh"][:3]
        for f in sorted((chosen.folder / "images").iterdir())
    }
    say = partial(print, flush=True)
    if "t1" in wanted:
        say("T1", json.dumps(t1(max((i for images in families.values() for i in images), key=len)), indent=1))
    if "t2" in wanted:
        say("T2", json.dumps(t2(families), indent=1))
    if "t3" in wanted:
        say("T3", json.dumps(t3(chosen.folder, say), indent=1))


if __name__ == "__main__":
    main()
