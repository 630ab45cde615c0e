"""Other tenants keep the machine busy: more jobs, more shots, and the power to play them."""

import math
import re

import numpy as np

from mumetal.core.event import Event
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.core.series import Series
from mumetal.numerics.robust import location_scale
from mumetal.watch.causes.authority import verdict
from mumetal.watch.causes.looked_at import looked_at
from mumetal.watch.causes.shift import FEWEST, WIDEST, Shift, shifts
from mumetal.watch.causes.unmoved import moved_beside

RUN = re.compile(r"(run|submit|create).?(job|circuit|program).*", re.IGNORECASE)
QUEUE = re.compile(r".*(queue|jobs|scheduler).*", re.IGNORECASE)
BUSY = re.compile(r".*(jobs|shots).*", re.IGNORECASE)
DENSITY = re.compile(r".*density.*", re.IGNORECASE)
POWER = re.compile(r".*power.*", re.IGNORECASE)
CANARY = re.compile(r"q\d+\..*error.*", re.IGNORECASE)
BEFORE_NS = 10 * 10**9  # a job sent so long before may be what runs now
MEASURED = 1.25  # times what jobs declare that is measured at most: others run beside them
DENSEST = 0.5  # two-qubit gates per qubit and layer that ordinary circuits stay below
ROSE = 4.0  # standard errors
TELLING = 3  # rows of a busy queue from which jobs and shots must both be up
CARRIES = 0.1
JUST_BEFORE = 5  # rows
LAG_NS = 20 * 10**9  # a window that looks back shows in power what the queue did so long before
BLOCK_S = 10.0  # power and load are averaged so long before they are compared
PEOPLE_FOR_BUSY = 0.9  # chance that a busy queue shows the jobs that make it so …
CHANCE = 0.1  # … and that an attack comes with a rise of both jobs and shots by ordinary accounts


