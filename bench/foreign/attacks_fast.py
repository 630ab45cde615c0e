"""Attacks on fast telemetry: covert timing and power, tampered fields and locks, hammered neighbours, leaking resets.

A shift by ±d standard deviations is told by a matched template after about 38/d² pulses and by nobody who lacks the message before
about 76/d⁴ (THREATS); ten CX beside a Grover victim cost 17 points (THREATS, crosstalk).
"""

import numpy as np

from bench.foreign.scene import EventCase, EventScene


def _covert_timing(s: EventScene) -> str:
    lane = s.draws.pick([name for name in s.drives if name.startswith("shift")])
    d, pulses = s.draws.spread(0.05, 1.0), s.draws.pick((1, 1, 4, 16, 64))
    s.push(lane, d * s.message(pulses))
    return (
        f"A message in lane {lane[5:]}: ±{d:.2f} σ, a bit each {pulses} pulses; without the message about "
        f"{76 / d**4 / pulses:.0f} bits are needed to tell it, {s.length // pulses} are sent."
    )


def _implant(s: EventScene) -> str:
    d = s.draws.spread(0.2, 2.0)
    for lane in [name for name in s.drives if name.startswith("shift")][:1]:
        s.push(lane, d * s.envelope(0))
    s.push("heat", s.draws.within(0.02, 0.3) * s.envelope(0.3))
    return f"Replaced firmware adds {d:.2f} σ of delay to the first lane and warms its tile."


def _skew(s: EventScene) -> str:
    ps = s.draws.spread(1.0, 12)
    lanes = [name for name in s.drives if name.startswith("shift")]
    for lane in lanes:
        s.push(lane, ps * s.envelope(s.length * s.frame.row_s, 0) / 2)
    s.clock_s += s.envelope(s.length * s.frame.row_s, 0) * s.frame.row_s * 0.2
    return f"The reference clock is pulled away, {ps:.1f} half σ in the end."


def _covert_power(s: EventScene) -> str:
    depth, rows = s.draws.spread(0.1, 4), s.draws.pick((2, 8, 32, 128))
    s.push("key", depth * s.message(rows))
    return f"Dummy work modulates the core's current by ±{depth:.2f}%, a bit each {rows} rows."


def _tap(s: EventScene) -> str:
    amps = s.draws.spread(0.004, 0.2)
    s.push("tap", amps * s.envelope(0))
    return f"A probe on the rail draws {amps * 1e3:.0f} mA."


def _glitched_rail(s: EventScene) -> str:
    sag, each = s.draws.spread(0.004, 0.08), s.draws.pick((200, 700, 2_000))
    hits = np.zeros(s.frame.n)
    width = s.draws.pick((1, 3, 8))
    for at in range(s.start, s.stop, each):
        hits[at : at + width] = sag
    s.push("sag", hits)
    return f"The rail is glitched by {sag:.1%} every {each} rows."


def _coil(s: EventScene) -> str:
    nt, hertz = s.draws.spread(0.5, 12), s.draws.spread(0.7, 0.2 / s.frame.row_s)
    tone = np.sin(2 * np.pi * hertz * np.arange(s.frame.n) * s.frame.row_s)
    s.push("coil", nt * tone * s.envelope(0))
    return f"A coil outside the shield gives {nt:.1f} nT at {hertz:.1f} Hz."


def _static_coil(s: EventScene) -> str:
    nt = s.draws.spread(4, 90) * s.draws.pick((-1, 1))
    s.push("coil", nt * s.envelope(s.length * s.frame.row_s * 0.1))
    return f"A coil outside the shield gives {nt:+.0f} nT."


def _dithered_lock(s: EventScene) -> str:
    volts, hertz = s.draws.spread(0.004, 0.08), s.draws.spread(15, 0.3 / s.frame.row_s)
    s.push("dither", volts * np.sin(2 * np.pi * hertz * np.arange(s.frame.n) * s.frame.row_s) * s.envelope(0))
    return f"The lock's error is dithered by {volts * 1e3:.0f} mV at {hertz:.0f} Hz."


