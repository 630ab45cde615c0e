"""T1 to T7: what trust promises, beside simple baselines in the same run."""

import math
import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec

from bench.figure import Figure, Ground, figure_of, share_of
from bench.trust import ledger, models, releases, updates
from bench.trust.ledger import Altered, Appends, Proofs
from bench.trust.models import Row
from bench.trust.releases import Cost, Tampering
from bench.trust.updates import Report, Share
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError
from mumetal.trust.keys.hybrid import SoftKey

QUICK_LARGEST = 4 * 2**20
MADE = 8 * 2**20
PER_FAMILY = 3
PARTS = ("firmware", "ledger", "models")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What came out; None where it was not asked for, or without images."""

    cost: Cost | None = None
    tampering: dict[str, Tampering] | None = None
    updates: Report | None = None
    appends: tuple[Appends, ...] | None = None
    proofs: Proofs | None = None
    altered: Altered | None = None
    models: tuple[Row, ...] | None = None


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--images", type=Path, help="the same as --data")
    parser.add_argument("--only", default="", help="firmware, ledger or models, separated by commas")
    parser.add_argument("--seed", type=int, default=3, help="which updates, and where implants and changes go")
    parser.add_argument(
        "--report", action="store_true", help="print all that was measured as JSON, in place of the table"
    )


def run_bench(a: Namespace) -> list[Figure]:
    """Measure releases, implants in updates, ledger and models beside simple baselines; print the table."""
    wanted = [part.strip() for part in a.only.split(",") if part.strip()] or list(PARTS)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise BadInputError(f"no part is called {unknown[0]!r}", hint=f"known: {', '.join(PARTS)}")
    images = a.images or a.data
    chance = Random(a.seed)
    result = Trust()
    if "firmware" in wanted:
        result = _firmware(result, _place(images) if images else None, chance, quick=a.quick)
    if "ledger" in wanted:
        result = _ledger(result, chance, quick=a.quick)
    if "models" in wanted:
        result = _models(result, quick=a.quick)
    print(msgspec.json.encode(_plain(result)).decode() if a.report else "\n".join(_table(result)))
    return list(_figures(result))


def _firmware(result: Trust, place: Path | None, chance: Random, *, quick: bool) -> Trust:

    clock = SystemClock()
    families = dict(_families(place, quick=quick)) if place else {"made here": [chance.randbytes(MADE)]}
    biggest = max((data for rows in families.values() for data in rows), key=len)
    say(f"T1: verifying {len(biggest) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory(prefix="mumetal-bench-") as folder:
        cost = releases.cost(biggest, Path(folder), clock=clock, entropy=os.urandom, cpu_ns=time.process_time_ns)
    say(f"T2: tampering with {sum(map(len, families.values()))} images of {len(families)} families")
    tampering = releases.tampering(families, entropy=os.urandom, now_ns=clock.now_ns(), chance=chance)
    found = None
    if place:
        say("T3: implants in genuine updates")
        sizes = {"each": 2, "largest": QUICK_LARGEST} if quick else {}
        found = updates.measure(place, say, chance, **sizes)
    return msgspec.structs.replace(result, cost=cost, tampering=tampering, updates=found)


def _ledger(result: Trust, chance: Random, *, quick: bool) -> Trust:

    clock, key, wall = SystemClock(), SoftKey.generate(os.urandom), time.perf_counter_ns
    say("T4: appends, proofs, altered ledgers")
    with tempfile.TemporaryDirectory(prefix="mumetal-bench-", dir=Path.cwd()) as folder:  # a real disk, not memory
        places = [Path(folder) / name for name in ("appends", "proofs", "altered")]
        for place in places:
            place.mkdir()
        return msgspec.structs.replace(
            result,
            appends=ledger.appends(places[0], key, clock, wall),
            proofs=ledger.proofs(places[1], 20_000 if quick else 1_000_000, chance, wall),
            altered=ledger.altered(places[2], key, clock, chance, 20 if quick else 200),
        )


def _models(result: Trust, *, quick: bool) -> Trust:

    rows: list[Row] = []
    for name, found in (
        ("T5", models.t5(20 if quick else 200)),
        ("T6", models.t6(2 if quick else 30)),
        ("T7", models.t7(1 if quick else 60, 10 if quick else 200)),
    ):
        say(f"{name}: models")
        rows += found
    return msgspec.structs.replace(result, models=tuple(rows))


def say(what: str) -> None:
    """Tell the person who waits."""
    print(what, file=sys.stderr, flush=True)


def _place(images: Path) -> Path:
    place = images / "images" if (images / "images").is_dir() else images
    if not place.is_dir() or not any(p.is_dir() for p in place.iterdir()):
        raise BadInputError(
            "no folder of images: FAMILY/VERSION/FILE", where=str(images), hint="fetch some: scripts/fetch_firmware.py"
        )
    return place


def _families(place: Path, *, quick: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the first images of each family's newest version."""
    for family in sorted(p for p in place.iterdir() if p.is_dir()):
        newest = max((p for p in family.iterdir() if p.is_dir()), default=None)
        files = sorted(p for p in newest.iterdir() if p.suffix != ".hwh") if newest else []
        some = [p for p in files if not quick or p.stat().st_size <= QUICK_LARGEST][:PER_FAMILY]
        if some:
            yield family.name, [p.read_bytes() for p in some]


