"""Where findings and incidents go, listed one by one."""

import hashlib
from pathlib import Path
from urllib.parse import parse_qsl

from mumetal.connect.sinks.ocsf_file import OcsfFile
from mumetal.connect.sinks.syslog import Syslog, Tls
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Sink
from mumetal.core.registry import Registry

SINKS: Registry[type[OcsfFile] | type[Syslog]] = Registry("sink", "mumetal.sinks")
SINKS.add(OcsfFile.info.plugin_id, OcsfFile)
SINKS.add(Syslog.info.plugin_id, Syslog)

OPTIONS = {
    "ocsf": frozenset({"max_mib", "keep"}),
    "syslog": frozenset[str](),
    "syslog+tls": frozenset({"ca", "cert", "key", "name"}),
}


def open_sink(spec: str, *, version: str = "") -> Sink:
    """Open a sink as the settings name it.

    Args:
        spec: ``ocsf:PATH?max_mib=64&keep=5``, ``syslog:HOST:PORT`` or
            ``syslog+tls:HOST:PORT?ca=FILE&cert=FILE&key=FILE&name=NAME``; an IPv6 address stands in brackets.
        version: Mumetal's version, for the events.

    Raises:
        BadInputError: No such kind, an unknown option, or a place that cannot be used.
    """
    kind, colon, rest = spec.partition(":")
    if not colon or kind not in OPTIONS or len(spec) > 4_096:
        raise BadInputError(
            f"{spec[:80]!r} names no sink",
            where="sinks",
            hint="use ocsf:PATH, syslog:HOST:PORT or syslog+tls:HOST:PORT",
        )
    place, _, query = rest.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16) if query else []
    options = dict(pairs)
    if len(options) != len(pairs) or not options.keys() <= OPTIONS[kind]:
        known = ", ".join(sorted(OPTIONS[kind])) or "none"
        raise BadInputError(f"sink {kind} has an unknown or repeated option", where=spec[:200], hint=f"known: {known}")
    if kind == "ocsf":
        if not place:
            raise BadInputError("an OCSF sink needs a path", where=spec[:200])
        max_mib, keep = (_whole(options.get(k, d), spec) for k, d in (("max_mib", "64"), ("keep", "5")))
        return OcsfFile(Path(place), max_bytes=max_mib * 2**20, keep=keep, version=version)
    host, _, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not 1 <= _whole(port, spec) <= 65_535:
        raise BadInputError("a syslog sink needs a host and a port from 1 to 65535", where=spec[:200])
    tls = Tls(**options) if kind == "syslog+tls" else None
    return Syslog(host, int(port), tls=tls, version=version)


def sink_name(spec: str) -> str:
    """Return the name under which a sink's items wait in the store: the spec without its options, and a short digest.

    The same spec gives the same name after a restart; certificates' paths do not appear in it.
    """
    return f"{spec.partition('?')[0][:200]}#{hashlib.sha256(spec.encode()).hexdigest()[:8]}"


def _whole(text: str, spec: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadInputError(f"{text[:20]!r} is not a whole number", where=spec[:200])
    return int(text)
