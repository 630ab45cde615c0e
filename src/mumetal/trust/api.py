"""The front door of trust: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.trust.attest.host import measure as measure_board
    from mumetal.trust.attest.quote import Challenge
    from mumetal.trust.attest.quote import decode as decode_quote
    from mumetal.trust.attest.quote import load_key as load_quote_key
    from mumetal.trust.attest.quote import verify as verify_quote
    from mumetal.trust.firmware.book import FOLDER as FIRMWARE_FOLDER
    from mumetal.trust.firmware.book import Book as FirmwareBook
    from mumetal.trust.firmware.fleet import Board, BoardFiles
    from mumetal.trust.firmware.fleet import decode as decode_fleet
    from mumetal.trust.firmware.mirror import open_mirror
    from mumetal.trust.firmware.record import OBSERVED as HOST_OBSERVED
    from mumetal.trust.firmware.record import QUOTE as TPM_QUOTE
    from mumetal.trust.firmware.record import RECORD as RECORD_BOARD
    from mumetal.trust.firmware.record import BoardRecord
    from mumetal.trust.firmware.record import Clocks as TpmClocks
    from mumetal.trust.firmware.record import Proof as BoardProof
    from mumetal.trust.firmware.record import Released as BoardRelease
    from mumetal.trust.firmware.record import Verdict as BoardVerdict
    from mumetal.trust.firmware.release import Release as FirmwareRelease
    from mumetal.trust.firmware.release import approvers as release_approvers
    from mumetal.trust.firmware.release import decode as decode_release
    from mumetal.trust.firmware.release import sign as sign_release
    from mumetal.trust.firmware.release import verify as verify_release
    from mumetal.trust.firmware.rolling import ACTIONS as FIRMWARE_ACTIONS
    from mumetal.trust.firmware.rolling import ATTEST as ATTEST_BOARD
    from mumetal.trust.firmware.rolling import Entering as BoardActs
    from mumetal.trust.firmware.rolling import confirmed as confirmed_version
    from mumetal.trust.firmware.rolling import entering as board_acts
    from mumetal.trust.firmware.rolling import rollout_of
    from mumetal.trust.firmware.rollout import Order as RolloutOrder
    from mumetal.trust.firmware.rollout import Outcome as RolloutOutcome
    from mumetal.trust.firmware.rollout import Plan as RolloutPlan
    from mumetal.trust.firmware.rollout import Report as RolloutReport
    from mumetal.trust.keys.hybrid import SoftKey
    from mumetal.trust.keys.inventory import keys as key_states
    from mumetal.trust.keys.inventory import roles as role_states
    from mumetal.trust.keys.plan import draft as draft_root
    from mumetal.trust.keys.public import encode as encode_public_key
    from mumetal.trust.keys.root import TrustRoot
    from mumetal.trust.keys.sealed import plain as plain_key
    from mumetal.trust.keys.sealed import seal as seal_key
    from mumetal.trust.keys.sealed import write as write_key
    from mumetal.trust.keys.uri import Secrets as KeySecrets
    from mumetal.trust.keys.uri import open_key, open_soft
    from mumetal.trust.ledger.audit import examine as examine_ledger
    from mumetal.trust.ledger.checkpoint import Checkpoint
    from mumetal.trust.ledger.checkpoint import of_note as checkpoint_of_note
    from mumetal.trust.ledger.desk import OUTCOMES as LEDGER_OUTCOMES
    from mumetal.trust.ledger.desk import AuditDesk
    from mumetal.trust.ledger.desk import Found as AuditFound
    from mumetal.trust.ledger.desk import Standing as AuditStanding
    from mumetal.trust.ledger.desk import Wanted as AuditWanted
    from mumetal.trust.ledger.desk import moment as audit_moment
    from mumetal.trust.ledger.disk import read_whole, write_whole
    from mumetal.trust.ledger.extract import MAX_LINE as MAX_EXTRACT_LINE
    from mumetal.trust.ledger.extract import is_extract
    from mumetal.trust.ledger.extract import verify as verify_extract
    from mumetal.trust.ledger.folder import CHECKPOINT as LEDGER_CHECKPOINT
    from mumetal.trust.ledger.folder import LedgerFolder
    from mumetal.trust.ledger.former import FORMER as FORMER_LEDGER
    from mumetal.trust.ledger.local import export as export_ledger
    from mumetal.trust.ledger.local import log_key as ledger_key
    from mumetal.trust.ledger.merkle import leaf as merkle_leaf
    from mumetal.trust.ledger.opening import FOLDER as LEDGER_FOLDER
    from mumetal.trust.ledger.opening import Say as LedgerSay
    from mumetal.trust.ledger.opening import find as find_ledger
    from mumetal.trust.ledger.opening import open_ledger
    from mumetal.trust.ledger.opening import opened as opened_ledger
    from mumetal.trust.ledger.opening import replace_key as replace_ledger_key
    from mumetal.trust.ledger.opening import silent as silent_ledger
    from mumetal.trust.ledger.proof import MAX_PROOF as MAX_LEDGER_PROOF
    from mumetal.trust.ledger.proof import decode as decode_proof
    from mumetal.trust.ledger.proof import encode as encode_proof
    from mumetal.trust.ledger.proof import prove as prove_entry
    from mumetal.trust.ledger.reading import LedgerReader
    from mumetal.trust.ledger.record import decode as decode_entry
    from mumetal.trust.ledger.rotation import Rotation as LedgerRotation
    from mumetal.trust.ledger.rotation import log_keys as ledger_keys
    from mumetal.trust.ledger.upkeep import LedgerWatch
    from mumetal.trust.ledger.witness import Witness, witnessed
    from mumetal.trust.ledger.witness import kept as kept_checkpoints
    from mumetal.trust.ledger.witness import saw_any as saw_any_checkpoint
    from mumetal.trust.ledger.witness_places import WitnessPlace, not_refuted
    from mumetal.trust.ledger.witness_places import places as witness_places
    from mumetal.trust.models.examining import examine as examine_model
    from mumetal.trust.models.exports.card import card as model_card
    from mumetal.trust.models.exports.mlbom import mlbom as model_bom
    from mumetal.trust.models.exports.mlflow import mlflow_folder
    from mumetal.trust.models.files.inspect import MAX_BYTES as MAX_MODEL_BYTES
    from mumetal.trust.models.files.inspect import Kind as ModelKind
    from mumetal.trust.models.files.onnx_file import read as read_onnx
    from mumetal.trust.models.gates import GATES
    from mumetal.trust.models.gating import run_gates
    from mumetal.trust.models.health.checkup import FEWEST as FEWEST_HEALTH_ROWS
    from mumetal.trust.models.health.checkup import Checkup, Patient, canary_of
    from mumetal.trust.models.health.checkup import look as look_at_model
    from mumetal.trust.models.health.fall_back import due as fall_back_due
    from mumetal.trust.models.health.fall_back import reason as fall_back_reason
    from mumetal.trust.models.health.findings import findings as health_findings
    from mumetal.trust.models.health.findings import outside as outside_finding
    from mumetal.trust.models.health.findings import refused as refused_finding
    from mumetal.trust.models.lifecycle import ACTIONS as MODEL_ACTIONS
    from mumetal.trust.models.lifecycle import HEALTH_AGENT, RELEASE_AGENT
    from mumetal.trust.models.lifecycle import ROLLBACK as ROLLBACK_MODEL
    from mumetal.trust.models.lineage import decode as decode_probe
    from mumetal.trust.models.lineage import encode as encode_probe
    from mumetal.trust.models.lineage import probe as probe_model
    from mumetal.trust.models.lineage import reproduce as reproduce_probe
    from mumetal.trust.models.manifest import MAX_MANIFEST, decode_promises
    from mumetal.trust.models.manifest import NAME as MODEL_NAME
    from mumetal.trust.models.manifest import Manifest as ModelManifest
    from mumetal.trust.models.opening import FOLDER as MODELS_FOLDER
    from mumetal.trust.models.opening import ROOT_FILE as MODELS_ROOT_FILE
    from mumetal.trust.models.opening import ModelDesk
    from mumetal.trust.models.opening import attach as attach_models
    from mumetal.trust.models.opening import changing as changing_models
    from mumetal.trust.models.opening import reading as reading_models
    from mumetal.trust.models.record import NEXT as NEXT_STATES
    from mumetal.trust.models.record import Record as ModelRecord
    from mumetal.trust.models.record import State as ModelState
    from mumetal.trust.models.record import Version as ModelVersion
    from mumetal.trust.models.record import vouched
    from mumetal.trust.models.refusals import apart
    from mumetal.trust.models.registry import ModelRegistry
    from mumetal.trust.models.report import GateReport
    from mumetal.trust.models.scorer import OnnxScorer
    from mumetal.trust.models.shipped import Problem as ModelProblem
    from mumetal.trust.models.shipped import adopt_shipped
    from mumetal.trust.models.table import read as read_table
    from mumetal.trust.models.training_data import READ as READ_TRAINING_DATA
    from mumetal.trust.packaged_models import PackagedModels
    from mumetal.trust.signing.approvals import Approval
    from mumetal.trust.signing.approvals import approve as sign_approval
    from mumetal.trust.signing.approvals import approvers as approval_approvers
    from mumetal.trust.signing.approvals import verify as verify_approval
    from mumetal.trust.signing.calibration import Recalibration, sign_recalibration, sign_set
    from mumetal.trust.signing.demand import Demand as ApprovalDemand
    from mumetal.trust.signing.demand_setting import demand_of
    from mumetal.trust.signing.envelopes import add_signature
    from mumetal.trust.signing.root_chain import digest as root_digest
    from mumetal.trust.signing.root_chain import load as load_roots
    from mumetal.trust.signing.root_chain import sign_root
    from mumetal.trust.signing.signed_calibrations import RECALIBRATION as RECALIBRATION_SUFFIX
    from mumetal.trust.signing.signed_calibrations import SignedFolder, SignedSetWatcher
    from mumetal.trust.signing.signed_calibrations import set_name as calibration_set_name
    from mumetal.trust.signing.signed_calibrations import signed_folder as signed_calibrations
    from mumetal.trust.updates.client import UpdateClient
    from mumetal.trust.updates.repository import Item as UpdateItem
    from mumetal.trust.updates.repository import UpdateRepository
    from mumetal.trust.updates.signers import Team as UpdateSigners

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
