"""Gates, listed explicitly: all of them must let a version pass before it is validated."""

from mumetal.core.registry import Registry
from mumetal.trust.models.gates.adversarial import Adversarial
from mumetal.trust.models.gates.calibration import Calibration
from mumetal.trust.models.gates.poisoning import Poisoning
from mumetal.trust.models.gates.quality import Quality
from mumetal.trust.models.gates.schema import Schema
from mumetal.trust.models.gates.size import Size
from mumetal.trust.models.gates.speed import Speed
from mumetal.trust.models.gates.trial import Gate, Trial
from mumetal.trust.models.report import GateOutcome

GATES: Registry[Gate] = Registry("gate", "mumetal.model_gates")
_LISTED: tuple[Gate, ...] = (Schema(), Quality(), Calibration(), Adversarial(), Poisoning(), Speed(), Size())
for _gate in _LISTED:
    GATES.add(_gate.info.plugin_id, _gate)

REQUIRED = frozenset(gate_id for gate_id, _ in GATES)


def judge(trial: Trial) -> tuple[GateOutcome, ...]:
    """Return every gate's word, in order of their ids."""
    return tuple(gate.judge(trial) for _, gate in GATES)
