"""Whether what a model says can reach a device: it follows from what is wired together, not from what its owner says.

An active model scores rows for the watch; what the watch finds is an incident; and who acts on incidents by itself is an
agent of some part. So a model reaches a device where an agent may do a verb that changes what a device does.
"""

from collections.abc import Sequence

from mumetal.app.parts import parts as allowed_parts
from mumetal.core.part import Part


def reaches_hardware(parts: Sequence[Part] | None = None) -> bool:
    """Say whether an agent of these parts may do what changes a device.

    Args:
        parts: The parts that run here; without them every one that is installed.
    """
    known = allowed_parts() if parts is None else parts
    moving = {verb.verb_id for part in known for verb in part.verbs if verb.hardware}
    return any(moving.intersection(agent.verbs) for part in known for agent in part.agents)
