"""Measure the mean energy of real control pulses; the figures stand in ``src/mumetal/twin/signals/power.py``.

Usage::

    python scripts/pulse_energies.py qiskit_ibm_runtime-0.40.1-py3-none-any.whl

The wheel (Apache-2.0) holds the pulse libraries of 46 devices (``defs_<backend>.json``). A pulse's energy is the mean
over its duration of its squared envelope, full scale being 1. Files are read, never executed.
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ONE_QUBIT, TWO_QUBIT = {"x", "sx"}, {"cx", "ecr"}


def energy(parameters: dict) -> float:
    """Return the energy of a lifted Gaussian with a flat top of ``width`` (0 for a plain one), in [0, 1]."""
    duration, sigma, width = parameters["duration"], parameters["sigma"], parameters.get("width", 0)
    amplitude = parameters["amp"]
    amplitude = abs(complex(*amplitude)) if isinstance(amplitude, list) else abs(amplitude)
    x = np.arange(duration) + 0.5
    outside = np.maximum(np.abs(x - duration / 2) - width / 2, 0.0) / sigma
    edge = np.exp(-0.5 * (((duration - width) / 2 + 1) / sigma) ** 2)
    envelope = (np.exp(-0.5 * outside**2) - edge) / (1 - edge)
    return float(amplitude**2 * np.mean(envelope**2))


def pulses(wheel: Path) -> Iterator[tuple[str, dict]]:
    """Yield (gate, pulse parameters) of every one-qubit Gaussian and every two-qubit flat top in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if "/defs_" not in member or not member.endswith(".json"):
                continue
            for command in json.loads(archive.read(member))["cmd_def"]:
                for step in command.get("sequence", []):
                    flat = step.get("pulse_shape", "").startswith("gaussian_square")
                    if step.get("name") == "parametric_pulse" and (
                        command["name"] in ONE_QUBIT or (command["name"] in TWO_QUBIT and flat)
                    ):
                        yield command["name"], step["parameters"]


def main() -> None:
    """Print count and mean energy of both kinds."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for gate, parameters in pulses(Path(sys.argv[1])):
        found[gate in TWO_QUBIT].append(energy(parameters))
    for two, energies in found.items():
        print(f"{'two' if two else 'one'}-qubit: {len(energies)} pulses, mean energy {np.mean(energies):.4f}")


if __name__ == "__main__":
    main()
