"""D6: innocent causes that must be explained and not paged, and attacks hidden under one that must still be found.

Ours on ours (the twin is Mumetal's own): the figures show that the rooms work together, never that they work in the
world. ``tuning`` and ``tuning-rates`` are what the causes are tuned on; ``held-out-2``, of other seeds, devices, rates
and canaries, frozen before the causes were changed for it, is what is reported; ``held-out``, reported before, has been
read since. In all, every other lab's refrigerator speaks through BlueFors log files and the reader of the door. A run is a quiet past and a minute from the start of the perturbation; *paged* is any word,
also a provisional one that was withdrawn later, of a finding without an explanation.
"""

import copy
import json
import re
import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path, PurePosixPath

import numpy as np
from tests.watching import watching_of

from bench.figure import Figure, share_of
from bench.shares import wilson
from mumetal.catalog import calibrations
from mumetal.connect.sources.bluefors_names import log_name
from mumetal.connect.sources.bluefors_parse import LogReader
from mumetal.connect.sources.local_time import LocalTime
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.rows import Refusals
from mumetal.twin.bluefors import lines as log_lines
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.watch.settings import WatchSettings

INNOCENT = ("tls_jump", "radiation_burst", "pulse_tube", "warm_up", "authorised_recalibration", "co_tenant_load")
HIDDEN = (  # attack, the cause it hides under
    ("cryostat_sabotage", "warm_up"), ("telemetry_replay", "warm_up"), ("crosstalk_hammering", "co_tenant_load"),
    ("timing_covert_channel", "co_tenant_load"), ("calibration_misreport", "authorised_recalibration"),
    ("device_substitution", "authorised_recalibration"), ("config_edit", "authorised_recalibration"),
    ("config_edit", "tls_jump"), ("timing_covert_channel", "pulse_tube"), ("config_edit", "radiation_burst"),
)  # fmt: skip
QUIET_S = 1_500.0
# Innocent causes come in three sizes: (times the usual strength, lasting s, a burst's length s).
SIZES = ((1.0, 30.0, 0.15), (0.6, 20.0, 0.3), (1.5, 40.0, 0.5))
FRIDGE = re.compile(r"ch\d+\.temperature|maxigauge|status")
T0 = 1_790_000_000 * 10**9
AROUND_NS = 300 * 10**9
HOUR_NS = 3_600 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Seeds, devices and lab layouts that belong together."""

    first_seed: int
    devices: tuple[str, ...]
    paces: tuple[Pace, ...]


GROUNDS = {
    "tuning": Grounds(
        first_seed=1_000,
        devices=("brisbane", "hanoi", "perth", "kyiv", "sherbrooke"),
        paces=(Pace(control_hz=40.0),),
    ),
    "held-out": Grounds(
        first_seed=7_000,
        devices=("osaka", "kolkata", "lagos", "kawasaki", "guadalupe", "cairo", "montreal"),
        paces=(
            Pace(control_hz=40.0),
            Pace(control_hz=25.0, canaries=6, calibration_s=15.0),
            Pace(control_hz=50.0, canaries=12, drift=30.0),
        ),
    ),
    "tuning-rates": Grounds(
        first_seed=4_000,
        devices=("brisbane", "hanoi", "perth", "kyiv", "sherbrooke"),
        paces=(
            Pace(control_hz=25.0, canaries=6, calibration_s=15.0),
            Pace(control_hz=50.0, canaries=12, drift=30.0),
            Pace(control_hz=20.0, canaries=4, calibration_s=8.0),
        ),
    ),
    "tuning-slow": Grounds(
        first_seed=5_000,
        devices=("brisbane", "hanoi", "perth", "kyiv", "sherbrooke"),
        paces=(Pace(control_hz=10.0, canaries=9, calibration_s=20.0), Pace(control_hz=16.0, canaries=8)),
    ),
    "held-out-2": Grounds(
        first_seed=31_000,
        devices=("kyoto", "strasbourg", "jakarta", "torino", "peekskill", "paris", "melbourne"),
        paces=(
            Pace(control_hz=35.0, canaries=7, calibration_s=12.0),
            Pace(control_hz=12.5, canaries=10, calibration_s=20.0),
            Pace(control_hz=64.0, canaries=5, drift=45.0),
        ),
    ),
}


class Memory:
    """What the watchers may look back on: five minutes to either side of a finding, an hour at most, as in ``serve``."""

    def __init__(self) -> None:
        self.data: list[Datum] = []

    def note(self, data: list[Datum], now_ns: int) -> None:
        """Keep data, and of what is older than an hour nothing."""
        self.data = [d for d in self.data if _newest(d) > now_ns - HOUR_NS] + data

    def scene(self, finding: Finding) -> Scene:
        """Return the surroundings of a finding, its own stream first."""
        stop = finding.stop_ns + AROUND_NS
        start = max(finding.start_ns - AROUND_NS, stop - HOUR_NS)
        streams: dict[str, list[Series]] = defaultdict(list)
        for d in self.data:
            if isinstance(d, Series) and len(d) and d.t_ns[-1] >= start and d.t_ns[0] < stop:
                streams[d.stream].append(d)
        return Scene(
            series=tuple(
                _joined(streams[s], start, stop) for s in sorted(streams, key=lambda s: (s != finding.stream, s))
            ),
            events=tuple(d for d in self.data if isinstance(d, Event) and start <= d.t_ns < stop),
            snapshots=tuple(d for d in self.data if isinstance(d, DeviceSnapshot))[-10:],
        )


def _newest(datum: Datum) -> int:
    return int(datum.t_ns[-1]) if isinstance(datum, Series) else datum.t_ns


def _joined(parts: list[Series], start_ns: int, stop_ns: int) -> Series:
    first = parts[0]
    return Series(
        tenant=first.tenant, device=first.device, stream=first.stream, channels=first.channels,
        t_ns=np.concatenate([p.t_ns for p in parts]), values=np.concatenate([p.values for p in parts]),
        seq=np.concatenate([p.seq for p in parts]),
    ).between(start_ns, stop_ns)  # fmt: skip


class FridgeLogs:
    """The refrigerator's rows as its log files tell them."""

    def __init__(self) -> None:
        self._clock = LocalTime(UTC)
        self._count: Counter[str] = Counter()

    def read(self, datum: Datum) -> list[Datum]:
        """Return the series of each log file; what is not the refrigerator's passes through."""
        if not isinstance(datum, Series) or datum.stream != "cryostat":
            return [datum]
        files: dict[str, list[bytes]] = defaultdict(list)
        for path, line in log_lines(datum):
            files[path].append(line.encode())
        out: list[Datum] = []
        for path, said in files.items():
            name = log_name(PurePosixPath(path).name)
            assert name is not None
            refusals = Refusals(where=path)
            reader = LogReader(
                name=name, origin="twin", tenant=datum.tenant, device=datum.device, clock=self._clock,
                last_ns=int(datum.t_ns[0]), refusals=refusals,
            )  # fmt: skip
            out += reader.read(said, self._count[path])
            assert not refusals.count, refusals.pieces
            self._count[path] += len(said)
        return out


