"""D6: innocent causes that must be explained and not paged, and attacks hidden under one that must still be found.

Ours on ours (the twin is Mumetal's own): the figures show that the rooms work together, never that they work in the
world. Three grounds that share no seed, no device and no lab layout: ``tuning`` is what the causes are tuned on, ``held-out`` is what
is reported. A run is a quiet past and a minute from the start of the perturbation; *paged* is any word, also a provisional
one that was withdrawn later, of a finding without an explanation.
"""

import argparse
import copy
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.loop import Memory
from mumetal.catalog import calibrations
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.settings import WatchSettings
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.watch.watch import Watch

INNOCENT = ("tls_jump", "radiation_burst", "pulse_tube", "warm_up", "authorised_recalibration", "co_tenant_load")
HIDDEN = (  # attack, the cause it hides under
    ("cryostat_sabotage", "warm_up"), ("telemetry_replay", "warm_up"), ("crosstalk_hammering", "co_tenant_load"),
    ("timing_covert_channel", "co_tenant_load"), ("calibration_misreport", "authorised_recalibration"),
    ("device_substitution", "authorised_recalibration"), ("config_edit", "authorised_recalibration"),
    ("config_edit", "tls_jump"), ("timing_covert_channel", "pulse_tube"), ("config_edit", "radiation_burst"),
)  # fmt: skip
QUIET_S = 1_500.0
T0 = 1_790_000_000 * 10**9


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
}


class Ground:
    """A twin and its watchers after a quiet past; copies of it go different ways."""

    def __init__(self, grounds: Grounds, index: int) -> None:
        device, pace = grounds.devices[index % len(grounds.devices)], grounds.paces[index % len(grounds.paces)]
        self.lab = Lab(calibrations.snapshots(device), grounds.first_seed + index, T0, pace=pace)
        self.clock, self.memory = ManualClock(T0), Memory()
        self.watch = Watch(WatchSettings(), self.clock, self.memory.scene)
        self.said: list[Finding] = []

    def live(self, seconds: int) -> None:
        """Let the twin and its watchers run."""
        for _ in range(seconds):
            data = self.lab.advance(1.0)
            self.memory.data += data
            self.clock.set_ns(self.lab.now_ns)
            for d in data:
                self.said += self.watch.observe(d)
            self.said += self.watch.tick(self.lab.now_ns)

    def after(self, *names: str) -> list[Finding]:
        """Return every word said of findings that are not over when ``names`` begin together."""
        one = copy.deepcopy(self)
        one.said = []
        begun = one.lab.now_ns
        for name in names:
            one.lab.perturb(name, find(name).usual, 0.15 if name == "radiation_burst" else 30.0)
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
        ground.live(round(QUIET_S))
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
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + s * half) / (1 + z * z / n) for s in (-1, 1))
    return f"{k}/{n} = {p:.2f} ({low:.2f} to {high:.2f})"


def table(lines: Path, which: str) -> None:
    """Print what the lines say."""
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
                (True, any(w["stream"] in own for w in words), any(w["stream"] in own for w in alone), bool(alone))
            ):
                tally[i] += hit
            by.setdefault(name, Counter()).update({f"{w['rule']}@{w['stream']}" for w in alone})
        elif row["names"]:
            attack, cause = row["names"]
            own = streams_of(attack)
            tally = dark.setdefault((attack, cause), [0, 0, 0])
            for i, hit in enumerate(
                (True, any(w["stream"] in own for w in words), any(w["stream"] in own for w in alone))
            ):
                tally[i] += hit
    print("| innocent cause | runs | seen | paged on its streams | paged anywhere | by |\n|---|---|---|---|---|---|")
    for name, (n, seen, paged, anywhere) in calm.items():
        told = ", ".join(f"{k} {v}" for k, v in by[name].most_common(4))
        print(f"| {name} | {n} | {seen} | {paged} | {anywhere} | {told} |")
    print("\n| attack | under | runs | seen | found unexplained |\n|---|---|---|---|---|")
    for (attack, cause), (n, seen, found) in dark.items():
        print(f"| {attack} | {cause} | {n} | {seen} | {found} |")
    runs = sum(r[0] for r in calm.values())
    print(f"\nnot paged anywhere {share(runs - sum(r[3] for r in calm.values()), runs)}")
    print(f"not paged on its own streams {share(runs - sum(r[2] for r in calm.values()), runs)}")
    shown = sum(r[1] for r in calm.values())
    print(f"of those seen: explained {share(sum(r[1] - r[2] for r in calm.values()), shown)}")
    print(f"hidden attacks found {share(sum(r[2] for r in dark.values()), sum(r[0] for r in dark.values()))}")
    past = [r for r in rows if not r["names"]]
    hours = len(past) * QUIET_S / 3_600
    print(f"pages in the quiet past: {sum(len(r['words']) for r in past)} words in {hours:.1f} device-hours")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--ground", choices=tuple(GROUNDS), default="held-out")
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--runs", type=int, default=21)
    p.add_argument("--only", default="", help="one perturbation by name, alone and where it hides or is hidden under")
    p.add_argument("--lines", type=Path, default=Path("causes.jsonl"), help="a line per run; runs append to it")
    p.add_argument("--table", action="store_true", help="print the table of the lines and run nothing")
    a = p.parse_args()
    if not a.table:
        live(a.ground, a.first, a.runs, a.lines, a.only)
    table(a.lines, a.ground)
