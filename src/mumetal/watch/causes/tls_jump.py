"""A two-level system beside one qubit switched: one qubit steps, nothing else moves."""

import math
import re

from mumetal.core.event import Event
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.watch.causes.authority import unauthorised_change, verdict
from mumetal.watch.causes.canary_side import canary_side
from mumetal.watch.causes.shift import Shift, shifts

QUBIT = re.compile(r"(q\d+)\..+")
SIGMA = 0.36  # of ln T1 between two days, √2 · 0.257: a jump takes T1 from one level to another …
LARGEST = math.log(10)  # … or, with a defect in resonance, anywhere within an order of magnitude (Klimov 2018)
RESONANT = 0.5  # share of such jumps among those large enough to be seen
BROAD = 3.0  # an attack may move ln of a figure by anything up to this
ONE_QUBIT = 0.7  # share of the finding that one qubit must carry …
MOST = 0.5  # … or so much, where the rest is spread and no other carries a third of it: the noise of many
ALONE_BY_ATTACK = 0.2  # chance that an attack on qubits shows in one qubit only and nowhere else
FREQUENCY_STEP_HZ = 2e6


class TlsJump:
    """A step in one qubit's T1, error or frequency, of a size that nature makes, while all else is quiet.

    Sizes: daily σ(ln T1) 0.23 to 0.26 (measured); up to an order of magnitude: Klimov et al. 2018,
    doi:10.1103/PhysRevLett.121.090502. Configuration written just before without a ticket is a remainder.
    """

    info = PluginInfo(
        plugin_id="watch.causes.tls_jump",
        title="Two-level system beside one qubit",
        reference="Klimov et al. 2018, doi:10.1103/PhysRevLett.121.090502; Burnett et al. 2019, doi:10.1038/s41534-019-0168-5",
    )

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when exactly one qubit moved, as far as such jumps go, and nothing else did."""
        if finding.rule.endswith(".misreport"):
            side = canary_side(finding, scene)
            if isinstance(side, str):
                return self._verdict(-3.0, side)
            finding, scene = side
        carried: dict[str, float] = {}
        for part in finding.carriers:
            match = QUBIT.fullmatch(part.channel)
            if match:
                carried[match[1]] = carried.get(match[1], 0.0) + part.share
        if not carried:
            return self._verdict(-5.0, "no qubit carries it")
        qubit, share = max(carried.items(), key=lambda pair: pair[1])
        if finding.rule.endswith(".identity"):
            return self._verdict(-5.0, "the whole chip's frequencies moved")
        runner_up = max((s for q, s in carried.items() if q != qubit), default=0.0)
        if share < ONE_QUBIT and (share < MOST or runner_up > share / 3):
            return self._verdict(-3.0, f"{qubit} carries only {share:.0%} of it")
        if not scene.series:
            return self._verdict(-1.0, "the stream around it is not at hand")
        moves = shifts(scene.series[0], finding.start_ns, finding.stop_ns)
        own = [m for m in moves if m.channel.startswith(f"{qubit}.")]
        if not own:
            return self._verdict(-1.0, f"too little of {qubit} was seen before it to tell a step")
        others = [m for m in moves if not m.channel.startswith(f"{qubit}.") and abs(m.deviations) > 5]
        elsewhere = [
            m
            for series in scene.series[1:]
            for m in shifts(series, finding.start_ns, finding.stop_ns)
            if abs(m.deviations) > 6
        ]
        if others or elsewhere:
            names = ", ".join(m.channel for m in (*others, *elsewhere)[:4])
            return self._verdict(-3.0, f"other channels moved with {qubit}: {names}")
        largest = max(own, key=lambda m: abs(m.deviations))
        size, why = _size(largest)
        ratio = size + math.log(1 / ALONE_BY_ATTACK)
        if ratio <= 0:
            return self._verdict(ratio, why)
        edit = unauthorised_change(scene, finding)
        if edit is not None:
            return self._verdict(
                -3.0, f"a remainder is left: {edit.activity} by {edit.actor or 'nobody named'} without a ticket", edit
            )
        return self._verdict(ratio, f"only {qubit} stepped, {why}, and nothing else moved", explained=True)

    def _verdict(
        self, ratio: float, reason: str, event: Event | None = None, *, explained: bool = False
    ) -> CauseVerdict:
        return verdict(self.info.plugin_id, ratio, reason, explained=explained, event=event)


def _size(move: Shift) -> tuple[float, str]:
    """Return the log-likelihood ratio of a step's size, jump against anything, and the size in words."""
    if move.unit == "Hz":
        step = abs(move.after - move.before)
        if step > FREQUENCY_STEP_HZ:
            return -3.0, f"{move.channel} moved by {step / 1e6:.2f} MHz, more than a two-level system can"
        return 1.0, f"{move.channel} moved by {step / 1e3:.0f} kHz"
    change = abs(move.log_ratio)
    if math.isnan(change):
        return -1.0, f"{move.channel} has no ratio to its level before"
    if change > LARGEST:
        return -3.0, f"{move.channel} changed by a factor {math.exp(change):.2f}, more than such jumps do"
    ordinary = math.sqrt(2 / math.pi) / SIGMA * math.exp(-0.5 * (change / SIGMA) ** 2)
    density = (1 - RESONANT) * ordinary + RESONANT / LARGEST
    return math.log(density * BROAD), f"{move.channel} changed by a factor {math.exp(move.log_ratio):.2f}"
