"""``KIND:PLACE?option=value&…``: how a person names a sink, and what opens one kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """A sink as asked for.

    Args:
        kind: Which plug-in writes it: ``"syslog"``.
        place: File, or host and port.
        options: What stands after ``?``.
        version: Mumetal's version, for receivers that are told it.
    """

    kind: str
    place: str
    options: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def where(self) -> str:
        """The sink as it is named in errors."""
        return f"{self.kind}:{self.place}"[:200]

    def option(self, name: str, default: str = "") -> str:
        """Return an option's text."""
        return self.options.get(name, default)

    def whole(self, text: str) -> int:
        """Return a whole number of at most six digits.

        Raises:
            BadInputError: It is none.
        """
        if not (text.isascii() and text.isdigit() and len(text) <= 6):
            raise BadInputError(f"{text[:20]!r} is not a whole number", where=self.where)
        return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFactory:
    """One kind of sink.

    Args:
        info: What the plug-in says of itself.
        example: A spec a reader can copy.
        options: Option names and what they mean.
        open: Makes the sink.
    """

    info: PluginInfo
    example: str
    options: Mapping[str, str]
    open: Callable[[SinkSpec], Sink]


def parse_sink(text: str, version: str) -> SinkSpec:
    """Take a spec apart.

    Raises:
        BadInputError: No kind, or an option given twice.
    """
    kind, colon, rest = text.partition(":")
    place, _, query = rest.partition("?")
    if not colon or not kind or len(text) > 4_096:
        raise BadInputError(f"{text[:80]!r} names no sink", where="sinks", hint="use KIND:PLACE, such as ocsf:PATH")
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16) if query else []
    if len(dict(pairs)) != len(pairs):
        raise BadInputError(f"sink {kind} has a repeated option", where=text[:200])
    return SinkSpec(kind=kind, place=place, options=dict(pairs), version=version)
