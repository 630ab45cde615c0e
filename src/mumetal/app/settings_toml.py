"""Settings written as TOML, each field after its description."""

import typing

import msgspec
from msgspec import Struct

from mumetal.app.settings import Settings


def meta_of(field: msgspec.structs.FieldInfo) -> msgspec.Meta:
    """Return what a field says of itself."""
    for part in typing.get_args(field.type):
        if isinstance(part, msgspec.Meta):
            return part
    return msgspec.Meta()


def toml_of(value: object) -> str:
    """Return a value as TOML."""
    if isinstance(value, dict):
        pairs = (f"{msgspec.json.encode(key).decode()} = {toml_of(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return msgspec.json.encode(value).decode() if not isinstance(value, bool) else str(value).lower()


def as_toml(settings: Settings) -> str:
    """Return settings as TOML, each field after its description."""
    top: list[str] = []
    tables: list[str] = []
    for section in msgspec.structs.fields(Settings):
        value = getattr(settings, section.name)
        if not isinstance(value, Struct):
            top += [f"# {meta_of(section).description}", f"{section.name} = {toml_of(value)}"]
            continue
        tables.append(f"\n[{section.name}]")
        for field in msgspec.structs.fields(type(value)):
            tables += [f"# {meta_of(field).description}", f"{field.name} = {toml_of(getattr(value, field.name))}"]
    return "\n".join([*top, *tables]) + "\n"