def _pushed_lock(s: EventScene) -> str:
    volts = s.draws.spread(2, 30) * s.draws.pick((-1, 1))
    s.push("push", volts * s.envelope(s.length * s.frame.row_s * 0.3, 0))
    return f"The piezo is pushed by {volts:+.0f} V."


def _hammer(s: EventScene) -> str:
    qubits = [name for name in s.drives if name.startswith("hit")]
    near = s.draws.pick(range(len(qubits)))
    hit, rows = s.draws.spread(0.6, 17), s.draws.pick((0, 20, 90))
    beat = s.envelope(0) * (1.0 if not rows else (np.arange(s.frame.n) // rows % 2 == 0))
    for q in {near, (near + 1) % len(qubits)}:
        s.push(f"hit{q}", hit * beat * (1.0 if q == near else 0.4))
    s.push("gates", s.draws.within(20, 140) * beat)
    return f"A neighbour repeats two-qubit gates; a canary errs {hit:.1f} points more."


def _two_hops(s: EventScene) -> str:
    hit = s.draws.spread(0.5, 6)
    s.push("hit2", hit * s.envelope(0))
    s.push("hit3", 0.7 * hit * s.envelope(0))
    s.push("gates", s.draws.within(10, 60) * s.envelope(0))
    return f"Gates two hops away cost two canaries {hit:.1f} points."


def _both_sides(s: EventScene) -> str:
    hit = s.draws.spread(1, 18)
    beat = s.envelope(0) * (np.arange(s.frame.n) // s.draws.pick((5, 30, 120)) % 2 == 0)
    s.push("hit1", hit * beat)
    for near in ("hit0", "hit2"):
        s.push(near, 0.15 * hit * beat)
    s.push("gates", s.draws.within(40, 200) * beat)
    return f"Gates on both sides of a canary cost it {hit:.1f} points."


def _in_context(s: EventScene) -> str:
    hit = s.draws.spread(1.5, 20)
    s.push("hit0", hit * s.envelope(0) * (s.drives["load"] > 0.5))
    return f"Results are altered by {hit:.1f} points while the machine is busy, and not otherwise."


def _in_turns(s: EventScene) -> str:
    hit, rows = s.draws.spread(1.5, 20), s.draws.pick((2, 5, 40))
    s.push("hit3", hit * s.envelope(0) * (np.arange(s.frame.n) // rows % 2))
    return f"A provider alters every other {rows} runs by {hit:.1f} points."


def _residue(s: EventScene) -> str:
    part = s.draws.spread(0.2, 4)
    s.push("memory", part * (s.message(s.draws.pick((2, 20, 100))) + s.envelope(0)) / 2)
    return f"A tenant reads {part:.2f} points of what the shots before left, now and then."


def _off_resonant(s: EventScene) -> str:
    hit = s.draws.spread(1, 15)
    s.push("hit1", hit * s.envelope(0))
    return f"Custom off-resonant pulses cost a canary {hit:.1f} points without a gate that is counted."


def _sensing(s: EventScene) -> str:
    jobs = s.draws.spread(1, 20)
    s.push("sensing", jobs * s.envelope(0))
    return f"{jobs:.0f} idle Ramsey-like jobs more a row sense a neighbour."


def _memory(s: EventScene) -> str:
    part = s.draws.spread(0.15, 4)
    s.push("memory", part * s.envelope(0))
    return f"A reset leaves {part:.2f} points of the tenant's state before."


def _bypass(s: EventScene) -> str:
    part = s.draws.spread(0.1, 3)
    s.push("level2", part * s.envelope(0))
    return f"A higher level, {part:.2f} points of it, outlives the reset."


def _readout_crosstalk(s: EventScene) -> str:
    part = s.draws.spread(0.15, 3)
    s.push("mix", part * s.message(s.draws.pick((1, 20, 100))))
    return f"Measure-only jobs: a neighbour's state moves the residual by ±{part:.2f} points."


def _glitch(s: EventScene) -> str:
    size, each = s.draws.spread(0.15, 2.0), s.draws.pick((1, 10, 40))
    hits = s.envelope(0) * (np.arange(s.frame.n) % each == 0)
    s.push("glitch", size * hits)
    return f"The discriminator's supply is glitched every {each} rows; classes confuse by {size:.2f}."


_KEY = "before a kilobyte has left at the channel's best"
_JOB = "before the victim's job has ended"
_L = (0.12, 0.28)
CASES = (
    EventCase(label="exfiltrate.timing_covert", kind="attack", labs=("pulse_timing",), act=_covert_timing, lasts=(0.2, 0.3), within=0.2, reason=_KEY),
    EventCase(label="persist.firmware_implant", kind="attack", labs=("pulse_timing",), act=_implant, lasts=_L, within=0.1, reason="before its first message"),
    EventCase(label="evade.reference_clock", kind="attack", labs=("pulse_timing",), act=_skew, lasts=_L, within=0.2, reason="before pulses and records disagree by a pulse"),
    EventCase(label="exfiltrate.power_covert", kind="attack", labs=("power_rail",), act=_covert_power, lasts=_L, within=0.12, reason=_KEY),
    EventCase(label="collect.rail_probe", kind="attack", labs=("power_rail",), act=_tap, lasts=_L, within=0.1, reason="before a victim's pulses are recorded"),
    EventCase(label="impair.rail_glitch", kind="attack", labs=("power_rail",), act=_glitched_rail, lasts=_L, within=0.1, reason=_JOB),
    EventCase(label="impair.field_tone", kind="attack", labs=("magnetometer",), act=_coil, lasts=_L, within=0.12, reason=_JOB),
    EventCase(label="impair.field_offset", kind="attack", labs=("magnetometer",), act=_static_coil, lasts=_L, within=0.12, reason=_JOB),
    EventCase(label="impair.lock_dither", kind="attack", labs=("phase_lock",), act=_dithered_lock, lasts=_L, within=0.1, reason=_JOB),
    EventCase(label="impair.lock_push", kind="attack", labs=("phase_lock",), act=_pushed_lock, lasts=_L, within=0.15, reason="before the lock is lost"),
    EventCase(label="impair.crosstalk_hammer", kind="attack", labs=("canaries",), act=_hammer, lasts=_L, within=0.08, reason=_JOB),
    EventCase(label="impair.two_hop_crosstalk", kind="attack", labs=("canaries",), act=_two_hops, lasts=_L, within=0.1, reason=_JOB),
    EventCase(label="impair.off_resonant_pulses", kind="attack", labs=("canaries",), act=_off_resonant, lasts=_L, within=0.08, reason=_JOB),
    EventCase(label="collect.idle_sensing", kind="attack", labs=("canaries",), act=_sensing, lasts=_L, within=0.1, reason="before the neighbour's algorithm is known"),
    EventCase(label="collect.reset_leakage", kind="attack", labs=("readout",), act=_memory, lasts=_L, within=0.12, reason="before the tenant's outcome is read back"),
    EventCase(label="collect.reset_bypass", kind="attack", labs=("readout",), act=_bypass, lasts=_L, within=0.12, reason="before the tenant's outcome is read back"),
    EventCase(label="collect.readout_crosstalk", kind="attack", labs=("readout",), act=_readout_crosstalk, lasts=_L, within=0.12, reason="before the victim's state is known"),
    EventCase(label="impair.readout_glitch", kind="attack", labs=("readout",), act=_glitch, lasts=_L, within=0.08, reason=_JOB),
    EventCase(label="impair.double_sided_crosstalk", kind="attack", labs=("canaries",), act=_both_sides, lasts=_L, within=0.08, reason=_JOB),
    EventCase(label="impair.zero_knowledge_tampering", kind="attack", labs=("canaries",), act=_in_context, lasts=_L, within=0.12, reason=_JOB),
    EventCase(label="impair.provider_tampering", kind="attack", labs=("canaries",), act=_in_turns, lasts=_L, within=0.1, reason=_JOB),
    EventCase(label="collect.residual_state", kind="attack", labs=("readout",), act=_residue, lasts=_L, within=0.12, reason="before the tenant's outcome is read back"),
)  # fmt: skip
