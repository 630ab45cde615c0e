"""What happens in labs without anybody's ill will (recalled from labs' own accounts; TLS and bursts as ``labs`` cites them)."""

import numpy as np

from bench.foreign.attacks_slow import PLANT, D, H
from bench.foreign.noise import coloured
from bench.foreign.scene import Act, EventCase, EventScene

CRYO = ("dry_fridge", "wet_fridge", "nanowire")
FAST = ("pulse_timing", "power_rail", "magnetometer", "phase_lock", "canaries", "readout")


def _tube_stop(s: EventScene) -> str:
    s.drives["tube"][s.rows] = 0.0
    return "The cold head stops and is started again."


def _power_cut(s: EventScene) -> str:
    s.drives["power"][s.rows] = 0.0
    if s.draws.chance(0.6):  # the logger has no battery
        s.gone[s.rows] = True
    return "The power fails and comes back."


def _maintenance(s: EventScene) -> str:
    s.drives["tube"][s.rows] = 0.0
    middle = (s.start + s.stop) // 2
    s.drives["water"][middle:] -= s.draws.within(0.3, 1.5)  # a cleaned filter
    s.drives["unrest"][s.rows] *= 1.6
    return "The compressor's adsorber is changed; its water runs cooler afterwards."


def _transfer(s: EventScene) -> str:
    if "fill" in s.drives:
        s.push("fill", s.envelope(300) * (s.drives["fill"] < 0.5))
        return "Liquid helium is topped up out of turn."
    s.push("dirt", 10 * s.envelope(600))
    s.push("room", -0.5 * s.envelope(600))
    return "A dewar is filled; some air comes in at the coupling."


def _warm_up(s: EventScene) -> str:
    off = "tube" if "tube" in s.drives else "valve"
    s.drives[off][s.start :] = 0.02 if off == "valve" else 0.0
    if "fill" in s.drives:
        s.drives["fill"][s.start :] = 0.0
    s.drives["heat"][s.start :] += 5.0
    s.drives["load"][s.start :] = 0.0
    return "The cryostat is warmed up for a change of samples."


def _cool_down(s: EventScene) -> str:
    _warm_up(s)
    for drive in ("tube", "valve", "heat", "load", "fill"):
        if drive in s.drives:
            s.drives[drive][s.stop :] = s.lab.drives[drive][s.stop :]
    return "The cryostat is warmed up part of the way and cooled down again."


def _ramp(s: EventScene) -> str:
    size = s.draws.within(-0.7, 0.5) * float(np.median(s.drives["magnet"]))
    s.push("magnet", size * s.envelope(s.draws.within(600, 3_000)))
    return "The magnet is ramped for another experiment, and back."


def _recalibrated(s: EventScene) -> str:
    after = s.after()
    if "detune0" in s.drives:
        for q in range(sum(name.startswith("lie") for name in s.drives)):
            s.push(f"detune{q}", s.draws.within(-0.02, 0.02) * after)
            s.push(f"readout{q}", -s.draws.within(0.02, 0.3) * after)
    elif "turn" in s.drives:
        s.push("turn", s.draws.within(0.05, 0.6) * after)
        s.drives["unrest"][s.rows] *= 1.3
    elif "hit0" in s.drives:
        for name in [name for name in s.drives if name.startswith("hit")]:
            s.push(name, -s.draws.within(0.05, 0.5) * after)
    else:
        for name in [name for name in s.drives if name.startswith("shift")]:
            s.push(name, s.draws.within(-1.5, 1.5) * after)
    return "The machine is calibrated anew."


def _tls(s: EventScene) -> str:
    if "loss0" in s.drives:
        s.push("loss1", s.draws.spread(0.3, 2.0) * s.envelope(0))
        return "A two-level system comes near a qubit's frequency, and goes."
    s.push("hit1", s.draws.spread(0.5, 4.0) * s.envelope(0))
    return "A two-level system comes near a canary's frequency, and goes."


