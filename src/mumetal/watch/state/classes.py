"""Which classes a state may hold, listed explicitly, and which attributes of each.

A class says beside its code what is ``saved``; what one call leaves for another, or its maker gives, is ``unsaved``. Of a frozen or
mutable dataclass it is all fields that its constructor takes. Whoever changes what an attribute *means* without renaming it
counts the class's ``saved_as`` up: states of another layout are refused, and learnt anew.
"""

import hashlib
from dataclasses import fields, is_dataclass
from enum import Enum

from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.operation import OperatingMode
from mumetal.core.series import Channel, Series
from mumetal.core.subject import Subject, SubjectKind
from mumetal.numerics.principal import Principal
from mumetal.numerics.tails import Tail
from mumetal.watch.alerts import Alert
from mumetal.watch.authored.commits import CommitMonitor
from mumetal.watch.authored.habits import Cell, Habits
from mumetal.watch.calibrate import Calibration
from mumetal.watch.causes.stage import CauseStage, StandingFinding
from mumetal.watch.contrastive.encoder import Course, Encoder
from mumetal.watch.contrastive.model import Stretches
from mumetal.watch.contrastive.modes import Modes
from mumetal.watch.covert.export import Account, ExportWatch
from mumetal.watch.covert.memory import Memory
from mumetal.watch.covert.misreport import CanaryWitness, Disagreement
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.covert.spans import Spans
from mumetal.watch.detectors.baseline import Baseline
from mumetal.watch.detectors.blocks import Blocks
from mumetal.watch.detectors.joint_figures import JointFigures
from mumetal.watch.detectors.shape import Unit
from mumetal.watch.detectors.standard import Scale
from mumetal.watch.detectors.windowed import Trailing
from mumetal.watch.ensemble import Ensemble, Member
from mumetal.watch.episodes import Episode, Episodes
from mumetal.watch.learned import Learned
from mumetal.watch.listed import DETECTORS, LISTED
from mumetal.watch.ongoing import Ongoing, Sighting
from mumetal.watch.operating.device import Device, Stop
from mumetal.watch.operating.refrigerator import Refrigerator
from mumetal.watch.operating.trail import Switched, Switches, Trail
from mumetal.watch.quality.event import EventRules
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.quality.silence import Heard, Silence
from mumetal.watch.regimes import Regimes
from mumetal.watch.rows import Kept
from mumetal.watch.slow import SnapshotMonitor
from mumetal.watch.states import States

WATCHING: tuple[type, ...] = (
    SnapshotMonitor, CommitMonitor, CauseStage, ExportWatch, CanaryWitness, NoisyReplay, SeriesRules, EventRules, Heard, Silence, Ongoing,
    Device,
)  # fmt: skip
PARTS: tuple[type, ...] = (
    Account, Alert, OperatingMode, Refrigerator, Stop, Switched, Switches, Trail, Attribution, Baseline, Blocks, Calibration, CauseVerdict, Cell, Channel, Course, Disagreement, Encoder,
    Ensemble, Episode, Episodes, Evidence, Finding, Habits, JointFigures, Kept, Learned, Member, Memory, Modes, Principal,
    Regimes, Scale, Series, Severity, States, Sighting, Spans, StandingFinding, Stretches, Subject, SubjectKind, Tail, Trailing, Unit,
)  # fmt: skip
CLASSES: dict[str, type] = {cls.__name__: cls for cls in (*WATCHING, *PARTS, *LISTED)}


def saved_names(cls: type) -> tuple[str, ...]:
    """Return the attributes of a class that a state holds, in order."""
    if is_dataclass(cls):
        return tuple(field.name for field in fields(cls) if field.init)
    if issubclass(cls, Enum):
        return ("value",)
    if issubclass(cls, tuple):
        return tuple(getattr(cls, "_fields", ()))
    return _declared(cls, "saved")


def layout_of(cls: type) -> str:
    """Return what tells one layout of a class from another, 16 hex digits."""
    text = f"{cls.__name__} {getattr(cls, 'saved_as', 1)} {' '.join(saved_names(cls))}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def detectors_listed() -> list[list[str]]:
    """Return the detectors there are, with their layouts: an ensemble that was chosen among others is learnt anew."""
    own = {cls.info.plugin_id: LAYOUTS[cls.__name__] for cls in LISTED}
    return [[plugin_id, own.get(plugin_id, "")] for plugin_id, _ in DETECTORS]


def _declared(cls: type, which: str) -> tuple[str, ...]:
    parts = [vars(base).get(which, ()) for base in reversed(cls.__mro__)]
    return tuple(dict.fromkeys(name for part in parts for name in part))


SAVED = {name: saved_names(cls) for name, cls in CLASSES.items()}
UNSAVED = {name: frozenset(_declared(cls, "unsaved")) for name, cls in CLASSES.items()}
LAYOUTS = {name: layout_of(cls) for name, cls in CLASSES.items()}
