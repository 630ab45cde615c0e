"""Looks into artefacts and says what is wrong with them; scanners are listed explicitly and loaded when asked for."""

from collections.abc import Callable

from mumetal.core.ports import Scanner
from mumetal.core.registry import Registry


def _secrets() -> Scanner:
    from mumetal.scan.secrets.scanner import SecretScanner

    return SecretScanner()


def _firmware() -> Scanner:
    from mumetal.scan.firmware.scanner import FirmwareScanner

    return FirmwareScanner()


SCANNERS: Registry[Callable[[], Scanner]] = Registry("scanner", "mumetal.scanners")
SCANNERS.add("scan.secrets", _secrets)
SCANNERS.add("scan.firmware", _firmware)