def _radiation(s: EventScene) -> str:
    hits = np.zeros(s.frame.n)
    at = s.start + int(s.draws.within(0, 3))
    while at < s.stop:  # about one in ten seconds, of which few reach so far
        rows = max(1, int(0.03 / s.frame.row_s))
        hits[at : at + 6 * rows] += s.draws.spread(4, 40) * np.exp(-np.arange(6 * rows) / rows)[: s.frame.n - at]
        at += max(2, int(s.draws.rng.exponential(10 / s.frame.row_s)))
    s.push("burst", hits[: s.frame.n])
    return "Radiation hits the chip several times."


def _heat_wave(s: EventScene) -> str:
    warmer = s.draws.within(1.5, 4.5)
    s.push("room", warmer * s.envelope(5 * H))
    if "water" in s.drives:
        s.push("water", 0.5 * warmer * s.envelope(6 * H))
    return f"A hot day: the room gets {warmer:.1f} °C warmer."


def _door(s: EventScene) -> str:
    if "lift" in s.drives:
        s.push("steel", s.draws.within(5, 60) * s.envelope(s.frame.row_s * 100))
        return "A steel door is left open."
    cooler = s.draws.within(0.6, 2.5)
    s.push("room", -cooler * s.envelope(300, 2_400))
    return f"A door stands open; the room gets {cooler:.1f} °C cooler."


def _lift(s: EventScene) -> str:
    s.push("lift", s.draws.within(6, 70) * s.envelope(s.length * s.frame.row_s * 0.3))
    return "The lift stops on this floor."


def _another_user(s: EventScene) -> str:
    level = s.draws.pick((0.0, 0.15, 1.0))
    s.drives["load"][s.rows] = level
    if "calls" in s.drives:
        s.push("calls", s.draws.within(20, 160) * s.envelope(0))
        s.push("polls", s.draws.within(2, 25) * s.envelope(0))
    return f"Another user's work: {level:.0%} of the machine."


def _sensor_calibrated(s: EventScene) -> str:
    c, part = s.sensor(), s.draws.within(-0.03, 0.03)
    s.gain[s.start :, c] += part
    return f"{s.heading(c)} is calibrated: {part:+.1%} from then on."


def _cable(s: EventScene) -> str:
    c = s.sensor()
    bad = s.draws.rng.random(s.length) < s.draws.within(0.03, 0.4)
    s.lost[s.start + np.flatnonzero(bad), c] = True
    jumps = (s.draws.rng.random(s.length) < 0.05) * s.draws.rng.standard_t(3, s.length)
    s.offset[s.rows, c] += 6 * s.spread(c) * jumps
    return f"The cable of {s.heading(c)} is loose: values are lost and jump."


def _over_range(s: EventScene) -> str:
    c = s.sensor()
    x = s.base[: s.start, c]
    s.offset[s.rows, c] += 4 * float(np.nanmax(x) - np.nanmin(x)) + 50 * s.spread(c)
    s.gain[s.rows, c] = 0.0 if s.draws.chance(0.6) else 1.0
    s.offset[s.rows, c] += float(np.nanmax(x)) * (s.gain[s.start, c] == 0)
    return f"{s.heading(c)} is over its range and shows its end."


def _new_software(s: EventScene) -> str:
    if s.draws.chance(0.5):
        every = s.draws.pick((2, 3, 5))
        s.gone[s.start :] = np.arange(s.frame.n - s.start) % every != 0
        return f"The logger's new version writes every {every} rows only."
    c = s.sensor()
    s.gain[s.start :, c] = s.draws.pick((1e-3, 1e3, 10.0, 1.8))
    s.offset[s.start :, c] = 32.0 * (s.gain[-1, c] == 1.8)
    return f"The logger's new version writes {s.heading(c)} in another unit."


def _away(s: EventScene) -> str:
    s.drives["load"][s.rows] *= 0.1
    return "A holiday: nobody uses the machine."


