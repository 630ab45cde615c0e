"""What BlueFors logs are called and what their columns mean.

File kinds and key names as logged by Valve Control and the Control Software (seen in public log readers). The units of a
compressor's keys differ by software build: see ``bluefors_units``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mumetal.core.series import Channel
from mumetal.formats.names import encoded
from mumetal.formats.units import Conversion, to_si

DAY = re.compile(r"(\d\d)-(\d\d)-(\d\d)", re.ASCII)
CHANNEL_FILE = re.compile(r"CH(\d{1,2}) ([TRP]) (\d\d-\d\d-\d\d)\.log", re.ASCII | re.IGNORECASE)
OTHER_FILE = re.compile(
    r"(maxigauge|flowmeter|status|heaters?|channels|errors|compressor\w{0,20})[ _](\d\d-\d\d-\d\d)\.log",
    re.ASCII | re.IGNORECASE,
)
QUANTITY = {"T": ("temperature", "K"), "R": ("resistance", "Ohm"), "P": ("power", "W")}
KEY = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_][^\x00-\x1f,]{0,63}|\d{1,3}", re.ASCII)
SUFFIX = re.compile(r"_\d$", re.ASCII)
KEY_UNITS = {
    "cpacurrent": "A", "a1_u": "V", "a2_u": "V", "a1_r_lead": "Ohm", "a2_r_lead": "Ohm", "a1_r_htr": "Ohm", "a2_r_htr": "Ohm",
}  # fmt: skip
KeyUnit = Callable[[str], tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """What a file's name says.

    Args:
        kind: ``"value"`` (one number a line), ``"maxigauge"``, ``"pairs"`` (key,value pairs), ``"heaters"`` (those,
            or state,power pairs) or ``"errors"``.
        stream: Stream that its rows belong to.
        day: Its day, local.
        unit: Unit of the number, for ``"value"``.
    """

    kind: str
    stream: str
    day: date
    unit: str = "1"


def day_of(text: str) -> date | None:
    """Read ``YY-MM-DD``; None when it is no day."""
    found = DAY.fullmatch(text)
    try:
        return date(2000 + int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def log_name(name: str) -> LogName | None:
    """Read a file's name, packed or not; None when it is none of the known kinds."""
    name = name.removesuffix(".gz")
    if found := CHANNEL_FILE.fullmatch(name):
        day = day_of(found[3])
        quantity, unit = QUANTITY[found[2].upper()]
        if day is None:
            return None
        return LogName(kind="value", stream=f"ch{int(found[1])}.{quantity}", day=day, unit=unit)
    found = OTHER_FILE.fullmatch(name)
    day = day_of(found[2]) if found else None
    if found is None or day is None:
        return None
    what = found[1].lower()
    if what == "flowmeter":
        return LogName(kind="value", stream="flowmeter", day=day, unit="mmol/s")
    if what == "maxigauge":
        return LogName(kind="maxigauge", stream="maxigauge", day=day)
    if what in {"heater", "heaters"}:
        return LogName(kind="heaters", stream="heaters", day=day)
    return LogName(kind="errors" if what == "errors" else "pairs", stream=what, day=day)


def key_channel(key: str, stream: str, origin: str, unit_of: KeyUnit) -> tuple[Channel, Conversion, str]:
    """Return the channel of one key and its unit in the file; one whose unit is not known stays as logged, and says so.

    A plain number as key is a heater's or a valve's index: ``heaters`` ``3`` becomes ``heater3``.
    """
    name = f"{stream.removesuffix('s')}{key}" if key.isdigit() else encoded(key)
    unit, how = unit_of(key)
    unit = unit or KEY_UNITS.get(SUFFIX.sub("", key.lower()), "")
    if not unit:
        said, conversion = f"{origin}, {key}, as logged, unit unknown", Conversion(unit="1", factor=1.0)
    else:
        said, conversion = f"{origin}, {key} in {unit}{f' ({how})' if how else ''}", to_si(unit)
    return Channel(name=name, unit=conversion.unit, provenance=said), conversion, unit
