"""What the settings of a ground's stack may name: its own folder and its own address, and nothing else.

Every setting that holds text is listed here, by its place in the settings, with what it may hold; one that is not listed
may not be changed, so a new setting is closed until somebody thought of it. Rules, in order:

1. A path is absolute and stays in the folder after every link was followed.
2. Sources and sinks are of the kinds that read and write files, with a path, and no option but ``device`` and ``tenant``.
3. The key of the ledger is a file in the folder: not of the environment, not on a token, opened by no passphrase.
4. It listens on 127.0.0.1 or ::1, on a port that is free (0), without TLS.
5. Nothing of another package is loaded.
"""

from pathlib import Path

from msgspec import Struct, structs

from mumetal.core.errors import RejectedError

HINT = "a ground reaches its own folder and its own address only"
SOURCE_KINDS = frozenset({"bluefors", "ibm", "audit"})
SINK_KINDS = frozenset({"ocsf"})
HOSTS = frozenset({"127.0.0.1", "::1"})
PATHS = frozenset({
    "store.directory", "watch.timing_codes", "triage.inventory", "scan.baseline", "logs.file",
})  # fmt: skip
WORDS = frozenset({"scan.fail_on", "scan.only", "scan.exclude", "logs.format", "logs.level", "logs.levels"})
UNUSED = frozenset({"serve.tls_certificate", "serve.tls_key", "serve.client_ca", "parts"})
PLACES = {  # a folder, and of its options those that name another one and those that do not
    "witnesses": (frozenset({"key"}), frozenset[str]()),
    "calibrations": (frozenset({"roots"}), frozenset({"pin"})),
    "approvals": (frozenset[str](), frozenset({"pin", "role"})),
}
SPECS = {"sources": SOURCE_KINDS, "sinks": SINK_KINDS}


def refuse_settings(settings: Struct, folder: Path) -> None:
    """Look at every setting before anything is opened.

    Args:
        settings: Of the ground's stack; their defaults are what a ground may have where no rule says more.
        folder: The ground's, with no link in it.

    Raises:
        RejectedError: One of them names something outside; says which.
    """
    _look(settings, type(settings)(), "", folder)


def _look(value: Struct, usual: Struct, where: str, folder: Path) -> None:
    for each in structs.fields(type(value)):
        name = f"{where}.{each.name}" if where else each.name
        held, default = getattr(value, each.name), getattr(usual, each.name)
        if isinstance(held, Struct):
            _look(held, default, name, folder)
        elif name == "serve.host":
            _hold(held in HOSTS, f"listens on {held!r}", name)
        elif name == "serve.port":
            _hold(held == 0, f"listens on port {held}", name)
        elif name == "store.directory" or (held and name in PATHS):
            refuse_path(held, folder, name)
        elif name == "ledger_key":
            _refuse_key(held, folder, name)
        elif name == "plugins.allow":
            _hold(not held, f"would load {', '.join(held)[:80]} of other packages", name)
        elif name in SPECS:
            for spec in held:
                _refuse_spec(spec, SPECS[name], folder, name)
        elif name in PLACES:
            for place in [held] if isinstance(held, str) else held:
                _refuse_place(place, name, folder)
        elif not isinstance(held, bool | int | float) and name not in WORDS:
            _hold(held == default, f"has {str(held)[:80]!r}, which a ground has no use for", name)


def _hold(fine: bool, what: str, where: str) -> None:
    if not fine:
        raise RejectedError(f"the range {what}", where=where, hint=HINT)


def refuse_path(text: str, folder: Path, where: str) -> None:
    """Refuse a path that is not absolute, is written in escapes, or leads out of the folder.

    Raises:
        RejectedError: It is one.
    """
    try:
        inside = Path(text).is_absolute() and Path(text).resolve().is_relative_to(folder)
    except (ValueError, OSError, RuntimeError):  # a zero byte, or links that go round
        inside = False
    _hold(inside and "%" not in text, f"could touch {text[:120]!r}", where)


def _refuse_key(uri: str, folder: Path, where: str) -> None:
    if uri:
        kind, _, place = uri.partition(":")
        _hold(kind == "file" and "?" not in place, f"would use the key {uri[:120]!r}", where)
        refuse_path(place, folder, where)


def _refuse_spec(spec: str, kinds: frozenset[str], folder: Path, where: str) -> None:
    kind, _, rest = spec.partition(":")
    _hold(kind in kinds, f"would use {spec[:120]!r}", where)
    place, _, query = rest.partition("?")
    refuse_path(place, folder, where)
    for option in filter(None, query.split("&")):
        _hold(option.partition("=")[0] in {"device", "tenant"}, f"would read with {option[:80]!r}", where)


def _refuse_place(text: str, where: str, folder: Path) -> None:
    if not text:
        return
    place, _, query = text.partition("?")
    refuse_path(place, folder, where)
    paths, words = PLACES[where]
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name in paths:
            refuse_path(value, folder, where)
        else:
            _hold(name in words, f"would read with {option[:80]!r}", where)
