"""Bars T5 to T7: ``python -m bench.models [--quick]``; every figure beside a baseline of the same run.

T5 alters a real registry (hybrid signatures, chained ledger) and times rollbacks; baseline: a manifest of digests that
whoever can write the folder can write as well. T6 trains PCA scorers on poisoned rows and sends them through all gates;
baseline: no gate. T7 counts alarms over days without a drift and with one; baselines: PSI > 0.2, and a KS test that takes
neighbours for independent.
"""

import argparse
import hashlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.model_files import background, pca_model, promises

from mumetal.core.artefact import Artefact
from mumetal.core.errors import MumetalError
from mumetal.numerics import drift
from mumetal.numerics.ranking import auc
from mumetal.serve import models
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import REQUIRED, judge
from mumetal.trust.models.gates.trial import Trial
from mumetal.trust.models.health.checkup import ALARM, Patient, look
from mumetal.trust.models.manifest import manifest_of
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateOutcome, GateReport
from mumetal.trust.models.scorer import OnnxScorer
from mumetal.trust.packaged_models import PackagedModels

Array = NDArray[np.float64]
ATTACK = np.array([1.0, -1.0, 1.0, 1.0])


def say(bar: str, what: str, figure: str, baseline: str) -> None:
    print(f"| {bar} | {what} | {figure} | {baseline} |", flush=True)


def registry(folder: Path, versions: int) -> None:
    """Fill a registry with versions that were active one after the other."""
    for seed in range(versions):
        with models.changing(folder, make=True) as desk:
            act, who = desk.lifecycle, desk.actor
            version = act.register(who, "m", pca_model(background(seed=seed)), promises())
            active = desk.registry.record("m").in_state(State.ACTIVE)
            report = GateReport(
                name="m",
                version=version,
                against=active.version if active else "",
                data="0" * 64,
                t_ns="1",
                outcomes=tuple(GateOutcome(gate=g, passed=True, reason="bench") for g in sorted(REQUIRED)),
            )
            act.promote(who, "m", version, report)
            for _ in range(2):
                act.approve(who, "m", version)
                act.promote(who, "m", version)


def t5(trials: int) -> None:
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as name:
        store = Path(name)
        registry(store, 12)
        with models.reading(store) as opened:
            active = opened.record("m").in_state(State.ACTIVE)
            assert active is not None
            sha = opened.manifest("m", active.version).sha256
        places = [
            store / "models" / "objects" / sha[:2] / sha,
            store / "models" / "manifests" / f"{active.version}.sealed",
            store / "models" / "records" / "m.sealed",
            store / "models" / "root.json",
        ]
        refused = 0
        for trial in range(trials):
            path = places[trial % len(places)]
            good = path.read_bytes()
            path.write_bytes(_altered(good, rng))
            refused += not _loads(store)
            path.write_bytes(good)
        assert _loads(store)
        packaged = sum(_packaged_loads(store, rng) for _ in range(20))
        say("T5", f"altered objects, manifests, records and roots refused (n = {trials})", f"{refused}/{trials}",
            f"manifest of digests rewritten with the file: {packaged}/20 load")  # fmt: skip
        times = []
        for _ in range(10):
            began = time.perf_counter()
            with models.changing(store) as desk:
                desk.lifecycle.roll_back(desk.actor, "m", "bench")
            with models.reading(store) as opened:
                opened.load("m")
            times.append(time.perf_counter() - began)
        say("T5", "rollback: opened, verified, signed, 2 durable entries, loaded again (n = 10)",
            f"median {np.median(times) * 1e3:.0f} ms, worst {max(times) * 1e3:.0f} ms", "bar 1 s")  # fmt: skip


def _altered(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data)))
    match int(rng.integers(4)):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data + b"\0"
        case _:
            return pca_model(background(seed=int(rng.integers(100, 999))))


def _loads(store: Path) -> bool:
    try:
        with models.reading(store) as opened:
            opened.load("m")
    except MumetalError:
        return False
    return True


def _packaged_loads(store: Path, rng: np.random.Generator) -> bool:
    folder = store / "packaged"
    folder.mkdir(exist_ok=True)
    evil = pca_model(background(seed=int(rng.integers(100, 999))))
    (folder / "m.onnx").write_bytes(evil)
    (folder / "manifest.json").write_text(json.dumps({"m.onnx": hashlib.sha256(evil).hexdigest()}))
    return PackagedModels(folder).load("m.onnx").data == evil


def scorer(data: bytes) -> OnnxScorer:
    return OnnxScorer(Artefact(uri="m", kind="model", data=data))


def held_out(seed: int) -> tuple[Array, NDArray[np.bool_]]:
    rows, label = background(2_000, seed), np.arange(2_000) % 10 == 3
    rows[label] += 1.2 * ATTACK
    return rows, label


def poisoned(seed: int, part: float, strength: float) -> Array:
    rows = background(3_000, seed)
    chosen = np.random.default_rng(seed).random(len(rows)) < part
    rows[chosen] += strength * ATTACK
    return rows


