"""Reference pages that are made from the code, so that they cannot lie."""

import typing

import msgspec
from msgspec import Struct

from mumetal.app.settings import Settings
from mumetal.watch.api import LISTED, LIVE

HEAD = """# Settings

One TOML file, `mumetal.toml` in the working folder or the one named by `--settings`. Every field may be left out; an unknown one is an error.
This page is made from `core/settings.py` (`python -m mumetal.serve.reference`).
"""

DETECTORS_HEAD = """# Detectors

Every detector says itself which live streams it watches; exceedances of one family are one finding. Rows: the fewest it learns from.
This page is made from `watch/listed.py` (`python -m mumetal.serve.reference detectors`).
"""


def _meta(field: msgspec.structs.FieldInfo) -> msgspec.Meta:
    for part in typing.get_args(field.type):
        if isinstance(part, msgspec.Meta):
            return part
    return msgspec.Meta()


def _bounds(meta: msgspec.Meta) -> str:
    parts = [
        f"{sign} {value:g}" if not isinstance(value, int) else f"{sign} {value}"
        for sign, value in ((">", meta.gt), ("≥", meta.ge), ("<", meta.lt), ("≤", meta.le))
        if value is not None
    ]
    if meta.max_length is not None:
        parts.append(f"at most {meta.max_length}")
    return ", ".join(parts) or "–"


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    return msgspec.json.encode(value).decode() if not isinstance(value, bool) else str(value).lower()


def settings_page() -> str:
    """Return ``docs/reference/settings.md``.

    Raises:
        ValueError: A field has no description.
    """
    lines = [HEAD]
    for section in msgspec.structs.fields(Settings):
        default = section.default
        if not isinstance(default, Struct):
            meta = _meta(section)
            lines.append(f"## `{section.name}`\n\n{meta.description} Default `{_toml(default)}`; {_bounds(meta)}.\n")
            continue
        lines.append(f"## `[{section.name}]`\n\n{(type(default).__doc__ or '').strip()}\n")
        lines += ["| field | default | bounds | what it is |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(type(default)):
            meta = _meta(field)
            if not meta.description:
                message = f"{section.name}.{field.name} has no description"
                raise ValueError(message)
            lines.append(f"| `{field.name}` | `{_toml(_default(field))}` | {_bounds(meta)} | {meta.description} |")
        lines.append("")
    return "\n".join(lines)


def as_toml(settings: Settings) -> str:
    """Return settings as TOML, each field after its description."""
    top: list[str] = []
    tables: list[str] = []
    for section in msgspec.structs.fields(Settings):
        value = getattr(settings, section.name)
        if not isinstance(value, Struct):
            top += [f"# {_meta(section).description}", f"{section.name} = {_toml(value)}"]
            continue
        tables.append(f"\n[{section.name}]")
        for field in msgspec.structs.fields(type(value)):
            tables += [f"# {_meta(field).description}", f"{field.name} = {_toml(getattr(value, field.name))}"]
    return "\n".join([*top, *tables]) + "\n"


def detectors_page() -> str:
    """Return ``docs/reference/detectors.md``."""
    lines = [DETECTORS_HEAD]
    for live in (True, False):
        lines += ["## On live streams", ""] if live else ["## Inside others, on snapshots, or in the benchmark", ""]
        lines += ["| detector | title | needs | family | techniques | rows |", "|---|---|---|---|---|---|"]
        for make in LISTED:
            if (make in LIVE) is live:
                told = (make.info.needs, f"`{make.info.family}`") if live else ("–", "–")
                techniques = ", ".join(f"`{t}`" for t in make.info.techniques)
                lines.append(
                    f"| `{make.info.plugin_id}` | {make.info.title} | {told[0]} | {told[1]} | {techniques} | {make.info.min_history} |"
                )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(detectors_page() if sys.argv[1:] == ["detectors"] else settings_page())
