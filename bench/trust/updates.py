"""T3: implants in genuine updates, with the maker's declaration and without one.

An update is an older and a newer real image of one file; the implant goes into the newer one. *Bare*, without a
declaration, only rules speak that raise at most one false alarm in a hundred genuine updates of every *other* family. *Declared*, the maker says which regions and facts change; there a genuine update raises nothing by
construction, so the figure is recall alone. The peer is the distance of byte histograms, its limit likewise from the other families.
Intervals are bootstrapped over families: updates of one family resemble one another.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from bench.trust import implants
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.firmware import FirmwareImage
from mumetal.scan.firmware.diff import DeclaredChange, changes
from mumetal.scan.firmware.inspect import inspect

FALSE_ALARMS = 0.01
DRAWS = 400
LARGE = 8 * 2**20
RULES = (
    "promise", "identity", "padding", "promise-new", "format", "shell", "first-key", "endpoints", "boot-arguments", "keys",
)  # fmt: skip
"""Rules that may speak without a declaration, in order of how much a person should fear each.

``cave`` and ``rights`` were left out after a first run: genuine updates of SeaBIOS, U-Boot and OpenSBI raise them.
"""
WAYS = ("bare", "declared", "histogram")
REBUILT = re.compile(r"-1\.(dev|4)\.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One implant in one update, and who found it."""

    family: str
    kind: str
    bare: bool
    declared: bool
    histogram: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with its 95% interval, and of how many."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came out.

    Args:
        updates: Genuine updates, by family.
        alarms: Those that raised a false alarm without a declaration, by family.
        recall: Share found, kinds equally weighted, by way; of the kinds of the bar.
        harder: The same of the kinds made to walk around the rules.
        kinds: Share found by kind and way.
        families: Share found by family and way, kinds of the bar.
        rules: Genuine updates on which each rule speaks.
        admitted: Rules that spoke, by family held out.
    """

    updates: dict[str, int]
    alarms: dict[str, int]
    recall: dict[str, Share]
    harder: dict[str, Share]
    kinds: dict[str, dict[str, Share]]
    families: dict[str, dict[str, Share]]
    rules: dict[str, int]
    admitted: dict[str, tuple[str, ...]]


def look(name: str, data: bytes) -> FirmwareImage | None:
    """Inspect an image; None when it cannot be read."""
    try:
        return inspect(Artefact(uri=name, kind="firmware", data=data))
    except BadInputError:
        return None


def fired(before: FirmwareImage, after: FirmwareImage | None, declared: DeclaredChange) -> frozenset[str]:
    """Return the rules that speak; an image that can no longer be read is one too."""
    if after is None:
        return frozenset({"promise"})
    return frozenset(c.rule for c in changes(before, after, declared))


def declaration(before: FirmwareImage, after: FirmwareImage) -> DeclaredChange:
    """Return what an honest maker would write: every region and fact that differs, no digest of a region, no content."""
    old = {r.name: r.sha256 for r in before.regions}
    new = {r.name: r.sha256 for r in after.regions}
    names = sorted(n for n in old.keys() | new.keys() if old.get(n) != new.get(n))
    safe = tuple(re.sub(r"([\[*?])", r"[\1]", n) for n in names)
    known = set(before.facts)
    facts = tuple(f"{k} {t}"[:500] for k, t in after.facts if (k, t) not in known)
    return DeclaredChange(version=after.version, regions=safe, facts=facts)


def updates(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield (family, older, newer) for every pair of versions of one file whose bytes differ.

    Args:
        folder: ``FAMILY/VERSION/FILE``, as ``scripts/fetch_firmware.py`` makes it under ``images``.
    """
    for family in sorted(p for p in folder.iterdir() if p.is_dir()):
        versions = sorted((p for p in family.iterdir() if p.is_dir()), key=lambda p: implants.version_key(p.name))
        by_name: dict[str, list[Path]] = {}
        for version in versions:
            for file in sorted(version.iterdir()):
                if file.suffix != ".hwh":
                    by_name.setdefault(REBUILT.sub("", file.name), []).append(file)
        for files in by_name.values():
            distinct = list({hashlib.sha256(f.read_bytes()).digest(): f for f in reversed(files)}.values())[::-1]
            for older, newer in itertools.combinations(distinct, 2):
                yield family.name, older, newer


def admitted(genuine: Mapping[str, Sequence[frozenset[str]]], held_out: str) -> frozenset[str]:
    """Return the rules that together stay at or below one false alarm in a hundred in every other family."""
    chosen: frozenset[str] = frozenset()
    for rule in RULES:
        wider = chosen | {rule}
        alarms = {
            f: sum(bool(s & wider) for s in rows) / len(rows) for f, rows in genuine.items() if f != held_out and rows
        }
        if max(alarms.values(), default=0.0) <= FALSE_ALARMS:
            chosen = wider
    return chosen


def histogram(data: bytes) -> NDArray[np.float64]:
    """Return the share of each byte, shape (256,)."""
    return np.bincount(np.frombuffer(data, np.uint8), minlength=256) / max(1, len(data))