class CoTenantLoad:
    """Jobs and shots rise together, sent by accounts that ran jobs before, and no canary suffers.

    Power may rise by what the load's own past says, density by what the jobs declare. What exceeds that, or a canary
    that rises, is a remainder: a tenant who disturbs its neighbours is no innocent load.
    """

    info = PluginInfo(
        plugin_id="watch.causes.co_tenant_load",
        title="A co-tenant's load",
        reference="Rack power follows the pulses played: Xu et al. 2023, arXiv 2304.03315",
    )

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when queue, jobs and power tell one story."""
        carrying = [a.channel for a in finding.carriers if a.share >= CARRIES]
        powers = [c for c in carrying if POWER.fullmatch(c)]
        own = QUEUE.fullmatch(finding.stream) is not None
        drawn = bool(powers and scene.series) and not moved_beside(scene.series[0], carrying, powers, finding)
        if not (own and carrying) and not drawn:
            return self._no(-5.0, "a busy queue moves the queue's figures and power, nothing else")
        finding = looked_at(finding, scene)
        queues = [s for s in scene.series if QUEUE.fullmatch(s.stream)]
        if not queues:
            return self._no(-1.0, "the queue around it is not at hand")
        stop_ns = max(finding.stop_ns, finding.start_ns + 1)
        busy = _busy(queues[0], finding.start_ns - (0 if own else LAG_NS), stop_ns)
        if busy is None:
            return self._no(-4.0, "jobs and shots did not rise with it")
        start_ns, factor = busy
        queue = shifts(queues[0], start_ns, stop_ns)
        jobs = [e for e in scene.events if RUN.fullmatch(e.activity) and start_ns - BEFORE_NS <= e.t_ns <= stop_ns]
        known = {e.actor for e in scene.events if RUN.fullmatch(e.activity) and e.t_ns < start_ns - BEFORE_NS}
        strangers = sorted({e.actor for e in jobs} - known)
        if not jobs:
            return self._no(-2.0, "no job in the log accounts for it")
        if strangers:
            return self._no(-2.0, f"{', '.join(strangers[:3]) or 'somebody unnamed'} never ran a job here before")
        remainder = _dense(queue, jobs) or _canaries(scene, start_ns, stop_ns) or _power(finding, scene, queues[0])
        if remainder:
            return self._no(-3.0, f"a remainder is left: {remainder}", jobs[-1])
        ratio = math.log(PEOPLE_FOR_BUSY / CHANCE)
        who = ", ".join(sorted({e.actor for e in jobs})[:3])
        return verdict(
            self.info.plugin_id,
            ratio,
            f"the queue was {factor:.1f} times as busy, with {len(jobs)} jobs by {who}, and no canary rose",
            explained=True,
            event=jobs[-1],
        )

    def _no(self, ratio: float, reason: str, event: Event | None = None) -> CauseVerdict:
        return verdict(self.info.plugin_id, ratio, reason, event=event)


def _busy(queue: Series, start_ns: int, stop_ns: int) -> tuple[int, float] | None:
    """Return from when on jobs and shots were up, and the factor; None when they were not."""
    columns = [i for i, name in enumerate(queue.names) if BUSY.fullmatch(name)]
    first = int(np.searchsorted(queue.t_ns, start_ns))
    within = queue.rows(max(0, first - 1), max(first + 1, int(np.searchsorted(queue.t_ns, stop_ns))))
    past = queue.rows(max(0, first - WIDEST), max(0, first - 2))
    if not columns or len(past) < FEWEST or len(within) == 0:
        return None
    location, scale = location_scale(past.values[:, columns])
    z = (within.values[:, columns] - location) / scale
    up = np.flatnonzero((z > ROSE).any(axis=1))
    # Jobs without shots, or the other way round, are no load; of one row or two a count may still be an ordinary one.
    if up.size == 0 or np.nanmin(np.nanmean(z[up], axis=0)) <= (0.0 if up.size >= TELLING else -1.0):
        return None
    level = np.nanmean(within.values[up][:, columns], axis=0)
    return int(within.t_ns[up[0]]), float(np.max(level / np.maximum(location, 1e-12)))


def _dense(queue: tuple[Shift, ...], jobs: list[Event]) -> str:
    declared = [float(t) for e in jobs if _is_number(t := e.attribute("two_qubit_density"))]
    most = max(declared, default=DENSEST)
    if most > DENSEST:
        return f"a job with {most:.2f} two-qubit gates per qubit and layer"
    over = [
        m
        for m in queue
        if DENSITY.fullmatch(m.channel) and m.deviations > ROSE and m.after - 3 * m.error > MEASURED * most
    ]
    return f"{over[0].channel} reached {over[0].after:.2f}, the jobs declare at most {most:.2f}" if over else ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _canaries(scene: Scene, start_ns: int, stop_ns: int) -> str:
    worse = []
    for series in scene.series:
        for move in shifts(series, start_ns, stop_ns):
            if CANARY.fullmatch(move.channel) and move.deviations > 6:
                lately = series.rows(0, int(np.searchsorted(series.t_ns, start_ns)) - 1).column(move.channel)[
                    -JUST_BEFORE:
                ]
                if np.nanmedian(lately) - move.before < (move.after - move.before) / 2:  # it was not up already
                    worse.append(move.channel)
    return f"{', '.join(worse[:3])} rose with it" if worse else ""


def _power(finding: Finding, scene: Scene, queue: Series) -> str:
    """Return by how much power exceeds what its own past says of such a load; empty when it does not.

    The queue's row at or before the finding counts: its rows are few, and power may speak between two of them. Power and
    load are told over the same rows.
    """
    row = max(0, int(np.searchsorted(queue.t_ns, finding.start_ns, side="right")) - 1)
    for series in scene.series:
        last = int(np.searchsorted(series.t_ns, finding.start_ns)) + WIDEST
        stop_ns = min(finding.stop_ns, int(series.t_ns[last])) if last < len(series) else finding.stop_ns
        for move in shifts(series, finding.start_ns, stop_ns):
            if not POWER.fullmatch(move.channel) or move.deviations < ROSE:
                continue
            load = shifts(queue, int(queue.t_ns[row]), stop_ns) if len(queue) else ()
            shots = next((m for m in load if "shots" in m.channel), None)
            if shots is None:
                return f"{move.channel} rose, and shots are not recorded"
            slope, error = _slope(series, move.channel, queue, shots.channel, finding.start_ns)
            most = max(0.0, slope + 3 * error) * max(0.0, shots.after - shots.before)
            if move.after - move.before > most:
                return f"{move.channel} rose by {move.after - move.before:.3g} {move.unit}, the load accounts for {most:.3g}"
    return ""


def _slope(series: Series, channel: str, queue: Series, shots: str, before_ns: int) -> tuple[float, float]:
    """Return the change of power per change of load and its standard error, from averages before the finding."""
    step = round(BLOCK_S * 1e9)
    power, load = _averages(series, channel, before_ns, step), _averages(queue, shots, before_ns, step)
    shared = sorted(power.keys() & load.keys())
    if len(shared) < 5:
        return 0.0, 0.0
    x, y = np.array([load[k] for k in shared]), np.array([power[k] for k in shared])
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    if spread <= 0:
        return 0.0, 0.0
    slope = float(x @ y) / spread
    return slope, float(np.sqrt(((y - slope * x) @ (y - slope * x)) / (len(shared) - 2) / spread))


def _averages(series: Series, channel: str, before_ns: int, step: int) -> dict[int, float]:
    past = series.between(0, before_ns - step)
    values, slot = past.column(channel), past.t_ns // step
    seen = np.isfinite(values)
    slots, index = np.unique(slot[seen], return_inverse=True)
    means = np.bincount(index, values[seen]) / np.maximum(np.bincount(index), 1)
    return dict(zip(slots.tolist(), means.tolist(), strict=True))