def _step_of_clock(s: EventScene) -> str:
    if "door" in s.drives:  # the rack, which logs how far its host is off
        step = s.draws.spread(0.005, 0.9) * s.draws.pick((-1, 1))
        s.offset[:, s.named("host.offset")] += 1e3 * step * s.envelope(s.frame.row_s, s.length * s.frame.row_s)
    else:
        step = s.draws.within(0.3, 3) * s.frame.row_s * s.draws.pick((-0.3, 1.0))
    s.clock_s += step * s.after()
    return f"The host's time is stepped by {step:+.3g} s."


def _mode_hop(s: EventScene) -> str:
    if "hop" in s.drives:
        s.push("hop", s.draws.within(0.5, 1.5) * s.envelope(0))
    else:
        s.push("laser", s.draws.within(8, 60) * s.draws.pick((-1, 1)) * s.envelope(0))
    return "A laser hops to another mode and is locked again."


def _air_conditioning(s: EventScene) -> str:
    wave = np.sin(2 * np.pi * np.arange(s.frame.n) * s.frame.row_s / s.draws.within(900, 2_700))
    s.push("room", s.draws.within(0.4, 1.2) * wave * s.envelope(600))
    return "The air conditioning hunts around its set point."


def _backup(s: EventScene) -> str:
    size = s.draws.within(1.2, 4) * float(np.nanquantile(s.base[: s.start, 0], 0.95))
    s.push("bytes", size * s.envelope(s.frame.row_s))
    return "The monthly copy goes to the archive."


def _new_course(s: EventScene) -> str:
    s.push("calls", s.draws.within(30, 220) * s.envelope(900))
    s.push("refused", s.draws.within(1, 6) * s.envelope(900))
    s.push("polls", s.draws.within(5, 40) * s.envelope(900))
    return "A course of students begins: many small jobs, a few wrong tokens."


def _louder(s: EventScene) -> str:
    factor = s.draws.within(1.2, 1.9)
    s.drives["unrest"][s.rows] *= factor
    return f"Work in the next room: all noise is {factor:.1f} times as large."


def _scans(s: EventScene) -> str:
    c = s.named("bias.current") if "bias.current" in [x.name for x in s.lab.sensors] else -1
    if c >= 0:
        s.scale("bias", 1 + s.envelope(0) * (0.5 * np.sin(2 * np.pi * np.arange(s.frame.n) / 40) - 0.5))
        return "The detector's bias is swept to measure its plateau."
    s.push(
        "bias",
        s.envelope(0) * s.draws.within(2, 12) * np.sin(2 * np.pi * np.arange(s.frame.n) / s.draws.pick((20, 60))),
    )
    return "A gate is swept for a stability diagram."


def _oven_run(s: EventScene) -> str:
    s.push("oven", s.draws.within(1.5, 2.8) * s.envelope(60) * (s.drives["oven"] < 0.5))
    return "Ions were lost and are loaded again."


def _wander(s: EventScene) -> str:
    slow = coloured(s.draws.rng, s.frame.n, 2.0)
    s.push("heat", 0.4 * (slow - slow[s.start]) * s.envelope(s.length * s.frame.row_s * 0.2))
    return "The clock's tile warms and cools with the air."


_T = "the event's own end"
_L = (0.1, 0.3)


def _i(label: str, labs: tuple[str, ...], act: Act, lasts: tuple[float, float], activity: str = "") -> EventCase:
    return EventCase(
        label=label, kind="innocent", labs=labs, act=act, lasts=lasts, within=lasts[1], reason=_T, activity=activity
    )


