"""The benches, one entry each. A new one: a module with ``add_options`` and ``run_bench``, and an entry here."""

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from bench.figure import BenchModule

SERIES = "<set>/<series>.npz of public series"
QPROV = "QPROV's daily calibrations in qprov/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One bench.

    Args:
        name: As it is called.
        bars: Which bars it answers.
        says: What it measures, one line.
        module: Where it is.
        preset: Options that this name stands for.
        data: What the folder or file of ``--data`` holds; empty where the bench takes none.
        required: Whether it cannot run without ``--data``.
        extra: The part of the package that it needs beside ``server``.
        quick: What ``--quick`` leaves out; empty where the whole ends within ten minutes anyway.
    """

    name: str
    bars: tuple[str, ...]
    says: str
    module: str
    preset: tuple[str, ...] = ()
    data: str = ""
    required: bool = False
    extra: str = ""
    quick: str = ""

    def load(self) -> BenchModule:
        """Import the module."""
        return cast("BenchModule", import_module(self.module))


BENCHES: tuple[Bench, ...] = (
    Bench(
        name="loop", bars=("W2", "W3", "W4", "W5", "W6", "D12"), module="bench.loop.whole",
        says="the watch loop in one table: pipeline, tier 1, doors, store",
        quick="all kills but 5 and all minutes of memory but 0.2",
    ),
    Bench(
        name="store", bars=("W2", "W5", "W6"), module="bench.loop.store",
        says="durable ingest, memory, kill -9", quick="all kills but 5 and all minutes of memory but 0.2",
    ),
    Bench(
        name="doors", bars=("W3", "W8"), module="bench.loop.doors",
        says="each parser alone; --hdf5 N: damaged HDF5 files",
    ),
    Bench(
        name="pipeline", bars=("W3", "W4"), module="bench.loop.pipeline",
        says="cost of a door over its parts; acknowledged to scored",
    ),
    Bench(
        name="restart", bars=("W10",), module="bench.loop.restart",
        says="from the saved state of 40 learnt streams to streams that watch",
    ),
    Bench(
        name="large-store", bars=("W10",), module="bench.loop.large_store",
        says="start over a store of 12 M rows, after a clean stop and after kill -9",
    ),
    Bench(
        name="twin", bars=("W9",), module="bench.twin.daily", data=QPROV,
        says="the twin against real daily statistics; without --data, distances and speed alone",
        quick="all but 4 twins per device",
    ),
    Bench(
        name="ground", bars=("W12",), module="bench.twin.ground",
        says="how fast a twin and a whole stack live on a virtual clock", quick="all hours but 6 of each ground",
    ),
    Bench(
        name="watch", bars=("D1", "D2", "D3", "D4", "D7"), module="bench.watch.beside_peers", required=True, extra="train",
        data=f"{SERIES} (also in tsad/), {QPROV}, or both",
        says="detectors and their peers on labelled series and attacked calibrations",
        quick="all but 3 series per set",
    ),
    Bench(
        name="live", bars=("D15",), module="bench.watch.live", data=SERIES, required=True,
        says="the live watch over public series, at two false pages a week",
        quick="all but 3 series per set",
    ),
    Bench(
        name="foreign", bars=("D16",), module="bench.foreign.watched",
        says="the live watch over independently written traces: found in time, innocent causes not paged",
        quick="all but 18 traces",
    ),
    Bench(
        name="confidence", bars=("D11",), module="bench.watch.confidence", data=SERIES,
        says="calibration of confidence, uniform p-values; with --data also on public histories",
        quick="all but 3 seeds per background",
    ),
    Bench(
        name="commits", bars=("D4",), module="bench.watch.commits", required=True,
        data="the file qrc_history_long.csv.gz", says="attacks injected into calibrations kept in Git, commit by commit",
        quick="all but 2 platforms",
    ),
    Bench(
        name="fast", bars=("D5",), module="bench.watch.fast",
        says="false alerts at equal recall on the twin's fast telemetry", quick="all but 2 labs",
    ),
    Bench(
        name="encoder", bars=("D5", "D7"), module="bench.watch.encoder", extra="train",
        says="detectors with and without their encoder on the twin", quick="all but 2 labs",
    ),
    Bench(
        name="perturbations", bars=("D6",), module="bench.watch.perturbations",
        says="what the watchers make of each perturbation of the twin", quick="all but one seed each",
    ),
    Bench(
        name="causes", bars=("D6",), module="bench.watch.causes",
        says="innocent causes explained, and attacks hidden under one found, on the twin", quick="all but one lab",
    ),
    Bench(
        name="attribution", bars=("D10",), module="bench.watch.attribution", data=QPROV, required=True,
        says="edited figures that lead the attribution, on real calibrations", quick="all but the first strength",
    ),
    Bench(
        name="attribution-changes", bars=("D10",), module="bench.watch.attribution_changes", data=SERIES,
        says="changed channels that lead the attribution, on public series or the twin",
        quick="all but 200 changes, or one lab",
    ),
    Bench(
        name="power", bars=("D8", "D9"), module="bench.watch.power",
        says="covert and side channels against the optimal test (--what timing, shots or leak)",
        quick="most runs, and shifts below half a deviation",
    ),
    Bench(name="tier1", bars=("D12",), module="bench.watch.tier1", says="rows per CPU-second, detectors of every sample"),
    Bench(name="tier2", bars=("D12",), module="bench.watch.tier2", says="rows per CPU-second, window detectors, encoder"),
    Bench(
        name="scan", bars=("S1", "S2", "S3", "S4", "S5"), module="bench.scan.beside_peers",
        data="labels.jsonl and files/ (S1)", says="secrets and noise beside peers, speed, start",
        quick="all but one turn of each speed",
    ),
    Bench(
        name="code", bars=("S3", "S4"), module="bench.scan.code", data="a tree of honest sources",
        says="code findings per 100,000 lines of honest trees",
    ),
    Bench(
        name="circuits", bars=("S8",), module="bench.scan.circuits",
        says="hostile circuits found, honest ones flagged, by family", quick="all but 5 circuits per family",
    ),
    Bench(
        name="circuits-blind", bars=("S8",), module="bench.scan.circuits_blind",
        says="the same on families written from papers by others", quick="all but 5 circuits per family",
    ),
    Bench(
        name="fuzz", bars=("W8",), module="bench.scan.fuzz", says="mutated inputs into each parser of the scan",
        quick="all but 10,000 inputs per parser",
    ),
    Bench(
        name="trust", bars=("T1", "T2", "T3", "T4", "T5", "T6", "T7"), module="bench.trust.promises",
        data="images as scripts/fetch_firmware.py makes them", says="releases, implants, ledger and models in one table",
        quick="all but two images per family, most ledgers, labs and months; large images",
    ),
    Bench(
        name="firmware", bars=("T1", "T2", "T3"), module="bench.trust.promises", preset=("--only", "firmware"),
        data="images as scripts/fetch_firmware.py makes them", says="cost of verification, tampering, implants in updates",
        quick="all but two images per family; large images",
    ),
    Bench(
        name="ledger", bars=("T4",), module="bench.trust.promises", preset=("--only", "ledger"),
        says="appends, proofs, altered ledgers", quick="all but 20,000 leaves and 20 alterations",
    ),
    Bench(
        name="models", bars=("T5", "T6", "T7"), module="bench.trust.promises", preset=("--only", "models"),
        says="altered models, poisoned training, drift", quick="all but a few seeds and one month",
    ),
    Bench(
        name="whole-ledger", bars=("T1", "T4"), module="bench.trust.whole_ledger",
        says="the ledger at its whole size: kills, tamperings, ten million entries; signatures",
        quick="all but 20 kills, 50 tamperings, 100,000 entries, one round",
    ),
    Bench(
        name="attack", bars=("T8",), module="bench.attack.whole",
        says="what attackers did to it, again: ledgers forged with each access there is", quick="all but 30 forgeries",
    ),
)  # fmt: skip


def named(name: str) -> Bench | None:
    """Return the bench of that name."""
    return next((bench for bench in BENCHES if bench.name == name), None)
