"""A lab that keeps a platform in Git: a real repository, with people who recalibrate as people do."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

T0 = 1_704_067_200  # 2024-01-01, s
HOUR = 3_600
PLATFORM_PY = "raise SystemExit('nobody may run this')\n"


class Lab:
    """A repository with one platform of six qubits, ``chip/``.

    Args:
        folder: Where to make it.
        seed: Of what people measure.
    """

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.seconds = T0
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.parameters: dict[str, Any] = {
            "native_gates": {
                "single_qubit": {
                    str(q): {
                        "RX": {"duration": 40, "amplitude": 0.1 + 0.01 * q, "frequency": 5e9 + 1e8 * q},
                        "MZ": {"duration": 1000, "amplitude": 0.01, "frequency": 7e9 + 1e8 * q},
                    }
                    for q in range(6)
                }
            }
        }
        self.calibration: dict[str, Any] = {
            "single_qubits": {
                str(q): {"t1": [2e4, 500.0], "t2": [1.5e4, 500.0], "readout": {"fidelity": 0.9, "threshold": 0.01},
                         "rb_fidelity": [0.998, 1e-4]}
                for q in range(6)
            },
            "two_qubits": {f"{q}-{q + 1}": {"cz_fidelity": [0.97, 0.01]} for q in range(5)},
        }  # fmt: skip

    def git(self, *arguments: str, author: str = "ana@lab") -> str:
        when = f"{self.seconds} +0000"
        own = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_CONFIG_GLOBAL": os.devnull}
        own |= {f"GIT_{who}_{what}": author for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        asked = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(
            asked, check=True, capture_output=True, text=True, env={**os.environ, **own}
        ).stdout.strip()

    def commit(self, author: str = "ana@lab", message: str = "recalibrate", options: Sequence[str] = ()) -> str:
        chip = self.folder / "chip"
        chip.mkdir(exist_ok=True)
        (chip / "parameters.json").write_text(json.dumps(self.parameters, indent=1))
        (chip / "calibration.json").write_text(json.dumps(self.calibration, indent=1))
        (chip / "platform.py").write_text(PLATFORM_PY)
        self.seconds += HOUR
        self.git("add", "-A")
        self.git(*options, "commit", "-q", "-m", message, author=author)
        return self.git("rev-parse", "HEAD")

    def recalibrate(self, author: str = "") -> str:
        """Commit what an ordinary day brings: some qubits tuned, and what was measured there beside."""
        author = author or ("ana@lab", "bo@lab")[int(self.rng.random() < 0.3)]
        for q in self.rng.choice(6, int(self.rng.integers(1, 4)), replace=False):
            gates, told = (
                self.parameters["native_gates"]["single_qubit"][str(q)],
                self.calibration["single_qubits"][str(q)],
            )
            gates["RX"]["amplitude"] *= float(np.exp(0.02 * self.rng.normal()))
            gates["RX"]["frequency"] += float(2e4 * self.rng.normal())
            told["readout"]["threshold"] = float(0.01 * np.exp(0.2 * self.rng.normal()))
            told["readout"]["fidelity"] = float(1 - 0.1 * np.exp(0.2 * self.rng.normal()))
            if self.rng.random() < 0.5:
                told["t1"][0] = float(2e4 * np.exp(0.3 * self.rng.normal()))
                told["t2"][0] = float(min(1.5e4 * np.exp(0.3 * self.rng.normal()), 1.9 * told["t1"][0]))
        return self.commit(author)

    def edit(self, factor: float = 1.05, author: str = "ana@lab", message: str = "tidy") -> str:
        """Commit one pulse's amplitude changed, and nothing else: QTrojan's way in."""
        self.parameters["native_gates"]["single_qubit"]["2"]["RX"]["amplitude"] *= factor
        return self.commit(author, message)

    def praise(self, factor: float = 1.2, author: str = "ana@lab") -> str:
        """Commit every lifetime and infidelity better."""
        for told in self.calibration["single_qubits"].values():
            told["t1"][0] *= factor
            told["t2"][0] *= factor
            told["readout"]["fidelity"] = 1 - (1 - told["readout"]["fidelity"]) / factor
            told["rb_fidelity"][0] = 1 - (1 - told["rb_fidelity"][0]) / factor
        return self.commit(author)
