"""``KIND:PLACE?option=value&…``: how a person names a source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source as asked for.

    Args:
        kind: Which plug-in reads it: ``"bluefors"``.
        place: Folder, file or ``live/BACKEND``.
        options: What stands after ``?``.
    """

    kind: str
    place: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the instance, stable over restarts; a tenant other than the local one is part of it."""
        tenant = self.tenant
        return f"{self.kind}:{self.place}" + ("" if tenant == LOCAL else f"?tenant={tenant}")

    @property
    def tenant(self) -> str:
        """For whom the source reads."""
        return self.options.get("tenant", LOCAL)

    def option(self, name: str, default: str = "") -> str:
        """Return an option's text."""
        return self.options.get(name, default)

    def device(self, default: str) -> str:
        """Return the device name: the option, or ``default``.

        Raises:
            BadInputError: Neither is a plain name.
        """
        device = self.options.get("device", default)
        try:
            check.name(device, "device")
        except BadInputError as error:
            raise BadInputError(error.message, where=self.name, hint="name it with ?device=NAME") from None
        return device


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFactory:
    """One kind of source.

    Args:
        info: What the plug-in says of itself.
        example: A spec a reader can copy.
        options: Option names and what they mean; ``tenant`` and ``device`` are always understood.
        open: Makes the source; touches the place only to see that it is there.
    """

    info: PluginInfo
    example: str
    options: Mapping[str, str]
    open: Callable[[SourceSpec], Source]


def parse_spec(text: str) -> SourceSpec:
    """Take a spec apart.

    Raises:
        BadInputError: No kind, no place, or an option without a value or given twice.
    """
    head, mark, tail = text.partition("?")
    kind, colon, place = head.partition(":")
    if not colon or not kind or not place or len(text) > 4_096 or "\0" in text:
        raise BadInputError(
            f"source {text[:80]!r} is not KIND:PLACE", where="source", hint="such as bluefors:/logs?tz=Europe/Helsinki"
        )
    options: dict[str, str] = {}
    for pair in tail.split("&") if mark else ():
        key, equals, value = pair.partition("=")
        key, value = unquote(key), unquote(value)
        if not equals or not key or not value:
            raise BadInputError(f"option {pair[:80]!r} is not name=value", where=f"{kind}:{place}")
        if key in options:
            raise BadInputError(f"option {key!r} is given twice", where=f"{kind}:{place}")
        options[key] = value
    spec = SourceSpec(kind=kind, place=place, options=options)
    check.name(spec.tenant, "tenant")
    return spec