def _plain(result: Trust) -> object:
    """Return the result as JSON has it: what is not a number is null."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return plain(msgspec.to_builtins(result))


def _figures(result: Trust) -> Iterator[Figure]:
    """Yield the figures of the bars; the span of a speed is its least and most, so it has no interval here."""
    if result.cost is not None:
        c = result.cost
        yield figure_of(
            "T1", f"verify a {c.size / 1e6:.1f} MB image over its SHA-384 alone, CPU", c.ratio, span=(c.low, c.high), n=c.n,
            goal="≤ 1.5", most=1.5,
        )  # fmt: skip
    if result.tampering is not None:
        rows, families = list(result.tampering.values()), len(result.tampering)
        tampered, good = sum(r.tampered for r in rows), sum(r.good for r in rows)
        ground: Ground = "injected" if families > 1 else "twin"
        for what, k, n in (
            ("tampered installations accepted", sum(r.accepted for r in rows), tampered),
            ("good installations refused", sum(r.refused for r in rows), good),
        ):
            most = 0.0 if k or families >= 8 else None  # fewer families, it can only be missed
            yield share_of("T2", f"{what}, {families} families", k, n, goal="0, ≥ 8 families", most=most, ground=ground)
    if result.updates is not None:
        u = result.updates
        for way, share in u.recall.items():
            what = f"implants found, {way}, kinds of the bar"
            yield figure_of("T3", what, share.value, span=(share.low, share.high), n=share.n, ground="injected")
        for way, share in u.harder.items():
            what = f"implants found, {way}, kinds made to walk around the rules"
            yield figure_of("T3", what, share.value, span=(share.low, share.high), n=share.n, ground="injected")
        alarms, total = sum(u.alarms.values()), sum(u.updates.values())
        yield share_of("T3", "genuine updates that alarm without a declaration", alarms, total, ground="real")
    for a in result.appends or ():
        bar = a.batch > 1
        what = f"durable appends/s, batches of {a.batch}"
        yield figure_of("T4", what, a.per_s, n=a.rounds, goal="≥ 20 k" * bar, least=20e3 if bar else None)
    if result.proofs is not None:
        p = result.proofs
        what = f"inclusion proof among {p.leaves:,} entries, median, ms"
        yield figure_of("T4", what, p.median_ms, n=p.n, goal="≤ 1 at 10 M", most=1 if p.leaves >= 10_000_000 else None)
    if result.altered is not None:
        x = result.altered
        yield share_of("T4", "ledgers with one file altered or cut: refused or mended", x.refused + x.mended, x.tried,
                       goal="all", least=1.0)  # fmt: skip
    yield from (row.number for row in result.models or () if row.number is not None)


def _table(result: Trust) -> Iterator[str]:
    yield "| id | measure | goal | measured | beside it |"
    yield "|---|---|---|---|---|"
    if result.cost is not None and result.tampering is not None:
        yield from _releases(result.cost, result.tampering)
    if result.updates is not None:
        yield from _updates(result.updates)
    for a in result.appends or ():
        yield (
            f"| T4 | durable appends, batches of {a.batch}, {a.rounds} × {a.n} | – |"
            f" {a.per_s:,.0f} /s ({a.low:,.0f} to {a.high:,.0f}) | {a.of_bare:.2f} of the same bytes written and synced bare |"
        )
    if result.proofs is not None and result.altered is not None:
        p, x = result.proofs, result.altered
        yield (
            f"| T4 | inclusion proof among {p.leaves:,} entries, n = {p.n} | – |"
            f" median {p.median_ms:.2f} ms, p99 {p.p99_ms:.2f} ms | – |"
        )
        yield (
            f"| T4 | ledgers with one file altered or cut, n = {x.tried} | all refused or mended |"
            f" {x.refused} refused, {x.mended} mended, {x.tried - x.refused - x.mended} missed | – |"
        )
    for row in result.models or ():
        yield f"| {row.bar} | {row.what} | – | {row.figure} | {row.baseline} |"
    if result.updates is not None:
        yield from _details(result.updates)
    elif result.cost is not None:
        yield "\nT3 needs real images: scripts/fetch_firmware.py FOLDER, then --images FOLDER."


def _releases(c: Cost, tampering: dict[str, Tampering]) -> Iterator[str]:
    yield (
        f"| T1 | verify a {c.size / 1e6:.1f} MB image, CPU time, n = {c.n} | ≤ 1.5× the SHA-384 alone |"
        f" {c.ratio:.2f}× ({c.low:.2f} to {c.high:.2f}), {c.verify_ms:.1f} ms | SHA-384 {c.hash_ms:.1f} ms |"
    )
    rows = tampering.values()
    tampered, accepted = sum(r.tampered for r in rows), sum(r.accepted for r in rows)
    good, refused = sum(r.good for r in rows), sum(r.refused for r in rows)
    yield (
        f"| T2 | {tampered} tampered installations, {len(tampering)} families | 0 accepted, 0 good refused |"
        f" {accepted} accepted; {refused} of {good} good refused | – |"
    )


def _updates(u: Report) -> Iterator[str]:
    alarms, total = sum(u.alarms.values()), sum(u.updates.values())
    bare, declared, peer = (u.recall[way] for way in ("bare", "declared", "histogram"))
    yield (
        f"| T3 | implants found without a declaration, {bare.n} trials, {len(u.families)} families |"
        f" ≥ 60% at ≤ 1% false alarms | {_share(bare)}; {alarms} of {total} genuine updates alarm | histogram {_share(peer)} |"
    )
    yield f"| T3 | the same with the maker's declaration (false alarms are 0 by construction) | ≥ 60% | {_share(declared)} | – |"
    hard = u.harder["bare"]
    yield f"| T3 | kinds made to walk around the rules, {hard.n} trials, no declaration | – | {_share(hard)} | histogram {_share(u.harder['histogram'])} |"


def _details(u: Report) -> Iterator[str]:
    for title, table in (("kind", u.kinds), ("family", u.families)):
        yield f"\n| {title} | n | without a declaration | declared | histogram |"
        yield "|---|---|---|---|---|"
        for name, by in table.items():
            yield f"| {name} | {by['bare'].n} | {_share(by['bare'])} | {_share(by['declared'])} | {_share(by['histogram'])} |"
    yield "\n| rule | genuine updates it speaks on | families it was admitted for |"
    yield "|---|---|---|"
    for rule, count in u.rules.items():
        yield f"| {rule} | {count} | {sum(rule in rules for rules in u.admitted.values())} of {len(u.admitted)} |"
    alarmed = ", ".join(f"{family} {n} of {u.updates[family]}" for family, n in u.alarms.items() if n)
    yield f"\nFalse alarms without a declaration: {alarmed or 'none'}."


def _share(s: Share) -> str:
    return "–" if s.n == 0 else f"{s.value:.0%} ({s.low:.0%} to {s.high:.0%})"
