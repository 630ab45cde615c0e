"""The front door of watch: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.watch.causes import CAUSES
    from mumetal.watch.causes.stage import CauseStage, SceneOf
    from mumetal.watch.contrastive.adapted import Adapted as AdaptedRecord
    from mumetal.watch.contrastive.adapted import AdaptedEncoder
    from mumetal.watch.contrastive.adapted import adapt as adapt_encoder
    from mumetal.watch.contrastive.adapted import read as read_adapted
    from mumetal.watch.contrastive.model import EncoderModel
    from mumetal.watch.covert.codes import MAX_CODES_FILE as MAX_TIMING_CODES_FILE
    from mumetal.watch.covert.codes import Codes as TimingCodes
    from mumetal.watch.covert.codes import decode_codes as decode_timing_codes
    from mumetal.watch.learned import RowModel
    from mumetal.watch.learned import Watching as WatchingModel
    from mumetal.watch.listed import DETECTORS
    from mumetal.watch.power.book import Had as MeasuredConditions
    from mumetal.watch.power.book import PowerBook
    from mumetal.watch.power.book import measure as measure_conditions
    from mumetal.watch.power.ledger import Entry as PowerEntry
    from mumetal.watch.settings import WatchSettings
    from mumetal.watch.state.whole import restored_whole, saved_whole
    from mumetal.watch.training.fit import Plan as TrainingPlan
    from mumetal.watch.training.fit import require_torch
    from mumetal.watch.training.judge import Judged as EncoderJudgement
    from mumetal.watch.training.public_series import labelled
    from mumetal.watch.training.recipe import Background as TrainingBackground
    from mumetal.watch.training.recipe import Lot as TrainingLot
    from mumetal.watch.training.recipe import Made as TrainedEncoder
    from mumetal.watch.training.recipe import make as train_encoder
    from mumetal.watch.training.recipe import synthetic as synthetic_backgrounds
    from mumetal.watch.watchers.of_room import watchers_of

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
