"""Attacks on slow telemetry: sabotage of the plant, spoofed sensors, tampered tables, misuse of the gateway.

Strengths: misreporting 2504.04285, substitution 11.1 MHz and more, shuttles 2108.01054 (as THREATS cites them); the rest is recalled.
"""

import numpy as np

from bench.foreign.scene import Act, EventCase, EventScene

H, D = 3_600.0, 86_400.0
PLANT = ("dry_fridge", "wet_fridge", "nanowire", "spin_fridge", "control_rack", "ion_trap", "tweezers", "helium_plant")


def _valve(s: EventScene) -> str:
    shut = s.draws.within(0.12, 0.7)
    s.scale("valve", 1 - shut * s.envelope(s.draws.spread(60, 7_200)))
    return f"A valve in the circulation is closed by {shut:.0%}."


def _compressor(s: EventScene) -> str:
    slow = s.draws.within(0.06, 0.35)
    s.scale("tube", 1 - slow * s.envelope(s.draws.spread(120, 10_800)))
    return f"The cold head's drive is slowed by {slow:.0%}."


def _water(s: EventScene) -> str:
    less = s.draws.within(0.2, 0.62)
    s.scale("water_flow", 1 - less * s.envelope(s.draws.spread(300, 7_200)))
    return f"The cooling water's flow is throttled by {less:.0%}."


def _heater(s: EventScene) -> str:
    ranges = {"dry_fridge": (0.5, 12), "wet_fridge": (0.5, 12), "nanowire": (2, 40), "spin_fridge": (0.08, 1)}
    heat = s.draws.spread(*ranges[s.lab_name])
    s.push("heat", heat * s.envelope(s.draws.spread(30, 3 * H)))
    unit = {"dry_fridge": "µW", "wet_fridge": "µW", "nanowire": "mW", "spin_fridge": "times its usual heat"}[s.lab_name]
    return f"A heater adds {heat:.2g} {unit}."


def _still(s: EventScene) -> str:
    part = s.draws.within(-0.5, 0.9)
    s.scale("still", 1 + part * s.envelope(s.draws.spread(30, 3_600)))
    return f"The still's heater is changed by {part:+.0%}."


def _gate(s: EventScene) -> str:
    volts = s.draws.spread(0.1, 3.0) * s.draws.pick((-1, 1))
    s.push("bias", volts * s.envelope(s.draws.spread(30, 2 * H)))
    return f"The first gate's source gives {volts:+.2f} mV more than it is told."


def _bias(s: EventScene) -> str:
    part = s.draws.within(0.008, 0.12)
    s.scale("bias", 1 + part * s.envelope(s.draws.spread(30, H)))
    return f"The detector's bias is raised by {part:.1%}."


def _magnet(s: EventScene) -> str:
    part = s.draws.spread(0.001, 0.03)
    size = part * float(np.median(s.drives["magnet"]))
    if s.draws.chance(0.4):
        ripple = np.sin(2 * np.pi * np.arange(s.frame.n) / s.draws.within(12, 60))
        s.push("magnet", size * s.envelope(60) * ripple)
        return f"The magnet's supply is modulated by {part:.2%}."
    s.push("magnet", size * s.envelope(s.draws.spread(60, 7_200)))
    return f"The magnet's supply is set {part:.2%} off."


def _detune(s: EventScene) -> str:
    mhz = s.draws.spread(0.4, 6) * s.draws.pick((-1, 1))
    s.push("laser", mhz * s.envelope(s.draws.spread(10, 4 * H)))
    return f"A laser's lock point is moved by {mhz:+.2f} MHz."


def _dim(s: EventScene) -> str:
    part = s.draws.spread(0.015, 0.3)
    s.scale("light", 1 - part * s.envelope(s.draws.spread(10, 4 * H)))
    return f"A laser is dimmed by {part:.1%}."


def _oven(s: EventScene) -> str:
    if s.drives["oven"].min() < 0.5:
        s.push("oven", s.draws.within(0.8, 2.6) * s.envelope(30))
        return "The oven is driven while nobody loads ions."
    part = s.draws.within(0.08, 0.4)
    s.scale("oven", 1 + part * s.envelope(600))
    return f"The atoms' source is heated to {part:.0%} more vapour."


def _air(s: EventScene) -> str:
    ppm = s.draws.spread(6, 150)
    s.push("dirt", ppm * s.envelope(s.draws.spread(300, 4 * H)))
    return f"Air is let into the recovery line, {ppm:.0f} ppm."