def measure(folder: Path, say: Callable[[str], None], chance: Random, *, each: int = 10, largest: int = 0) -> Report:
    """Put every kind of implant into genuine updates and count what is found.

    Args:
        folder: The images.
        say: Takes a line of progress.
        chance: Says which updates, and where the implants go.
        each: Updates per family that get implants, a third of it where images are larger than 8 MiB; false alarms are
            counted on all.
        largest: Leave out updates whose images are larger, bytes; 0 for none.

    Raises:
        BadInputError: There are no updates of two families.
    """
    pairs: dict[str, list[tuple[Path, Path]]] = {}
    for family, older, newer in updates(folder):
        if not largest or max(older.stat().st_size, newer.stat().st_size) <= largest:
            pairs.setdefault(family, []).append((older, newer))
    if len(pairs) < 2:
        raise BadInputError(
            "no updates of at least two families here", where=str(folder), hint="fetch some: scripts/fetch_firmware.py"
        )
    seen: dict[Path, FirmwareImage | None] = {}

    def known(path: Path) -> FirmwareImage | None:
        if path not in seen:
            seen[path] = look(path.name, path.read_bytes())
        return seen[path]

    genuine: dict[str, list[frozenset[str]]] = {}
    distance: dict[str, list[float]] = {}
    for family, rows in pairs.items():
        for older, newer in rows:
            before = known(older)
            if before is None:
                continue
            genuine.setdefault(family, []).append(fired(before, known(newer), DeclaredChange()))
            gap = np.abs(histogram(older.read_bytes()) - histogram(newer.read_bytes())).sum()
            distance.setdefault(family, []).append(float(gap))
        say(f"{family}: {len(rows)} genuine updates")
    trials: list[Trial] = []
    for family, rows in pairs.items():
        rules = admitted(genuine, family)
        limit = float(np.quantile([d for f, ds in distance.items() if f != family for d in ds], 1 - FALSE_ALARMS))
        large = max(newer.stat().st_size for _, newer in rows) > LARGE
        for older, newer in chance.sample(rows, min(max(1, each // 3) if large else each, len(rows))):
            before, after = known(older), known(newer)
            if before is not None and after is not None:
                trials += _trials(family, (older, before), (newer, after), rules, limit, chance)
        say(f"{family}: {sum(t.family == family for t in trials)} implants")
    return report(trials, genuine)


def _trials(
    family: str,
    old: tuple[Path, FirmwareImage],
    new: tuple[Path, FirmwareImage],
    rules: frozenset[str],
    limit: float,
    chance: Random,
) -> Iterator[Trial]:
    data, before = new[0].read_bytes(), old[1]
    declared, shape = declaration(before, new[1]), histogram(old[0].read_bytes())
    for kind, make in {**implants.KINDS, **implants.HARDER}.items():
        evil = make(data, new[1], chance)
        if evil is None or evil == data:
            continue
        image = look(new[0].name, evil)
        yield Trial(
            family=family,
            kind=kind,
            bare=bool(fired(before, image, DeclaredChange()) & rules),
            declared=bool(fired(before, image, declared)),
            histogram=bool(np.abs(histogram(evil) - shape).sum() > limit),
        )


def report(trials: Sequence[Trial], genuine: Mapping[str, Sequence[frozenset[str]]]) -> Report:
    """Return the figures of all trials."""
    families = sorted({t.family for t in trials})
    bar = [t for t in trials if t.kind in implants.KINDS]
    hard = [t for t in trials if t.kind in implants.HARDER]
    spoke = {f: admitted(genuine, f) for f in genuine}
    return Report(
        updates={f: len(rows) for f, rows in genuine.items()},
        alarms={f: sum(bool(s & spoke[f]) for s in rows) for f, rows in genuine.items()},
        recall={way: share(bar, way) for way in WAYS},
        harder={way: share(hard, way) for way in WAYS},
        kinds={k: {way: share([t for t in trials if t.kind == k], way) for way in WAYS}
               for k in (*implants.KINDS, *implants.HARDER)},
        families={f: {way: share([t for t in bar if t.family == f], way) for way in WAYS} for f in families},
        rules={r: sum(r in s for rows in genuine.values() for s in rows) for r in RULES},
        admitted={f: tuple(sorted(rules)) for f, rules in spoke.items()},
    )  # fmt: skip


def share(trials: Sequence[Trial], way: str) -> Share:
    """Return the share found, kinds equally weighted, with an interval over families; NaN when nothing was tried."""
    by_family: dict[str, dict[str, list[bool]]] = {}
    for t in trials:
        by_family.setdefault(t.family, {}).setdefault(t.kind, []).append(bool(getattr(t, way)))
    families, kinds = sorted(by_family), sorted({t.kind for t in trials})
    rng = np.random.default_rng(0)

    def recall(chosen: Sequence[str]) -> float:
        rates = [[h for f in chosen for h in by_family[f].get(k, ())] for k in kinds]
        hits = [mean(r) for r in rates if r]
        return mean(hits) if hits else float("nan")

    if not families:
        return Share(value=float("nan"), low=float("nan"), high=float("nan"), n=0)
    draws = [recall(list(rng.choice(families, len(families)))) for _ in range(DRAWS)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Share(value=recall(families), low=float(low), high=float(high), n=len(trials))
