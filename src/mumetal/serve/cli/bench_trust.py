"""``mumetal bench trust``: what trust promises, beside simple baselines in the same run."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption

if TYPE_CHECKING:
    from mumetal.scan.benchmark.updates import Report, Share
    from mumetal.serve.benchmark.models import Row
    from mumetal.trust.benchmark.ledger import Altered, Appends, Proofs
    from mumetal.trust.benchmark.releases import Cost, Tampering

QUICK_LARGEST = 4 * 2**20
MADE = 8 * 2**20
PER_FAMILY = 3
PARTS = ("firmware", "ledger", "models")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What came out; None where it was not asked for, or without images."""

    cost: "Cost | None" = None
    tampering: "dict[str, Tampering] | None" = None
    updates: "Report | None" = None
    appends: "tuple[Appends, ...] | None" = None
    proofs: "Proofs | None" = None
    altered: "Altered | None" = None
    models: "tuple[Row, ...] | None" = None


def trust(
    *,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of real images, as scripts/fetch_firmware.py makes it.")
    ] = None,
    only: Annotated[str, typer.Option("--only", help="firmware, ledger or models, separated by commas.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and smaller: minutes, not an hour or two.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which updates, and where implants and changes go.")] = 3,
    as_json: JsonOption = False,
) -> int:
    """Measure T1 to T7 beside simple baselines: releases, implants in updates, ledger, models; with intervals."""
    wanted = [part.strip() for part in only.split(",") if part.strip()] or list(PARTS)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise BadInputError(f"no part is called {unknown[0]!r}", hint=f"known: {', '.join(PARTS)}")
    chance = Random(seed)  # noqa: S311 - where implants go is no secret
    result = Trust()
    if "firmware" in wanted:
        result = _firmware(result, _place(images) if images else None, chance, quick=quick)
    if "ledger" in wanted:
        result = _ledger(result, chance, quick=quick)
    if "models" in wanted:
        result = _models(result, quick=quick)
    typer.echo(msgspec.json.encode(_plain(result)).decode() if as_json else "\n".join(_table(result)))
    return 0


def _firmware(result: Trust, place: Path | None, chance: Random, *, quick: bool) -> Trust:
    from mumetal.core.clock import SystemClock
    from mumetal.scan.benchmark import updates
    from mumetal.trust.benchmark import releases

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
    from mumetal.core.clock import SystemClock
    from mumetal.trust.benchmark import ledger
    from mumetal.trust.keys.hybrid import SoftKey

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
    from mumetal.serve.benchmark import models

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
    typer.echo(what, err=True)


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
    import math

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return plain(msgspec.to_builtins(result))


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


def _releases(c: "Cost", tampering: dict[str, "Tampering"]) -> Iterator[str]:
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


def _updates(u: "Report") -> Iterator[str]:
    alarms, total = sum(u.alarms.values()), sum(u.updates.values())
    bare, declared, peer = (u.recall[way] for way in ("bare", "declared", "histogram"))
    yield (
        f"| T3 | implants found without a declaration, {bare.n} trials, {len(u.families)} families |"
        f" ≥ 60% at ≤ 1% false alarms | {_share(bare)}; {alarms} of {total} genuine updates alarm | histogram {_share(peer)} |"
    )
    yield f"| T3 | the same with the maker's declaration (false alarms are 0 by construction) | ≥ 60% | {_share(declared)} | – |"
    hard = u.harder["bare"]
    yield f"| T3 | kinds made to walk around the rules, {hard.n} trials, no declaration | – | {_share(hard)} | histogram {_share(u.harder['histogram'])} |"


def _details(u: "Report") -> Iterator[str]:
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


def _share(s: "Share") -> str:
    return "–" if s.n == 0 else f"{s.value:.0%} ({s.low:.0%} to {s.high:.0%})"