def _fans(s: EventScene) -> str:
    part = s.draws.within(0.12, 0.6)
    s.scale("fans", 1 - part * s.envelope(60))
    return f"A rack's fans are told to turn {part:.0%} slower."


def _tap(s: EventScene) -> str:
    watts = s.draws.spread(3, 45)
    s.push("tap", watts * s.envelope(5))
    return f"A device that draws {watts:.0f} W is connected to the rack."


def _modulated(s: EventScene) -> str:
    watts, rows = s.draws.spread(2, 25), s.draws.pick((2, 4, 8, 16))
    s.push("tap", watts * s.message(rows))
    return f"An implant modulates the rack's power by ±{watts:.1f} W, a bit each {rows} rows."


def _skew(s: EventScene) -> str:
    ms = s.draws.spread(5e-4, 0.1)  # ms a second: 0.5 to 100 ppm
    s.push("skew", ms * s.envelope(1))
    s.clock_s += np.cumsum(ms * 1e-3 * s.envelope(1)) * s.frame.row_s
    return f"The host's time is slewed by {ms * 1e3:.1f} ppm."


def _pushed(s: EventScene) -> str:
    c = s.sensor()
    size = s.draws.spread(0.8, 9) * s.spread(c) * s.draws.pick((-1, 1))
    s.offset[:, c] += size * s.envelope(0, 0)
    return f"{s.heading(c)} is reported {size:+.3g} off."


def _slowly(s: EventScene) -> str:
    c = s.sensor()
    size = s.draws.spread(2, 14) * s.spread(c) * s.draws.pick((-1, 1))
    s.offset[:, c] += size * s.envelope(s.length * s.frame.row_s * 0.9, 0)
    return f"{s.heading(c)} is pushed slowly to {size:+.3g} off."


def _scaled(s: EventScene) -> str:
    c = s.sensor()
    x = s.base[: s.start, c]
    middle = float(np.nanmedian(x))
    factor = s.draws.within(0.05, 0.6) if s.draws.chance(0.7) else s.draws.within(1.6, 3.0)
    s.gain[s.rows, c] = factor
    s.offset[s.rows, c] = middle * (1 - factor)
    return f"{s.heading(c)} is reported with its moves times {factor:.2f}."


def _frozen(s: EventScene) -> str:
    s.frozen = sorted({s.sensor() for _ in range(s.draws.pick((1, 1, 2, 4)))})
    return "The last value is repeated: " + ", ".join(map(s.heading, s.frozen)) + "."