CASES = (
    _i("innocent.cold_head_restart", ("dry_fridge", "nanowire"), _tube_stop, (600, 4_000), "compressor.restart"),
    _i("innocent.power_cut", (*PLANT, "gateway"), _power_cut, (300, 3 * H), "power.outage"),
    _i("innocent.compressor_maintenance", ("dry_fridge", "nanowire"), _maintenance, (2 * H, 6 * H), "maintenance.compressor"),
    _i("innocent.helium_transfer", ("wet_fridge", "helium_plant"), _transfer, (1_500, 5_400), "helium.transfer"),
    _i("innocent.warm_up", CRYO, _warm_up, (20 * H, 30 * H), "cryostat.warmup"),
    _i("innocent.cool_down", CRYO, _cool_down, (3 * H, 12 * H), "cryostat.cooldown"),
    _i("innocent.magnet_ramp", ("spin_fridge", "ion_trap", "tweezers"), _ramp, (1.5 * H, 8 * H), "magnet.ramp"),
    _i("innocent.recalibration", ("chip_table", "chip_days"), _recalibrated, (D, 2 * D), "calibration.write"),
    _i("innocent.recalibration_fast", ("readout", "canaries", "pulse_timing"), _recalibrated, (0.02, 0.06), "calibration.write"),
    _i("innocent.tls_jump", ("chip_table", "chip_days"), _tls, (2 * D, 10 * D)),
    _i("innocent.tls_jump_fast", ("canaries",), _tls, _L),
    _i("innocent.radiation", ("canaries", "readout"), _radiation, _L),
    _i("innocent.hot_day", ("dry_fridge", "nanowire", "control_rack", "ion_trap", "tweezers", "helium_plant"), _heat_wave, (8 * H, 20 * H)),
    _i("innocent.door_open", ("control_rack", "ion_trap", "tweezers"), _door, (300, 3 * H)),
    _i("innocent.steel_door", ("magnetometer",), _door, _L),
    _i("innocent.lift", ("magnetometer",), _lift, (0.03, 0.2)),
    _i("innocent.user_load", ("control_rack", "dry_fridge", "spin_fridge", "gateway", "nanowire"), _another_user, (2 * H, 14 * H), "jobs.block"),
    _i("innocent.user_load_fast", ("power_rail", "canaries"), _another_user, _L, "jobs.block"),
    _i("innocent.sensor_recalibrated", PLANT, _sensor_calibrated, (4 * H, 12 * H), "sensor.calibrate"),
    _i("innocent.flaky_cable", PLANT, _cable, (2 * H, 14 * H)),
    _i("innocent.flaky_cable_fast", FAST, _cable, _L),
    _i("innocent.gauge_over_range", PLANT, _over_range, (600, 6 * H)),
    _i("innocent.software_update", (*PLANT, "gateway"), _new_software, (6 * H, 14 * H), "software.update"),
    _i("innocent.holiday", ("dry_fridge", "control_rack", "gateway", "spin_fridge", "nanowire"), _away, (14 * H, 24 * H)),
    _i("innocent.clock_step", ("control_rack",), _step_of_clock, (H, 2 * H), "time.sync"),
    _i("innocent.clock_step_fast", FAST, _step_of_clock, (0.05, 0.1), "time.sync"),
    _i("innocent.mode_hop", ("ion_trap", "tweezers"), _mode_hop, (120, 2 * H), "laser.relock"),
    _i("innocent.mode_hop_fast", ("phase_lock",), _mode_hop, (0.02, 0.1), "laser.relock"),
    _i("innocent.air_conditioning", ("control_rack", "ion_trap", "tweezers"), _air_conditioning, (4 * H, 16 * H)),
    _i("innocent.archive_copy", ("gateway",), _backup, (H, 4 * H), "export.archive"),
    _i("innocent.new_course", ("gateway",), _new_course, (2 * H, 6 * H), "users.added"),
    _i("innocent.building_work", FAST, _louder, _L, "building.work"),
    _i("innocent.sweep", ("spin_fridge", "nanowire"), _scans, (0.5 * H, 5 * H), "experiment.sweep"),
    _i("innocent.ion_loading", ("ion_trap",), _oven_run, (600, 3_000), "ions.load"),
    _i("innocent.thermal_wander", ("pulse_timing",), _wander, (0.2, 0.3)),
)  # fmt: skip
