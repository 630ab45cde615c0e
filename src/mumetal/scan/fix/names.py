"""Names for the variables that hold secrets once they are out of the text."""

import re

from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.check import name_of

# What the vendors' own SDKs read.
USUAL = {"ibm-quantum": "QISKIT_IBM_TOKEN", "ionq": "IONQ_API_KEY", "dwave": "DWAVE_API_TOKEN"}
_GENERIC = re.compile(
    r"(?i)^(?:api_?|access_?|auth_?|secret_?|user_?|my_?)*(?:token|key|password|passwd|pwd|secret|pass)?$"
)
_BAD = re.compile(r"[^A-Za-z0-9]+")
MAX_NAME = 80


class Names:
    """Gives each secret one name, and no name to two secrets.

    Args:
        taken: Names that are in use already.
    """

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)
        self._given: dict[bytes, str] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._given.values()

    @property
    def given(self) -> tuple[str, ...]:
        """Names given so far, in order of the alphabet."""
        return tuple(sorted(self._given.values()))

    def name(self, leak: Candidate) -> str:
        """Return the name for a secret: the vendor's usual one, else what it is assigned to, else its rule's."""
        if leak.value not in self._given:
            stem = _stem(leak)
            name, number = stem, 2
            while name in self._taken:
                name, number = f"{stem}_{number}", number + 1
            self._taken.add(name)
            self._given[leak.value] = name
        return self._given[leak.value]


def _stem(leak: Candidate) -> str:
    vendor, _, kind = leak.rule.id.partition(".")
    if vendor in USUAL:
        return USUAL[vendor]
    said = name_of(leak).decode("ascii", "ignore").rsplit(".", 1)[-1]
    said = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", said)
    parts = [kind if vendor == "generic" else leak.rule.id] if _GENERIC.match(said) else [said]
    if _GENERIC.match(said) and said and vendor != "generic":
        parts = [vendor, said]
    name = _BAD.sub("_", "_".join(parts)).strip("_").upper()[:MAX_NAME]
    return name if name and not name[0].isdigit() else f"SECRET_{name}".rstrip("_")