def _replayed(s: EventScene) -> str:
    count = s.base.shape[1]
    channels = tuple(range(count)) if s.draws.chance(0.6) else (s.sensor(),)
    every = int(np.lcm.reduce([x.every for x in s.lab.sensors]))
    apart = -(-(s.length + s.draws.pick((0, 40, 200))) // every) * every
    s.replayed = (channels, min(apart, s.start // every * every))
    return f"{'Every channel' if len(channels) == count else s.heading(channels[0])} repeats what it said {apart} rows before."


def _misreport(s: EventScene) -> str:
    qubits = sum(name.startswith("lie") for name in s.drives)
    part, told = s.draws.within(0.1, 0.6), s.draws.pick((1, 2, qubits))
    for q in range(told):
        s.push(f"lie{q}", part * s.envelope(0))
    return f"{told} qubits are reported {part:.0%} better than they are."


def _poisoned(s: EventScene) -> str:
    mhz = s.draws.spread(0.03, 0.6)
    s.push("detune0", mhz * s.envelope(0))
    return f"A configuration that poses as a calibration puts a qubit {mhz * 1e3:.0f} kHz off."


def _substituted(s: EventScene) -> str:
    for q in range(sum(name.startswith("lie") for name in s.drives)):
        for what in ("T1", "T2", "frequency", "readout.error"):
            c = s.named(f"q{q}.{what}")
            if what == "frequency":
                s.offset[s.rows, c] += s.draws.spread(11.1, 180) * s.draws.pick((-1, 1))
            else:
                s.gain[s.rows, c] = s.draws.spread(0.6, 1.2) ** (-1 if "error" in what else 1)
    return "Another device answers under this one's name."


def _burst_out(s: EventScene) -> str:
    size = s.draws.spread(3, 60) * float(np.nanquantile(s.base[: s.start, 0], 0.9)) / s.length
    s.push("bytes", size * s.envelope(0) * s.draws.within(2, 6))
    return "Telemetry is exported in one go."


def _drip_out(s: EventScene) -> str:
    size = s.draws.spread(0.8, 8) * float(np.nanmedian(s.base[: s.start, 0]))
    s.push("bytes", size * s.envelope(0))
    return f"{size:.1f} MB leave with every row."


def _counted(drive: str, low: float, high: float, says: str) -> Act:
    def act(s: EventScene) -> str:
        size = s.draws.spread(low, high)
        s.push(drive, size * s.envelope(s.frame.row_s))
        return says.format(size)

    return act


def _shuttles(s: EventScene) -> str:
    more = s.draws.spread(12, 120)
    s.push("shuttles", more * s.envelope(0))
    return f"Jobs shuttle ions {more:.0f} times more than they need."


def _near(s: EventScene) -> str:
    error = s.draws.spread(0.15, 4)
    s.push("near", error * s.envelope(0))
    return f"A tenant's atoms are moved beside the victim's, whose gates err {error:.2f} points more."


_HARM = "before a warm-up can no longer be stopped"
_WEAR = "before the next calibration is built on it"
CASES = (
    EventCase(label="impair.valve", kind="attack", labs=("dry_fridge", "wet_fridge", "helium_plant"), act=_valve, lasts=(3 * H, 14 * H), within=4 * H, reason=_HARM),
    EventCase(label="impair.compressor", kind="attack", labs=("dry_fridge", "nanowire"), act=_compressor, lasts=(4 * H, 16 * H), within=4 * H, reason=_HARM),
    EventCase(label="impair.cooling_water", kind="attack", labs=("dry_fridge", "nanowire", "helium_plant"), act=_water, lasts=(3 * H, 14 * H), within=3 * H, reason="before the compressor trips"),
    EventCase(label="impair.heater", kind="attack", labs=("dry_fridge", "wet_fridge", "nanowire", "spin_fridge"), act=_heater, lasts=(2 * H, 14 * H), within=6 * H, reason=_WEAR),
    EventCase(label="impair.still_heater", kind="attack", labs=("dry_fridge",), act=_still, lasts=(2 * H, 12 * H), within=4 * H, reason=_WEAR),
    EventCase(label="impair.flux_bias", kind="attack", labs=("spin_fridge",), act=_gate, lasts=(2 * H, 18 * H), within=6 * H, reason=_WEAR),
    EventCase(label="impair.detector_bias", kind="attack", labs=("nanowire",), act=_bias, lasts=(H, 12 * H), within=3 * H, reason="before a key is made from its counts"),
    EventCase(label="impair.magnet", kind="attack", labs=("spin_fridge", "ion_trap", "tweezers"), act=_magnet, lasts=(2 * H, 12 * H), within=4 * H, reason=_WEAR),
    EventCase(label="impair.laser_lock", kind="attack", labs=("ion_trap", "tweezers"), act=_detune, lasts=(H, 12 * H), within=3 * H, reason=_WEAR),
    EventCase(label="impair.laser_power", kind="attack", labs=("ion_trap", "tweezers"), act=_dim, lasts=(H, 12 * H), within=3 * H, reason=_WEAR),
    EventCase(label="impair.oven", kind="attack", labs=("ion_trap", "tweezers"), act=_oven, lasts=(H, 8 * H), within=2 * H, reason="before the trap is coated"),
    EventCase(label="impair.gas_purity", kind="attack", labs=("helium_plant",), act=_air, lasts=(4 * H, 24 * H), within=6 * H, reason="before the liquefier freezes"),
    EventCase(label="impair.fans", kind="attack", labs=("control_rack",), act=_fans, lasts=(H, 8 * H), within=H, reason="before the boards throttle"),
    EventCase(label="collect.power_tap", kind="attack", labs=("control_rack",), act=_tap, lasts=(2 * H, 14 * H), within=2 * H, reason="before a working day's pulses are recorded"),
    EventCase(label="exfiltrate.power_covert_slow", kind="attack", labs=("control_rack",), act=_modulated, lasts=(4 * H, 14 * H), within=4 * H, reason="before a 128-bit key has left"),
    EventCase(label="evade.clock", kind="attack", labs=("control_rack",), act=_skew, lasts=(H, 12 * H), within=2 * H, reason="before records of an hour fall outside the audit's window"),
    EventCase(label="evade.sensor_bias", kind="attack", labs=PLANT, act=_pushed, lasts=(4 * H, 20 * H), within=6 * H, reason="before an interlock would have had to act"),
    EventCase(label="evade.sensor_slow_push", kind="attack", labs=PLANT, act=_slowly, lasts=(10 * H, 20 * H), within=16 * H, reason="before what is hidden passes the interlock"),
    EventCase(label="evade.sensor_scaling", kind="attack", labs=PLANT, act=_scaled, lasts=(8 * H, 20 * H), within=12 * H, reason="before an interlock would have had to act"),
    EventCase(label="evade.sensor_frozen", kind="attack", labs=PLANT, act=_frozen, lasts=(2 * H, 20 * H), within=3 * H, reason="before an interlock would have had to act"),
    EventCase(label="evade.replay", kind="attack", labs=PLANT, act=_replayed, lasts=(3 * H, 20 * H), within=6 * H, reason="before an interlock would have had to act"),
    EventCase(label="impair.calibration_misreport", kind="attack", labs=("chip_table", "chip_days"), act=_misreport, lasts=(6 * D, 11 * D), within=7 * D, reason="a week of jobs is routed by it"),
    EventCase(label="impair.calibration_poisoned", kind="attack", labs=("chip_table",), act=_poisoned, lasts=(4 * D, 9 * D), within=2 * D, reason="two days of jobs run on it"),
    EventCase(label="impair.device_substitution", kind="attack", labs=("chip_table", "chip_days"), act=_substituted, lasts=(3 * D, 9 * D), within=D, reason="a day of jobs is sold as another machine's"),
    EventCase(label="exfiltrate.export_burst", kind="attack", labs=("gateway",), act=_burst_out, lasts=(0.5 * H, 4 * H), within=2 * H, reason="before all has left"),
    EventCase(label="exfiltrate.export_drip", kind="attack", labs=("gateway",), act=_drip_out, lasts=(10 * H, 30 * H), within=12 * H, reason="before half a day's telemetry has left"),
    EventCase(label="collect.polling", kind="attack", labs=("gateway",), act=_counted("polls", 8, 120, "A stranger polls jobs' times, {:.0f} more a row."), lasts=(3 * H, 20 * H), within=4 * H, reason="before a job's circuit is guessed"),
    EventCase(label="access.token_guessing", kind="attack", labs=("gateway",), act=_counted("refused", 3, 60, "Tokens are tried, {:.0f} refusals more a row."), lasts=(0.5 * H, 8 * H), within=H, reason="before a token is found"),
    EventCase(label="collect.circuit_theft", kind="attack", labs=("gateway",), act=_counted("transpiles", 8, 90, "A transpiler is fed others' circuits, {:.0f} a row."), lasts=(2 * H, 12 * H), within=4 * H, reason="before the circuits have left"),
    EventCase(label="impair.co_tenant_affinity", kind="attack", labs=("gateway",), act=_counted("pairs", 5, 45, "Two tenants' jobs meet {:.0f} points more often."), lasts=(4 * H, 20 * H), within=8 * H, reason="before a victim's job has run beside"),
    EventCase(label="impair.shuttle_exhaustion", kind="attack", labs=("gateway", "ion_trap"), act=_shuttles, lasts=(H, 12 * H), within=2 * H, reason="before a working day's jobs are spoilt"),
    EventCase(label="impair.queue_flood", kind="attack", labs=("gateway",), act=_counted("jobs", 15, 200, "Jobs are thrown in, {:.0f} more a row."), lasts=(H, 10 * H), within=H, reason="before others' jobs wait an hour"),
    EventCase(label="access.job_replay", kind="attack", labs=("gateway",), act=_counted("again", 2, 25, "Jobs are sent again, {:.0f} a row."), lasts=(0.5 * H, 8 * H), within=H, reason="before the results are paid for twice"),
    EventCase(label="collect.fingerprinting", kind="attack", labs=("gateway",), act=_counted("probes", 3, 40, "Qubits' frequencies are measured again and again, {:.0f} jobs a row."), lasts=(H, 10 * H), within=2 * H, reason="before the device is known by its frequencies"),
    EventCase(label="impair.atom_co_location", kind="attack", labs=("tweezers",), act=_near, lasts=(H, 10 * H), within=2 * H, reason="before the victim's job has ended"),
)  # fmt: skip
