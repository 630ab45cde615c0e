"""The pulse tube shakes harder: its line in the magnetometer grows, and all qubits feel it a little."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.core.series import Series
from mumetal.numerics.spectrum import hann_power
from mumetal.watch.causes.authority import verdict
from mumetal.watch.causes.canary_side import canary_side
from mumetal.watch.causes.common_rise import CANARY, common_rise, coupled_pair
from mumetal.watch.causes.early_line import early_line
from mumetal.watch.causes.looked_at import looked_at
from mumetal.watch.causes.unmoved import moved_beside

SENSOR = re.compile(r".*(magnet|vibration|accelero|geophone|field).*", re.IGNORECASE)
BAND_HZ = (1.0, 2.0)  # where pulse tubes run: 1.4 Hz mostly
HARMONICS = 3
WINDOW_S = 8.0
LOOK_BACK = 2.0  # windows before a finding in which the shaking may have been: detectors look back as well
NEAR_HZ = 0.3  # a Hann line is four bins wide, and the frequency is known to half a bin
DRIFT_HZ = 0.5  # below it everything wanders
LONGEST_NS = 60 * 10**9  # so much of a finding is looked at
GREW = 12.0  # the line's power in its loudest window over what it was
FEWEST_WINDOWS = 6
SURE = 3.0  # log-likelihood ratio of the first moments against a step, a ramp or another line
CHANCE = 0.02  # that an attack puts its line within the pulse tube's band and leaves all else as it was
WITH_CANARIES = 0.1  # that an attack on the qubits does


class PulseTube:
    """The line at the pulse tube's frequency grew and, with its harmonics taken out, the field is as before.

    A rise of canaries is explained only when it is common to all and comes with the line. Before the window that resolves
    the line is full, the verdict is provisional and rests on the waveform learnt from the past: it is judged again as rows
    come, so what merely begins like the pulse tube is paged within twice that window.
    """

    info = PluginInfo(
        plugin_id="watch.causes.pulse_tube",
        title="Pulse-tube vibration",
        reference="Kalra et al. 2016, arXiv:1603.03146; phase-locked line at 1.4 Hz: arXiv 2603.16494",
    )

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when the line grew and nothing but it."""
        if finding.rule.endswith(".misreport"):
            side = canary_side(finding, scene)
            if isinstance(side, str):
                return self._no(-3.0, side)
            finding, scene = side
        carrying = [a.channel for a in finding.carriers if a.share >= 0.1]
        felt = [c for c in carrying if SENSOR.fullmatch(c)]
        shaken = bool(felt and scene.series) and not moved_beside(scene.series[0], carrying, felt, finding)
        canaries = bool(carrying) and all(CANARY.fullmatch(c) for c in carrying)
        if not shaken and not canaries:
            return self._no(-5.0, "a pulse tube shakes the field and the qubits, nothing else")
        pair = coupled_pair(finding, scene)
        if pair:
            return self._no(-3.0, f"a remainder is left: {pair} move together beside what all canaries do")
        finding = looked_at(finding, scene)
        sensors = [(s, c) for s in scene.series for c in s.names if SENSOR.fullmatch(c)]
        if not sensors:
            return self._no(-1.0, "no magnetometer or vibration sensor is recorded beside it")
        series, channel = sensors[0]
        grown = _line(series, channel, finding.start_ns, finding.stop_ns)
        if grown is None:
            return self._no(-1.0, f"too little of {channel} is at hand to tell its lines")
        factor, hertz, other, other_hz = grown
        story = f"the pulse tube's line at {hertz:.2f} Hz has {factor:.0f} times its usual power, the rest of {channel} is as before"
        if factor < GREW or other > 1:
            story = _so_far(series, channel, finding.start_ns)
        if not story and factor < GREW:
            return self._no(
                -4.0,
                f"the pulse tube's line at {hertz:.2f} Hz has {factor:.1f} times its usual power, less than {GREW:g} times",
            )
        if not story:
            return self._no(-3.0, f"a remainder is left: {channel} grew at {other_hz:.2f} Hz as well")
        if shaken:
            return verdict(self.info.plugin_id, math.log(0.9 / CHANCE), story, explained=True)
        rise = common_rise(scene.series[0], finding.start_ns, finding.stop_ns)
        if rise is None or not rise.common:
            return self._no(
                -3.0, "a remainder is left: vibration would lift all canaries alike, and they did not rise so"
            )
        reason = f"{story}, and all {rise.canaries} canaries rose alike by {rise.rise:.3f}"
        return verdict(self.info.plugin_id, math.log(0.9 / WITH_CANARIES), reason, explained=True)

    def _no(self, ratio: float, reason: str) -> CauseVerdict:
        return verdict(self.info.plugin_id, ratio, reason)


