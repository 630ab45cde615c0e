"""Reference pages that are made from the code, so that they cannot lie."""

import msgspec
from msgspec import Struct

from mumetal.app.settings import Settings
from mumetal.app.settings_toml import meta_of, toml_of
from mumetal.watch.listed import LISTED, LIVE

HEAD = """# Settings

One TOML file, `mumetal.toml` in the working folder or the one named by `--settings`. Every field may be left out; an unknown one is an error.
This page is made from the sections' own modules (`python scripts/reference.py settings`).
"""

DETECTORS_HEAD = """# Detectors

Every detector says itself which live streams it watches; exceedances of one family are one finding. Rows: the fewest it learns from.
This page is made from `watch/listed.py` (`python scripts/reference.py detectors`).
"""


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


def settings_page() -> str:
    """Return ``docs/reference/settings.md``.

    Raises:
        ValueError: A field has no description.
    """
    lines = [HEAD]
    for section in msgspec.structs.fields(Settings):
        default = _default(section)
        if not isinstance(default, Struct):
            meta = meta_of(section)
            lines.append(f"## `{section.name}`\n\n{meta.description} Default `{toml_of(default)}`; {_bounds(meta)}.\n")
            continue
        lines.append(f"## `[{section.name}]`\n\n{(type(default).__doc__ or '').strip()}\n")
        lines += ["| field | default | bounds | what it is |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(type(default)):
            meta = meta_of(field)
            if not meta.description:
                message = f"{section.name}.{field.name} has no description"
                raise ValueError(message)
            lines.append(f"| `{field.name}` | `{toml_of(_default(field))}` | {_bounds(meta)} | {meta.description} |")
        lines.append("")
    return "\n".join(lines)


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
