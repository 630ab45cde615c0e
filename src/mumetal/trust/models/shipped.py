"""What the wheel ships as models, taken into the registry at a start: bytes by their digest, promises, the release's gates.

Beside ``NAME.onnx`` lie either the registry's own papers (``NAME-promises.json`` and ``NAME-report.json``) or the card that
``mumetal model train`` writes (``NAME-card.json``). A card says what was measured at the release; the gates that need a
model of single rows did not speak, and the report names only those that did.
"""

import hashlib

import msgspec
from msgspec import Struct

from mumetal import __version__
from mumetal.core.errors import BadInputError, MumetalError, UnavailableError
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import report as reports
from mumetal.trust.models.files.inspect import inspect
from mumetal.trust.models.gates.quality import Quality
from mumetal.trust.models.gates.size import Size
from mumetal.trust.models.gates.trial import Bounds, outcome
from mumetal.trust.models.manifest import DataSet, InputRange, Metric, Promises
from mumetal.trust.models.opening import ModelDesk
from mumetal.trust.models.report import GateReport
from mumetal.trust.packaged_models import CARD, PROMISES, REPORT, PackagedModels

SHIPPED_IN, FOLDER = "mumetal.watch", "pretrained"
# an encoder sees per row and channel the level and the forecast's residual, as sign(x)·log(1 + |x|) of at most 1e6 deviations
INPUTS = tuple(
    InputRange(channel=name, unit="1", lowest=-14.0, highest=14.0) for name in ("level", "forecast residual")
)


class Problem(Struct, frozen=True, kw_only=True):
    """A model that is not watching, and why.

    Args:
        model: Its name; empty when the registry itself cannot be used.
        why: The step that failed, in one sentence.
    """

    model: str
    why: str


class Source(Struct, frozen=True, kw_only=True):
    """Data an encoder was made from."""

    uri: str
    digest: str


class HeldOut(Struct, frozen=True, kw_only=True):
    """How well it does on backgrounds it was not trained on: area under the ROC curve, in [0, 1], over so many windows."""

    auc: float
    recall: float
    windows: int


class ReleaseCard(Struct, frozen=True, kw_only=True):
    """What is taken from a card; the rest of it is for readers."""

    model: str
    purpose: str
    limits: tuple[str, ...]
    code: str
    seed: int
    data: tuple[Source, ...]
    held_out: HeldOut


def adopt_shipped(desk: ModelDesk) -> list[Problem]:
    """Take in the models that the installed package ships; one that is refused is named and left out."""
    try:
        shipped = PackagedModels.of_package(SHIPPED_IN, FOLDER)
    except UnavailableError:
        return []  # nothing is shipped
    except MumetalError as error:
        return [Problem(model="", why=f"what is shipped cannot be read: {error}"[:500])]
    problems = []
    for file in shipped.models():
        name = file.rpartition(".")[0]
        try:
            data = shipped.load(file).data
            promised, report = papers(shipped, name, data)
            desk.lifecycle.adopt(desk.principal, name, data, promised, report, f"mumetal {__version__}")
        except MumetalError as error:
            problems.append(Problem(model=name, why=f"shipped, but refused: {error}"[:500]))
    return problems


def papers(shipped: PackagedModels, name: str, data: bytes) -> tuple[Promises, GateReport]:
    """Return what is promised of a shipped model and what its gates said.

    Raises:
        RejectedError: A paper is not the one the package's manifest names.
        BadInputError: A paper is missing or malformed, or about other bytes.
    """
    if name + CARD not in shipped.papers():
        promised = manifests.decode_promises(shipped.load(name + PROMISES).data, name + PROMISES)
        return promised, reports.decode(shipped.load(name + REPORT).data, name + REPORT)
    text = shipped.load(name + CARD).data
    try:
        card = msgspec.json.decode(text, type=ReleaseCard)
        promised = _promises(card)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not a card: {error}"[:300], where=name + CARD) from None
    if card.model != hashlib.sha256(data).hexdigest():
        raise BadInputError("the card is about other bytes", where=name + CARD)
    kind, _ = inspect(data, name)
    version = manifests.version_of(manifests.manifest_of(name, data, kind, promised))
    bounds, held = Bounds(), card.held_out
    said = (
        outcome(
            Quality.info,
            held.auc >= bounds.auc,
            f"AUC {held.auc:.3f} on {held.windows} held-out windows at the release, at least {bounds.auc:.2f} asked for",
            auc=held.auc,
            recall=held.recall,
        ),
        outcome(Size.info, len(data) <= bounds.size, f"{len(data)} bytes, at most {bounds.size}", bytes=len(data)),
    )
    digest = hashlib.sha256(text).hexdigest()
    return promised, GateReport(name=name, version=version, data=digest, t_ns="0", outcomes=said)


def _promises(card: ReleaseCard) -> Promises:
    made = Promises(
        owner="mumetal",
        purpose=card.purpose,
        touches_hardware=False,
        data=tuple(DataSet(uri=s.uri, digest=s.digest, use="train") for s in card.data),
        code=card.code,
        seeds=(card.seed,),
        metrics=(Metric(name="auc", value=card.held_out.auc), Metric(name="recall", value=card.held_out.recall)),
        inputs=INPUTS,
        card="\n".join(card.limits),
    )
    return msgspec.convert(msgspec.to_builtins(made), Promises)  # the bounds of every field, as for a person's promises