def _so_far(series: Series, channel: str, start_ns: int) -> str:
    """Say why the first seconds are the pulse tube's; empty when they are not, or when the window is full by now."""
    if int(series.t_ns[-1]) >= start_ns + round(WINDOW_S * 1e9):
        return ""
    early = early_line(series, channel, start_ns, BAND_HZ)
    if early is None or early.log_ratio < SURE or early.left > 1 or (1 + early.gain) ** 2 < GREW:
        return ""
    return (
        f"so far {channel} follows the pulse tube's own waveform at {early.hertz:.2f} Hz, {1 + early.gain:.1f} times as high as "
        f"before, and no step, ramp or other line fits as well; judged again once {WINDOW_S:g} s of it are known"
    )


def _line(series: Series, channel: str, start_ns: int, stop_ns: int) -> tuple[float, float, float, float] | None:
    """Compare the spectrum at a finding with the one before.

    Returns:
        Growth of the strongest line in the pulse tube's band, its frequency in Hz, the largest growth elsewhere relative
        to what chance allows, and where; None when too little is known.
    """
    if len(series) < 32:
        return None
    step_ns = float(np.median(np.diff(series.t_ns)))
    width = round(WINDOW_S * 1e9 / step_ns) if step_ns > 0 else 0
    if width < 4 * WINDOW_S or width > 100_000:  # below 4 Hz the line cannot be told
        return None
    stop_ns = min(max(stop_ns, start_ns + round(4e9)), start_ns + LONGEST_NS)
    begin, end = (int(i) for i in np.searchsorted(series.t_ns, [start_ns - round(LOOK_BACK * 1e9 * WINDOW_S), stop_ns]))
    split = int(np.searchsorted(series.t_ns, start_ns - round((LOOK_BACK + 0.5) * WINDOW_S * 1e9)))
    values = series.column(channel)
    ordinary = _windows(values[:split], width)
    now = _windows(values[max(0, min(begin, end - 3 * width // 2)) : end], width)
    if ordinary.shape[0] < FEWEST_WINDOWS or now.shape[0] == 0:
        return None
    each = hann_power(now)
    quiet = hann_power(ordinary)
    before, after, loudest = quiet.mean(axis=0), each.mean(axis=0), each.max(axis=0)
    hertz = np.arange(before.shape[0]) * 1e9 / step_ns / width
    band = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    peak = int(np.flatnonzero(band)[loudest[band, 0].argmax()])
    # Shaking that begins or ends within a window spills over as 1/(π·bins)² of its power.
    spilt = loudest[peak, 0] / (np.pi * np.maximum(np.abs(np.arange(hertz.size) - peak), 1)) ** 2
    ratio = np.maximum(after[:, 0] - spilt, 0.0) / np.maximum(before[:, 0], 1e-30)
    nyquist = hertz[-1]
    own = np.zeros(hertz.shape, bool)
    for order in range(1, HARMONICS + 1):
        place = order * hertz[peak] % (2 * nyquist)
        own |= np.abs(hertz - min(place, 2 * nyquist - place)) <= NEAR_HZ
    others = ~own & (hertz > DRIFT_HZ) & (hertz < nyquist - NEAR_HZ)
    windows = 1 + (now.shape[0] - 1) / 2  # half-overlapping windows share rows
    allowed = (math.log(1e4 * max(1, int(others.sum()))) / windows + 1) * (1 + 2 / math.sqrt(ordinary.shape[0] / 2))
    worst = int(np.flatnonzero(others)[ratio[others].argmax()])
    # It may be over by now, and a finding that comes late has part of it in its past: the median window is ordinary.
    usual = float(np.median(quiet[:, peak, 0]))
    grew = float(loudest[peak, 0] / max(usual, 1e-30))
    return grew, float(hertz[peak]), float(ratio[worst] / allowed), float(hertz[worst])


def _windows(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return half-overlapping windows that were observed throughout, newest last, shape (m, width, 1), means taken out."""
    starts = range((values.size - width) % max(1, width // 2), values.size - width + 1, max(1, width // 2))
    kept = [values[s : s + width] for s in starts if np.isfinite(values[s : s + width]).all()]
    if not kept:
        return np.empty((0, width, 1))
    cube = np.array(kept)
    return np.asarray((cube - cube.mean(axis=1, keepdims=True))[:, :, None], np.float64)
