"""D5 and D7 on the twin: the window detectors with and without the encoder, beside peers, on labs never trained on.

Ours on ours: it shows that what is claimed of public data holds on quantum telemetry as the twin makes it, never that it
holds in the world. Devices, seeds and layouts (canaries, rates) are others than those of training; attacks come at the
twin's own usual strengths. Innocent causes between them count as false alerts, for no window detector knows the events
that explain them; ``--no-innocent`` leaves them out. ``--encoder DIR`` may be repeated.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.figure import Figure
from bench.watch.evaluate import run
from bench.watch.metrics import Desk
from bench.watch.peers import contenders, ours
from bench.watch.sets import Labelled, series_of
from bench.watch.tables import as_text, figures_of
from mumetal.app.models.encoders import named, shipped
from mumetal.catalog import calibrations
from mumetal.core.ports import Truth
from mumetal.core.series import Series
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find

DEVICES = ("brisbane", "hanoi", "perth", "kyiv", "sherbrooke")  # training has others
ATTACKS = {
    "cryostat": ("cryostat_sabotage", "telemetry_replay"),
    "qubits": ("crosstalk_hammering", "config_edit", "device_substitution"),
    "control": ("timing_covert_channel",),
}
INNOCENT = ("tls_jump", "pulse_tube", "co_tenant_load", "warm_up")
HISTORY_S, LASTING_S, QUIET_S = 1_500.0, 60.0, 240.0
T0 = 1_795_000_000 * 10**9
PEERS = ("static limits", "EWMA", "Mahalanobis", "Sub-PCA")


def labs(count: int, innocent: bool = True) -> Iterator[Labelled]:
    """Run labs and yield their streams with the truth as labels."""
    for index in range(count):
        rng = np.random.default_rng([77, index])
        pace = Pace(
            control_hz=float(rng.choice([0.5, 1.0, 2.0])), cryostat_hz=1.0, qubits_hz=1.0, queue_hz=0.0,
            calibration_s=float("inf"), canaries=int(rng.integers(4, 13)), people=False,
        )  # fmt: skip
        device = DEVICES[index % len(DEVICES)]
        lab = Lab(calibrations.snapshots(device), 9_000 + index, T0, pace=pace)
        parts: dict[str, list[Series]] = {}

        def live(seconds: float, lab: Lab = lab, parts: dict[str, list[Series]] = parts) -> None:
            for datum in lab.advance(seconds):
                if isinstance(datum, Series):
                    parts.setdefault(datum.stream, []).append(datum)

        live(HISTORY_S)
        planned = [name for names in ATTACKS.values() for name in names] + (list(INNOCENT) if innocent else [])
        truths: list[tuple[str, Truth]] = []
        for name in rng.permutation(planned):
            live(QUIET_S * float(rng.uniform(0.7, 1.3)))
            truths.append((str(name), lab.perturb(str(name), find(str(name)).usual, LASTING_S)))
            live(LASTING_S)
        live(QUIET_S)
        for stream, attacks in ATTACKS.items():
            t_ns = np.concatenate([part.t_ns for part in parts[stream]])
            values = np.concatenate([part.values for part in parts[stream]])
            labels = np.zeros(len(t_ns), bool)
            for name, truth in truths:
                if name in attacks:
                    labels |= (t_ns >= truth.start_ns) & (t_ns < truth.stop_ns)
            past = int((t_ns < T0 + HISTORY_S * 1e9).sum())
            yield OnDesk(
                set_name=stream, name=f"{device}-{index}", history=series_of(values[:past], 0),
                test=series_of(values[past:], past), labels=labels[past:],
            )  # fmt: skip


class OnDesk(Labelled):
    """A stream of the twin, its alerts counted as at a desk that gives an event a minute."""

    @property
    def desk(self) -> Desk:
        """How alerts are counted."""
        return Desk(tolerance=60, gap=20, deadline=90)


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--labs", type=int, default=10)
    parser.add_argument(
        "--encoder", type=Path, action="append", default=[], help="folder of a trained one; may be repeated"
    )
    parser.add_argument("--no-innocent", action="store_true", help="no innocent causes beside the attacks")


def run_bench(a: Namespace) -> list[Figure]:
    """Run labs and print the tables."""
    detectors = ours(named(a.encoder) if a.encoder else {"shipped": shipped()})
    makes, missing = contenders(detectors)
    chosen = {k: v for k, v in makes.items() if k in PEERS or k == "mumetal" or "encoder" in k}
    played = labs(2 if a.quick else a.labs, not a.no_innocent)
    report = run(chosen, played, detectors, missing, 0, lambda s: print(s, file=sys.stderr, flush=True))
    print(as_text(report))
    return figures_of(report, ground="twin", bars=("D5", "D5", "D5", "D7"))
