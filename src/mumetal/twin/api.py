"""The front door of twin: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.twin.demo import backfill
    from mumetal.twin.demonstration import NOTICE as DEMONSTRATION_NOTICE
    from mumetal.twin.demonstration import Demonstration
    from mumetal.twin.demonstration import score as score_demonstration
    from mumetal.twin.doors import LabWriter
    from mumetal.twin.lab import Lab
    from mumetal.twin.lab import Pace as LabPace
    from mumetal.twin.living import LivingTwin
    from mumetal.twin.scenarios import PERTURBATIONS
    from mumetal.twin.scenarios import find as find_scenario
    from mumetal.twin.scenarios.schedule import Planned, Schedule
    from mumetal.twin.shown import check_shown

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
