"""Annotated CSV as InfluxDB exports it: a value a row, and the channel's name in its other columns."""

from collections.abc import Mapping, Sequence

import numpy as np

from mumetal.connect.sources.table_text import INFLUX_OWN, TableText
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.formats.absent import observed
from mumetal.formats.names import encoded
from mumetal.formats.rows import Refusals, build, to_channel

Row = tuple[int, int, str, float]


def channel_of(names: Sequence[str], cells: Sequence[str]) -> str:
    """Return the name of a row's channel: measurement, field and the values of its tags."""
    by_name = dict(zip(names, cells, strict=True))
    tags = [by_name[n] for n in names if n not in INFLUX_OWN and n != "_measurement" and by_name[n]]
    return encoded(".".join(p for p in (by_name.get("_measurement", ""), *tags, by_name.get("_field", "value")) if p))


def read_value(names: Sequence[str], cells: Sequence[str], text: TableText) -> tuple[str, float]:
    """Return a row's channel and value.

    Raises:
        BadInputError: The value is no number.
    """
    return channel_of(names, cells), text.number(cells[names.index("_value")])


def series_of(
    rows: Sequence[Row],
    units: Mapping[str, str],
    *,
    tenant: str,
    device: str,
    stream: str,
    origin: str,
    refusals: Refusals,
) -> list[Series]:
    """Return one stream for each channel, for they are sampled apart.

    Args:
        rows: Time, line number, channel and value.
        units: Units that the mapping names, by channel.
        tenant: Who owns the data.
        device: Device name.
        stream: What each stream's name begins with.
        origin: For the provenance.
        refusals: Receives what is refused.
    """
    made: list[Series] = []
    for name in sorted({r[2] for r in rows}):
        mine = [r for r in rows if r[2] == name]
        unit = units.get(name, "")
        try:
            said = f"{origin} {name}"[:400] + ("" if unit else ", unit not stated")
            channel, conversion = to_channel(name, unit or "1", said)
        except BadInputError as error:
            refusals.add(f" channel {name[:60]}", error.message)
            continue
        values = observed(np.array([r[3] for r in mine], np.float64), channel, conversion, refusals)
        series = build(
            tenant=tenant,
            device=device,
            stream=f"{stream}.{name}"[:200],
            channels=(channel,),
            t_ns=np.array([r[0] for r in mine], np.int64),
            values=values[:, None],
            seq=np.array([r[1] for r in mine], np.int64),
            refusals=refusals,
        )
        made += [] if series is None else [series]
    return made