class Ground:
    """A twin and its watchers after a quiet past; copies of it go different ways."""

    def __init__(self, grounds: Grounds, index: int) -> None:
        device, pace = grounds.devices[index % len(grounds.devices)], grounds.paces[index % len(grounds.paces)]
        self.size = SIZES[index // 2 % len(SIZES)]
        self.lab = Lab(calibrations.snapshots(device), grounds.first_seed + index, T0, pace=pace)
        self.clock, self.memory = ManualClock(T0), Memory()
        self.watch = watching_of(WatchSettings(), self.clock, self.memory.scene)
        self.logs = FridgeLogs() if index % 2 else None
        self.said: list[Finding] = []

    def live(self, seconds: float, step_s: float = 1.0) -> None:
        """Let the twin and its watchers run, ``step_s`` (s) at a time."""
        for _ in range(round(seconds / step_s)):
            data = list(self.lab.advance(step_s))
            if self.logs is not None:
                data = [part for d in data for part in self.logs.read(d)]
            self.memory.note(data, self.lab.now_ns)
            self.clock.set_ns(self.lab.now_ns)
            for d in data:
                self.said += self.watch.observe(d)
            self.said += self.watch.tick(self.lab.now_ns)

    def after(self, *names: str) -> list[Finding]:
        """Return every word said of findings that are not over when ``names`` begin together."""
        one = copy.deepcopy(self, {id(self.memory.data): list(self.memory.data), id(self.said): []})
        begun = one.lab.now_ns
        for name in names:
            listed = find(name)
            factor, lasting, burst = self.size if listed.kind == "innocent" else (1.0, 30.0, 0.0)
            strength = min(max(listed.usual * factor, listed.low), listed.high)
            one.lab.perturb(name, strength, burst if name == "radiation_burst" else lasting)
        one.live(60)
        return [f for f in one.said if f.stop_ns >= begun and not f.rule.startswith("watch.quality.s")]


def streams_of(name: str) -> set[str]:
    """Return the streams that a perturbation may move."""
    return {m.split("/")[0] for m in find(name).moves} - {"events"}


def word(finding: Finding) -> dict[str, object]:
    """Return what one word of a finding says, for the lines file."""
    return {
        "rule": finding.rule.removeprefix("watch."),
        "stream": finding.stream,
        "of": "cryostat" if FRIDGE.fullmatch(finding.stream) else finding.stream,
        "explained": [c.cause.rsplit(".", 1)[-1] for c in finding.causes if c.explained],
        "channels": [f"{a.channel} {a.share:.2f}" for a in finding.attribution[:4]],
        "refused": {c.cause.rsplit(".", 1)[-1]: c.reason[:160] for c in finding.causes if not c.explained},
        "start_ns": finding.start_ns,
    }


def live(which: str, first: int, runs: int, lines: Path, only: str) -> None:
    """Run the grounds and append a line per run and perturbation to ``lines``."""
    grounds = GROUNDS[which]
    wanted = [(n,) for n in INNOCENT] + list(HIDDEN)
    for index in range(first, first + runs):
        ground = Ground(grounds, index)
        ground.live(QUIET_S, 10.0)
        pages = [word(f) for f in ground.said if not f.explained and not f.rule.startswith("watch.quality.s")]
        rows: list[dict[str, object]] = [{"index": index, "names": [], "words": pages}]
        for names in wanted:
            if only and only not in names:
                continue
            rows.append({"index": index, "names": names, "words": [word(f) for f in ground.after(*names)]})
        with lines.open("a") as out:
            out.writelines(json.dumps(row | {"ground": which, "t0": T0}) + "\n" for row in rows)
        print(f"{which} {index} done", flush=True)


def share(k: int, n: int) -> str:
    """K of n with its 95% Wilson interval."""
    if n == 0:
        return "0/0"
    low, high = wilson(k, n)
    return f"{k}/{n} = {k / n:.2f} ({low:.2f} to {high:.2f})"


def table(lines: Path, which: str) -> list[Figure]:
    """Print what the lines say, and return it."""
    rows = [r for r in map(json.loads, lines.read_text().splitlines()) if r["ground"] == which]
    calm: dict[str, list[int]] = {}
    dark: dict[tuple[str, str], list[int]] = {}
    by: dict[str, Counter[str]] = {}
    for row in rows:
        words = row["words"]
        alone = [w for w in words if not w["explained"]]
        if len(row["names"]) == 1:
            name = row["names"][0]
            own = streams_of(name)
            tally = calm.setdefault(name, [0, 0, 0, 0])
            for i, hit in enumerate(
                (True, any(w["of"] in own for w in words), any(w["of"] in own for w in alone), bool(alone))
            ):
                tally[i] += hit
            by.setdefault(name, Counter()).update({f"{w['rule']}@{w['stream']}" for w in alone})
        elif row["names"]:
            attack, cause = row["names"]
            own = streams_of(attack)
            tally = dark.setdefault((attack, cause), [0, 0, 0])
            for i, hit in enumerate((True, any(w["of"] in own for w in words), any(w["of"] in own for w in alone))):
                tally[i] += hit
    print("| innocent cause | runs | seen | paged on its streams | paged anywhere | by |\n|---|---|---|---|---|---|")
    for name, (n, seen, paged, anywhere) in calm.items():
        told = ", ".join(f"{k} {v}" for k, v in by[name].most_common(4))
        print(f"| {name} | {n} | {seen} | {paged} | {anywhere} | {told} |")
    print("\n| attack | under | runs | seen | found unexplained |\n|---|---|---|---|---|")
    for (attack, cause), (n, seen, found) in dark.items():
        print(f"| {attack} | {cause} | {n} | {seen} | {found} |")
    runs = sum(r[0] for r in calm.values())
    shown = sum(r[1] for r in calm.values())
    totals = (
        ("not paged anywhere", runs - sum(r[3] for r in calm.values()), runs, ("≥ 95%", 0.95)),
        ("not paged on its own streams", runs - sum(r[2] for r in calm.values()), runs, ("", None)),
        ("of those seen: explained", sum(r[1] - r[2] for r in calm.values()), shown, ("", None)),
        ("hidden attacks found", sum(r[2] for r in dark.values()), sum(r[0] for r in dark.values()), ("≥ 80%", 0.8)),
    )
    print()
    for what, k, n, _ in totals:
        print(f"{what} {share(k, n)}")
    past = [r for r in rows if not r["names"]]
    hours = len(past) * QUIET_S / 3_600
    print(f"pages in the quiet past: {sum(len(r['words']) for r in past)} words in {hours:.1f} device-hours")
    return [share_of("D6", f"{what}, {which}", k, n, goal=goal[0], least=goal[1]) for what, k, n, goal in totals]


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--ground", choices=tuple(GROUNDS), default="held-out-2")
    parser.add_argument("--first", type=int, default=0, help="first lab")
    parser.add_argument("--runs", type=int, default=21, help="labs")
    parser.add_argument("--only", default="", help="one perturbation, alone and where it hides or is hidden under")
    parser.add_argument(
        "--lines",
        type=Path,
        help="a line per run; runs append to it [default: causes.jsonl; with --quick, one of its own]",
    )
    parser.add_argument("--table", action="store_true", help="print the table of the lines and run nothing")


def run_bench(a: Namespace) -> list[Figure]:
    """Run the labs and print the table of all lines of this ground."""
    if a.quick:
        with tempfile.TemporaryDirectory(prefix="mumetal-bench-") as folder:
            lines = Path(folder) / "causes.jsonl"
            live(a.ground, a.first, 1, lines, a.only)
            return table(lines, a.ground)
    lines = a.lines or Path("causes.jsonl")
    if not a.table:
        live(a.ground, a.first, a.runs, lines, a.only)
    if not lines.is_file():
        raise BadInputError("there are no lines yet", where=str(lines), hint="run without --table first")
    return table(lines, a.ground)
