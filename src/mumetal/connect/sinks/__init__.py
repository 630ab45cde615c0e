"""Where findings and incidents go: one file per kind, listed here, opened by ``KIND:PLACE?option=value``."""

import hashlib

from mumetal.connect.sinks import ocsf_file, syslog
from mumetal.connect.sinks.spec import SinkFactory, SinkSpec, parse_sink
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Sink
from mumetal.core.registry import Registry

__all__ = ["SINKS", "SinkFactory", "SinkSpec", "open_sink", "sink_name"]

SINKS: Registry[SinkFactory] = Registry("sink", "mumetal.sinks")
SINKS.add("ocsf", ocsf_file.FACTORY)
SINKS.add("syslog", syslog.FACTORY)
SINKS.add("syslog+tls", syslog.TLS_FACTORY)


def open_sink(spec: str, *, version: str = "") -> Sink:
    """Open a sink as the settings name it.

    Args:
        spec: ``ocsf:PATH?max_mib=64&keep=5``, ``syslog:HOST:PORT`` or
            ``syslog+tls:HOST:PORT?ca=FILE&cert=FILE&key=FILE&name=NAME``; an IPv6 address stands in brackets.
        version: Mumetal's version, for the events.

    Raises:
        BadInputError: No such kind, an unknown option, or a place that cannot be used.
    """
    parsed = parse_sink(spec, version)
    if parsed.kind not in SINKS:
        known = ", ".join(factory.example for _, factory in SINKS)
        raise BadInputError(f"{spec[:80]!r} names no sink", where="sinks", hint=f"such as {known}")
    factory = SINKS.get(parsed.kind)
    if not parsed.options.keys() <= factory.options.keys():
        known = ", ".join(sorted(factory.options)) or "none"
        raise BadInputError(
            f"sink {parsed.kind} has an unknown or repeated option", where=spec[:200], hint=f"known: {known}"
        )
    return factory.open(parsed)


def sink_name(spec: str) -> str:
    """Return the name under which a sink's items wait in the store: the spec without its options, and a short digest.

    The same spec gives the same name after a restart; certificates' paths do not appear in it.
    """
    return f"{spec.partition('?')[0][:200]}#{hashlib.sha256(spec.encode()).hexdigest()[:8]}"
