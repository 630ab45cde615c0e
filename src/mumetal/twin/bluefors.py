"""A refrigerator's log folder in the format that BlueFors systems write.

A folder a day, ``YY-MM-DD``; in it ``CH6 T YY-MM-DD.log`` with lines `` DD-MM-YY,HH:MM:SS,kelvin``, ``maxigauge
YY-MM-DD.log`` with 39 columns (six gauges of name, label, enable, mbar, status, unit) and ``Status_YY-MM-DD.log`` with
key,value pairs (°C and psi in the ``cpa`` dialect). Times are local time without a zone; this one's local time is UTC.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from mumetal.core.series import Series
from mumetal.twin.signals.cryostat import PSI

NS = 10**9
THERMOMETERS = (
    (1, "shield50k.temperature"), (2, "plate4k.temperature"), (5, "still.temperature"), (6, "mxc.temperature"),
)  # fmt: skip
CELSIUS_K = 273.15
# (key, channel, offset, factor): the logged value is (SI − offset) / factor.
COMPRESSOR = (
    ("cpatempwi", "compressor.water_in", CELSIUS_K, 1.0),
    ("cpatempwo", "compressor.water_out", CELSIUS_K, 1.0),
    ("cpatemph", "compressor.helium", CELSIUS_K, 1.0),
    ("cpalp", "compressor.low_pressure", 0.0, PSI),
    ("cpahp", "compressor.high_pressure", 0.0, PSI),
    ("cpacurrent", "compressor.current", 0.0, 1.0),
)
GAUGES = 6
PASCAL_PER_MBAR = 100.0


def lines(cryostat: Series) -> Iterator[tuple[str, str]]:
    """Yield (path inside the log folder, line with its line feed) for every row of a ``cryostat`` series, in order."""
    names = {name: column for column, name in enumerate(cryostat.names)}
    for t_ns, row in zip(cryostat.t_ns.tolist(), cryostat.values.tolist(), strict=True):
        moment = datetime.fromtimestamp(t_ns // NS, UTC)
        day, stamp = f"{moment:%y-%m-%d}", f"{moment:%d-%m-%y,%H:%M:%S}"
        for number, channel in THERMOMETERS:
            yield f"{day}/CH{number} T {day}.log", f" {stamp},{row[names[channel]]:.6e}\n"
        gauges = "".join(
            f"CH{gauge},        ,1,{row[names[f'p{gauge}.pressure']] / PASCAL_PER_MBAR:9.3e},0,1,"
            for gauge in range(1, GAUGES + 1)
        )
        yield f"{day}/maxigauge {day}.log", f"{stamp},{gauges}\n"
        pairs = ",".join(f"{key},{(row[names[c]] - offset) / factor:.6e}" for key, c, offset, factor in COMPRESSOR)
        yield f"{day}/Status_{day}.log", f"{stamp},{pairs}\n"
