"""Looks into artefacts and says what is wrong with them; scanners are listed explicitly and loaded when asked for."""

from collections.abc import Callable

from mumetal.core.ports import Scanner
from mumetal.core.registry import Registry


def _secrets() -> Scanner:
    import os
    from pathlib import Path

    from mumetal.scan.secrets.matcher import cache_folder
    from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner

    home, cache = os.environ.get("HOME", ""), os.environ.get("XDG_CACHE_HOME", "")  # a container may have neither
    return SecretScanner(SecretConfig(cache=cache_folder(Path(home), cache) if home or cache else None))


def _code() -> Scanner:
    from mumetal.scan.code.scanner import CodeScanner

    return CodeScanner()


def _dependencies() -> Scanner:
    from mumetal.scan.dependencies.scanner import DependencyScanner

    return DependencyScanner()


def _circuits() -> Scanner:
    from mumetal.scan.circuits.scanner import CircuitScanner

    return CircuitScanner()


def _crypto() -> Scanner:
    from mumetal.scan.crypto.scanner import CryptoScanner

    return CryptoScanner()


def _firmware() -> Scanner:
    from mumetal.scan.firmware.scanner import FirmwareScanner

    return FirmwareScanner()


SCANNERS: Registry[Callable[[], Scanner]] = Registry("scanner", "mumetal.scanners")
SCANNERS.add("scan.secrets", _secrets)
SCANNERS.add("scan.code", _code)
SCANNERS.add("scan.dependencies", _dependencies)
SCANNERS.add("scan.circuits", _circuits)
SCANNERS.add("scan.crypto", _crypto)
SCANNERS.add("scan.firmware", _firmware)
