"""The front door of scan: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.scan import SCANNERS
    from mumetal.scan.change_scan import only_brought
    from mumetal.scan.circuits.rules import CIRCUIT_RULES
    from mumetal.scan.code.rules import CODE_RULES
    from mumetal.scan.credentials.inventory import Credential
    from mumetal.scan.credentials.inventory import inventory as credential_inventory
    from mumetal.scan.credentials.revoke import Hook as RevokeHook
    from mumetal.scan.credentials.revoke import Order as RevokeOrder
    from mumetal.scan.credentials.verified import VerifiedScanner
    from mumetal.scan.crypto.asset import Asset as CryptoAsset
    from mumetal.scan.crypto.asset import Verdict as CryptoVerdict
    from mumetal.scan.crypto.cbom import encode as encode_cbom
    from mumetal.scan.crypto.inventory import Step as MigrationStep
    from mumetal.scan.crypto.inventory import judged as judged_assets
    from mumetal.scan.crypto.inventory import plan as migration_plan
    from mumetal.scan.crypto.scanner import CryptoScanner
    from mumetal.scan.crypto.tls import assets as tls_assets
    from mumetal.scan.crypto.tls import probe as probe_tls
    from mumetal.scan.engine import Progress as ScanProgress
    from mumetal.scan.engine import scan_blobs
    from mumetal.scan.firmware.baseline import decode as decode_firmware_baseline
    from mumetal.scan.firmware.baseline import encode as encode_firmware_baseline
    from mumetal.scan.firmware.baseline import is_baseline as is_firmware_baseline
    from mumetal.scan.firmware.diff import IMPLANT as IMPLANT_TECHNIQUE
    from mumetal.scan.firmware.diff import ROLLBACK as ROLLBACK_TECHNIQUE
    from mumetal.scan.firmware.diff import UNAUTHORISED as UNAUTHORISED_TECHNIQUE
    from mumetal.scan.firmware.diff import DeclaredChange
    from mumetal.scan.firmware.diff import decode as decode_declared_change
    from mumetal.scan.firmware.diff import findings as firmware_findings
    from mumetal.scan.firmware.inspect import inspect as inspect_firmware
    from mumetal.scan.firmware.sbom import sbom as firmware_sbom
    from mumetal.scan.fix.apply import apply as apply_fix
    from mumetal.scan.fix.apply import undo as undo_fix
    from mumetal.scan.fix.plan import Plan as FixPlan
    from mumetal.scan.fix.plan import Planner as FixPlanner
    from mumetal.scan.fix.plan import diff as fix_diff
    from mumetal.scan.fix.plan import read as read_fixable
    from mumetal.scan.reopen import Now, look_again
    from mumetal.scan.report.as_json import Report as ScanReport
    from mumetal.scan.report.as_json import Told as ToldFinding
    from mumetal.scan.report.as_json import decode as decode_report
    from mumetal.scan.report.as_json import encode as encode_json
    from mumetal.scan.report.as_json import report_of
    from mumetal.scan.report.baseline import decode as decode_baseline
    from mumetal.scan.report.baseline import encode as encode_baseline
    from mumetal.scan.report.cards import Card as RuleCard
    from mumetal.scan.report.cards import card_of
    from mumetal.scan.report.coverage import Coverage as ScanCoverage
    from mumetal.scan.report.coverage import left_out_by, reaches
    from mumetal.scan.report.entry import plain
    from mumetal.scan.report.junit import encode as encode_junit
    from mumetal.scan.report.outcome import Outcome as ScanOutcome
    from mumetal.scan.report.outcome import level as severity_level
    from mumetal.scan.report.sarif import encode as encode_sarif
    from mumetal.scan.report.text import encode as encode_text
    from mumetal.scan.report.text import entries_text
    from mumetal.scan.report.text import summary as text_summary
    from mumetal.scan.scanning import Excluding, changes_of, coverage_of, files_of, plain_name, source_of
    from mumetal.scan.scanning import Given as GivenScan
    from mumetal.scan.scanning import Where as ScanPlace
    from mumetal.scan.scanning import load as load_scan_settings
    from mumetal.scan.scanning import rules as all_rules
    from mumetal.scan.scanning import scan as run_scan
    from mumetal.scan.scanning import scanners as scanners_of
    from mumetal.scan.scanning import tree as work_tree
    from mumetal.scan.secrets.mask import fingerprint
    from mumetal.scan.secrets.rule import shipped as shipped_secret_rules
    from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
    from mumetal.scan.secrets.shape import is_public, looks_random
    from mumetal.scan.settings import ScanSettings
    from mumetal.scan.sources import Follow
    from mumetal.scan.sources.limits import silent as silent_scan

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