def t6(seeds: int) -> None:
    names = {"crude (as the attack, 2.5)": 2.5, "stealthy (0.4, below the thresholds)": 0.4}
    for kind, strength in names.items():
        for part in (0.0, 0.01, 0.05, 0.1):
            if part == 0.0 and strength != 2.5:
                continue
            stopped, by, lost_all, lost_through = 0, set[str](), [], []
            for seed in range(seeds):
                rows, label = held_out(1_000 + seed)
                training = poisoned(2_000 + seed, part, strength)
                data = pca_model(training)
                active, candidate = scorer(pca_model(background(3_000, seed))), scorer(data)
                outcomes = judge(
                    Trial(
                        manifest=manifest_of("m", data, Kind.ONNX, promises()), size=len(data), candidate=candidate,
                        active=active, rows=rows, anomalous=label, training=training,
                        rng=np.random.default_rng(seed), timer_ns=time.process_time_ns,
                    )
                )  # fmt: skip
                refusals = [o.gate.rsplit(".", 1)[-1] for o in outcomes if not o.passed]
                by |= set(refusals)
                scored = [m.score(rows) for m in (active, candidate)]
                was, has = (auc(s[~label], s[label]) for s in scored)
                lost_all.append(100 * (was - has))
                if refusals:
                    stopped += 1
                else:
                    lost_through.append(100 * (was - has))
            low, high = wilson(stopped, seeds)
            what = "clean: false refusals" if part == 0 else f"{part:.0%} {kind}: stopped"
            through = f"worst loss of those through {max(lost_through):+.1f} points" if lost_through else "none through"
            say("T6", what, f"{stopped}/{seeds} (95% {low:.2f} to {high:.2f}; by {', '.join(sorted(by)) or '–'}); {through}",
                f"without gates: mean loss {np.mean(lost_all):+.1f}, worst {max(lost_all):+.1f} points")  # fmt: skip


def wilson(k: int, n: int) -> tuple[float, float]:
    z, p = 1.96, k / n
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, float((centre - half) / (1 + z * z / n))), min(1.0, float((centre + half) / (1 + z * z / n)))


def correlated(n: int, r: float, rng: np.random.Generator) -> Array:
    """Rows of two hidden causes and noise, each an AR(1) of the same correlation."""
    hidden, noise = (_ar(rng.normal(size=(n, width)), r) for width in (2, 4))
    mixing = np.array([[1.0, 0.3], [0.8, -0.5], [0.2, 1.0], [-0.6, 0.7]])
    return hidden @ mixing.T + 0.3 * noise


def _ar(x: Array, r: float) -> Array:
    for i in range(1, len(x)):
        x[i] = r * x[i - 1] + np.sqrt(1 - r * r) * x[i]
    return x


def t7(months: int, shifted: int) -> None:
    day, week = 480, 7 * 480
    for r in (0.5, 0.9):
        rng = np.random.default_rng(int(r * 10))
        counts: dict[str, list[int]] = {"ours": [0, 0], "PSI > 0.2": [0, 0], "KS, rows as independent": [0, 0]}
        for days, shift, column in ((30 * months, 0.0, 0), (shifted, 0.5, 1)):
            for rows, patient in itertools.islice(_days(r, day, week, rng), days):
                moved = rows + shift * patient.reference.std(axis=0) * (np.arange(4) == 2)
                counts["ours"][column] += look(patient, moved, rng=rng).ails
                counts["PSI > 0.2"][column] += bool(drift.psi(patient.reference, moved).max() > 0.2)
                naive = drift.drift_test(patient.reference, moved, rng=rng, permutations=599, block=1)
                counts["KS, rows as independent"][column] += naive.ks.p <= ALARM / 3
        ours, *others = counts.items()
        low, high = wilson(ours[1][1], shifted)
        say("T7", f"correlation {r} of neighbours, 480 rows a day, one of four channels moved by 0.5 σ",
            f"{ours[1][0] / months:.2f} alarms a model-month (n = {months} months); "
            f"power {ours[1][1] / shifted:.2f} in a day (95% {low:.2f} to {high:.2f}, n = {shifted})",
            "; ".join(f"{n}: {c[0] / months:.1f} a month, power {c[1] / shifted:.2f}" for n, c in others))  # fmt: skip


def _days(r: float, day: int, week: int, rng: np.random.Generator) -> Iterator[tuple[Array, Patient]]:
    while True:
        reference = correlated(week, r, rng)
        runs = scorer(pca_model(reference))
        patient = Patient(name="m", version="0" * 64, channels=("a", "b", "c", "d"), scorer=runs, reference=reference)
        for _ in range(10):
            yield correlated(day, r, rng), patient


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    print(
        f"# {os.cpu_count()} cores, Python {sys.version.split()[0]}\n\n| bar | what | figure | baseline |\n|---|---|---|---|"
    )
    for name, run in (
        ("t5", lambda: t5(40 if given.quick else 200)),
        ("t6", lambda: t6(5 if given.quick else 30)),
        ("t7", lambda: t7(1 if given.quick else 3, 10 if given.quick else 20)),
    ):
        if given.only in {"", name}:
            run()


if __name__ == "__main__":
    main()
