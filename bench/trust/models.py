"""Bars T5 to T7; every figure beside a baseline of the same run.

T5 alters a real registry (hybrid signatures, the stack's ledger) and times rollbacks; baseline: a manifest of digests that
whoever can write the folder can write as well. T6 trains PCA scorers on poisoned rows and sends them through all gates;
baseline: no gate. T7 counts alarms over days without a drift and with one; peers: PSI > 0.2, and a KS test that takes
neighbours for independent; bound: the most powerful test of that very shift, which knows the channel, the sign and the law.
"""

import hashlib
import itertools
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.figure import Figure, figure_of, share_of
from bench.shares import poisson_interval, wilson
from bench.trust.scorers import background, pca_model, promises
from mumetal.access.api import person_scope
from mumetal.app.models.registry import changing
from mumetal.core import LOCAL
from mumetal.core.artefact import Artefact
from mumetal.core.errors import MumetalError
from mumetal.core.ports import Decision, Request
from mumetal.numerics import drift
from mumetal.numerics.normal import chi2_upper, z_upper
from mumetal.numerics.ranking import auc
from mumetal.trust.models import opening as models
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
MIXING = np.array([[1.0, 0.8, 0.2, -0.6], [0.3, -0.5, 1.0, 0.7]])
ATTACK = np.array([1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    bar: str
    what: str
    figure: str
    baseline: str
    number: Figure | None = None


class Everybody:
    """Permits every person everything, so that several can act in one process."""

    def authorize(self, request: Request) -> Decision:
        """Return a permit."""
        return Decision(request=request, permitted=True, policies=("bench",), version="1")


def registry(folder: Path, versions: int) -> None:
    """Fill a registry with versions that were active one after the other."""
    who, other = (person_scope(LOCAL, name).principal for name in ("ada", "bob"))
    for seed in range(versions):
        with models.changing(folder, principal=who, authorizer=Everybody(), make=True) as desk:
            act = desk.lifecycle
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
                act.approve(other, "m", version)
                act.promote(who, "m", version)


def t5(trials: int) -> Iterator[Row]:
    """Alter a real registry's objects, manifests, records and roots; time rollbacks."""
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
        yield Row("T5", f"altered objects, manifests, records and roots refused (n = {trials})", f"{refused}/{trials}",
            f"manifest of digests rewritten with the file: {packaged}/20 load",
            share_of("T5", "altered objects, manifests, records and roots refused", refused, trials, goal="all", least=1.0))  # fmt: skip
        times, spent = [], []
        for _ in range(10):
            began, used = time.perf_counter(), time.process_time()
            with changing(store) as desk:
                desk.lifecycle.roll_back(desk.principal, "m", "bench")
            with models.reading(store) as opened:
                opened.load("m")
            times.append(time.perf_counter() - began)
            spent.append(time.process_time() - used)
        yield Row("T5", "rollback: opened, verified, signed, 2 durable entries, loaded again (n = 10)",
            f"processor time: median {np.median(spent) * 1e3:.0f} ms, worst {max(spent) * 1e3:.0f} ms; wall: median {np.median(times) * 1e3:.0f} ms, worst {max(times) * 1e3:.0f} ms", "bar 1 s",
            figure_of("T5", "rollback, wall time, worst, s", max(times), n=len(times), goal="< 1", most=1.0))  # fmt: skip


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
    """Return a runnable model."""
    return OnnxScorer(Artefact(uri="m", kind="model", data=data))


def held_out(seed: int) -> tuple[Array, NDArray[np.bool_]]:
    """Return held-out rows, shape (2000, 4), and which of them are an attack."""
    rows, label = background(2_000, seed), np.arange(2_000) % 10 == 3
    rows[label] += 1.2 * ATTACK
    return rows, label


def poisoned(seed: int, part: float, strength: float) -> Array:
    """Return training rows of which a part was moved towards the attack."""
    rows = background(3_000, seed)
    chosen = np.random.default_rng(seed).random(len(rows)) < part
    rows[chosen] += strength * ATTACK
    return rows


def t6(seeds: int) -> Iterator[Row]:
    """Send models trained on poisoned rows through all gates, and clean ones too."""
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
            yield Row("T6", what, f"{stopped}/{seeds} (95% {low:.2f} to {high:.2f}; by {', '.join(sorted(by)) or '–'}); {through}",
                f"without gates: mean loss {np.mean(lost_all):+.1f}, worst {max(lost_all):+.1f} points",
                _gated(what, stopped, seeds, lost_through))  # fmt: skip


def _gated(what: str, stopped: int, seeds: int, through: list[float]) -> Figure:
    """Return the share stopped; the goal is met where all that came through lost at most two points."""
    if what.startswith("clean"):
        return share_of("T6", what, stopped, seeds)
    one = share_of(
        "T6", f"{what}; worst loss of AUC of those through {max(through, default=0.0):+.1f} points", stopped, seeds
    )
    return msgspec.structs.replace(one, goal="≤ 2 points, or stopped", met=max(through, default=0.0) <= 2)


def correlated(n: int, r: float, mixed: bool, rng: np.random.Generator) -> Array:
    """Rows of two hidden causes and noise, or of noise alone, each an AR(1) of the same correlation."""
    hidden, noise = (_ar(rng.normal(size=(n, width)), r) for width in (2, 4))
    return hidden @ MIXING + 0.3 * noise if mixed else noise


def _ar(x: Array, r: float) -> Array:
    for i in range(1, len(x)):
        x[i] = r * x[i - 1] + np.sqrt(1 - r * r) * x[i]
    return x


SHIFTS = (0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4)
MOVED = 2  # the channel that moves


CASES = tuple(itertools.product((0.5, 0.9), (True, False)))


def t7(months: int, shifted: int, seed: int = 7_000) -> Iterator[Row]:
    """Alarms without a drift and power with one, 480 rows a day against a week; ``seed`` was used for nothing before."""
    for number, (r, mixed) in enumerate(CASES):
        yield from t7_case(r, mixed, months, shifted, seed + number)


def t7_case(r: float, mixed: bool, months: int, shifted: int, seed: int) -> Iterator[Row]:
    """Alarms and power under one law of the rows."""
    day, week = 480, 7 * 480
    rng = np.random.default_rng(seed)
    law = f"correlation {r} of neighbours, {'two causes shared by' if mixed else 'nothing shared by'} four channels"
    quiet = _alarms(r, mixed, day, week, 30 * months, 0.0, rng)
    days = {shift: shifted if shift == 0.5 else max(10, shifted // 3) for shift in SHIFTS}
    curve = {shift: _alarms(r, mixed, day, week, n, shift, rng) for shift, n in days.items()}
    low, high = poisson_interval(quiet["ours"])
    yield Row(
        "T7",
        f"{law}: alarms without a drift",
        f"{quiet['ours'] / months:.2f} a model-month (95% {low / months:.2f} to {high / months:.2f}, n = {months} months)",
        "; ".join(f"{name}: {count / months:.1f}" for name, count in quiet.items() if name != "ours"),
        figure_of(
            "T7", f"alarms without a drift per model-month, {law}", quiet["ours"] / months,
            span=(low / months, high / months), n=months, goal="≤ 1", most=1.0,
        ),
    )  # fmt: skip
    at = curve[0.5]
    low, high = wilson(at["ours"], shifted)
    best, blind = bound(r, mixed, day, week, 0.5)
    yield Row(
        "T7",
        f"{law}: power in a day, one channel moved by 0.5 σ",
        f"{at['ours'] / shifted:.2f} (95% {low:.2f} to {high:.2f}, n = {shifted})",
        f"bound {best:.2f}, not knowing the channel {blind:.2f}; "
        + "; ".join(f"{name}: {count / shifted:.2f}" for name, count in at.items() if name != "ours"),
        share_of(
            "T7", f"power in a day, one channel moved by 0.5 σ, {law}", at["ours"], shifted, goal="≥ .9", least=0.9
        ),
    )
    ours = reach([(shift, counts["ours"] / days[shift]) for shift, counts in curve.items()])
    fine = np.linspace(0.02, 3, 150)
    known, unknown = (reach([(s, bound(r, mixed, day, week, s)[k]) for s in fine]) for k in (0, 1))
    yield Row(
        "T7",
        f"{law}: smallest shift with power 0.9 in a day",
        f"{ours:.2f} σ; efficiency {(known / ours) ** 2:.2f}, {(unknown / ours) ** 2:.2f} of what one not knowing the channel has",
        f"bound {known:.2f} σ, not knowing the channel {unknown:.2f} σ",
        figure_of("T7", f"smallest shift with power 0.9 in a day, σ, {law}", ours, n=shifted),
    )


def _alarms(
    r: float, mixed: bool, day: int, week: int, days: int, shift: float, rng: np.random.Generator
) -> dict[str, int]:
    """Count days with an alarm, by each test on the same days."""
    counts = {"ours": 0, "PSI > 0.2": 0, "KS, rows as independent": 0}
    critical = math.sqrt(-math.log(ALARM / 4 / 2) / 2) * math.sqrt(1 / day + 1 / week)  # Smirnov 1948, over 4 channels
    for rows, patient in itertools.islice(_days(r, mixed, day, week, rng), days):
        rows[:, MOVED] += shift * law_of(mixed)[1][MOVED] ** 0.5
        counts["ours"] += look(patient, rows, rng=rng).ails
        counts["PSI > 0.2"] += bool(drift.psi(patient.reference, rows).max() > 0.2)
        counts["KS, rows as independent"] += bool(drift.ks(patient.reference, rows).max() > critical)
    return counts


def law_of(mixed: bool) -> tuple[Array, Array]:
    """Return the covariance of the channels and its diagonal."""
    covariance = MIXING.T @ MIXING + 0.09 * np.eye(4) if mixed else np.eye(4)
    return covariance, np.diag(covariance)


def bound(r: float, mixed: bool, day: int, week: int, shift: float) -> tuple[float, float]:
    """Return the power of the best test at our level: one that knows channel and sign, and one that knows neither.

    With the law known and means of sample and reference not, all there is to know of a shift is the difference of the two
    best estimates of the mean; an AR(1) of n rows is worth (n (1 - r) + 2 r) / (1 + r) independent ones. Neyman and
    Pearson 1933; the second is the chi-squared test over all four channels.
    """
    covariance, spread = law_of(mixed)
    moved = np.zeros(4)
    moved[MOVED] = shift * spread[MOVED] ** 0.5
    worth = [(n * (1 - r) + 2 * r) / (1 + r) for n in (day, week)]
    size = math.sqrt(moved @ np.linalg.solve(covariance, moved) / sum(1 / n for n in worth))
    drawn = np.random.default_rng(0).normal(size=(100_000, 4))
    drawn[:, 0] += size
    known = 0.5 * math.erfc((z_upper(ALARM) - size) / math.sqrt(2))
    return known, float(np.mean(np.sum(drawn**2, axis=1) > chi2_upper(ALARM, 4)))


def reach(curve: list[tuple[float, float]], power: float = 0.9) -> float:
    """Return the shift at which a rising power curve passes ``power``, between the points that enclose it."""
    for (a, low), (b, high) in itertools.pairwise(curve):
        if low < power <= high:
            return a + (b - a) * (power - low) / (high - low)
    return math.nan


def _days(r: float, mixed: bool, day: int, week: int, rng: np.random.Generator) -> Iterator[tuple[Array, Patient]]:
    while True:
        reference = correlated(week, r, mixed, rng)
        runs = scorer(pca_model(reference))
        patient = Patient(name="m", version="0" * 64, channels=("a", "b", "c", "d"), scorer=runs, reference=reference)
        for _ in range(10):
            yield correlated(day, r, mixed, rng), patient
