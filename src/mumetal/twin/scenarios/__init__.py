"""What can happen to the twin, listed once: innocent causes and attacks."""

from mumetal.core.registry import Registry
from mumetal.twin.scenarios.attacks import ATTACKS
from mumetal.twin.scenarios.innocent import INNOCENT
from mumetal.twin.scenarios.spec import Perturbation

PERTURBATIONS: Registry[Perturbation] = Registry("perturbation", "mumetal.perturbations")
for _perturbation in (*INNOCENT, *ATTACKS):
    PERTURBATIONS.add(_perturbation.name, _perturbation)


def find(name: str) -> Perturbation:
    """Return a perturbation by its short name or by its truth's name.

    Raises:
        BadInputError: There is none.
    """
    for _, listed in PERTURBATIONS:
        if listed.truth == name:
            return listed
    return PERTURBATIONS.get(name)
