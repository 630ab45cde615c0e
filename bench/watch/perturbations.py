"""What the watchers make of the twin: quiet hours, each innocent cause, each attack, over devices and seeds.

Ours on ours: it shows that the rooms work together and which perturbations are missed; never that they work in the
world. The watchers see what the doors would commit; the twin's truth is used for scoring only.
"""

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Sequence

from tests.watching import watching_of

from bench.figure import Figure, share_of
from mumetal.catalog import calibrations
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene, Truth
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import PERTURBATIONS, find
from mumetal.watch.settings import WatchSettings

NS = 10**9
BACKENDS = ("brisbane", "hanoi", "perth", "kyiv", "sherbrooke")
QUIET_S = 1_500.0
AROUND_NS = 300 * NS
T0 = 1_790_000_000 * NS


class Memory:
    """Keeps what the watchers may look back on."""

    def __init__(self) -> None:
        self.data: list[Datum] = []

    def scene(self, finding: Finding) -> Scene:
        """Return the surroundings of a finding."""
        start, stop = finding.start_ns - AROUND_NS, finding.stop_ns + AROUND_NS
        by_stream: dict[str, list[Series]] = defaultdict(list)
        for d in self.data:
            if isinstance(d, Series) and d.device == finding.device and len(d.between(start, stop)):
                by_stream[d.stream].append(d.between(start, stop))
        ordered = sorted(by_stream, key=lambda s: (s != finding.stream, s))
        return Scene(
            series=tuple(_joined(by_stream[s]) for s in ordered),
            events=tuple(d for d in self.data if isinstance(d, Event) and start <= d.t_ns < stop),
            snapshots=tuple(d for d in self.data if isinstance(d, DeviceSnapshot))[-10:],
        )


def _joined(parts: Sequence[Series]) -> Series:
    import numpy as np

    first = parts[0]
    return Series(
        tenant=first.tenant, device=first.device, stream=first.stream, channels=first.channels,
        t_ns=np.concatenate([p.t_ns for p in parts]), values=np.concatenate([p.values for p in parts]),
        seq=np.concatenate([p.seq for p in parts]),
    )  # fmt: skip


def one(backend: str, seed: int, name: str | None, lasting_s: float = 30.0) -> tuple[list[Finding], Truth | None]:
    """Run a quiet past, then ``name`` at its usual strength; returns the findings, by their last word, and the truth."""
    lab = Lab(calibrations.snapshots(backend), seed, T0, pace=Pace(control_hz=40.0))
    clock = ManualClock(T0)
    memory = Memory()
    watch = watching_of(WatchSettings(), clock, memory.scene)
    found: dict[str, Finding] = {}
    truth: Truth | None = None

    def live(seconds: float) -> None:
        left = seconds
        while left > 0:
            data = lab.advance(min(1.0, left))
            left -= 1.0
            memory.data += data
            clock.set_ns(lab.now_ns)
            for d in data:
                for f in watch.observe(d):
                    found[f.finding_id] = f
            for f in watch.tick(lab.now_ns):
                found[f.finding_id] = f

    live(QUIET_S)
    if name is not None:
        truth = lab.perturb(name, find(name).usual, 0.15 if name == "radiation_burst" else lasting_s)
    live(60.0)
    return list(found.values()), truth


def run(seeds: int, names: Sequence[str]) -> list[Figure]:
    """Print, and return, per perturbation: seen unexplained, seen and explained, and pages in the quiet past."""
    quiet: dict[str, int] = defaultdict(int)
    hours, figures = 0.0, []
    print("| perturbation | kind | runs | unexplained | explained | not seen | by |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        unexplained = explained = unseen = 0
        by: dict[str, int] = defaultdict(int)
        kind = ""
        for seed in range(seeds):
            found, truth = one(BACKENDS[seed % len(BACKENDS)], 1_000 + seed, name)
            assert truth is not None
            kind = truth.kind
            hours += QUIET_S / 3_600
            for f in found:
                if f.stop_ns < truth.start_ns and not f.rule.startswith("watch.quality") and not f.explained:
                    quiet[f"{f.rule} {f.stream}"] += 1
            during = [f for f in found if f.stop_ns >= truth.start_ns and not f.rule.startswith("watch.quality.s")]
            alone = [f for f in during if not f.explained]
            for f in during:
                by[f"{f.rule.removeprefix('watch.')}@{f.stream}{'*' if f.explained else ''}"] += 1
            unexplained += bool(alone)
            explained += bool(during) and not alone
            unseen += not during
        rules = ", ".join(f"{k} {v}" for k, v in sorted(by.items(), key=lambda kv: -kv[1])[:5])
        print(f"| {name} | {kind} | {seeds} | {unexplained} | {explained} | {unseen} | {rules} |", flush=True)
        figures.append(
            share_of("D6", f"{name} ({kind}): runs with a finding without an explanation", unexplained, seeds)
        )
    print(f"\nquiet: {sum(quiet.values())} findings in {hours:.1f} device-hours: {dict(quiet)}")
    return figures


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="one perturbation by name")


def run_bench(a: Namespace) -> list[Figure]:
    """Run the labs and print the table."""
    return run(1 if a.quick else a.seeds, [a.only] if a.only else [n for n, _ in PERTURBATIONS])
