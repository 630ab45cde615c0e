"""Whether what a model says can reach a device: it follows from what is wired together, not from what its owner says.

An active model scores rows for the watch; what the watch finds is an incident; and who acts on incidents by itself is an
agent of some part. So a model reaches a device where an agent may do a verb that changes what a device does.
"""

from collections.abc import Sequence

from mumetal.core.part import Part


def reaches_hardware(parts: Sequence[Part]) -> bool:
    """Say whether an agent of these parts may do what changes a device.

    Args:
        parts: The parts that run here.
    """
    moving = {verb.verb_id for part in parts for verb in part.verbs if verb.hardware}
    return any(moving.intersection(agent.verbs) for part in parts for agent in part.agents)
