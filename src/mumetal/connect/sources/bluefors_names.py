"""What BlueFors logs are called and what their columns mean.

File kinds and key names as logged by Valve Control and the Control Software (seen in public log readers); the two
compressor dialects: ``cptemp*`` in kelvin with pressures in bar, ``cpatemp*`` in °C with pressures in psi.
"""

import re
from dataclasses import dataclass
from datetime import date

from mumetal.core.series import Channel
from mumetal.formats.units import Conversion, to_si

DAY = re.compile(r"(\d\d)-(\d\d)-(\d\d)", re.ASCII)
CHANNEL_FILE = re.compile(r"CH(\d{1,2}) ([TRP]) (\d\d-\d\d-\d\d)\.log", re.ASCII | re.IGNORECASE)
OTHER_FILE = re.compile(
    r"(maxigauge|flowmeter|status|heaters?|channels|compressor\w{0,20})[ _](\d\d-\d\d-\d\d)\.log",
    re.ASCII | re.IGNORECASE,
)
QUANTITY = {"T": ("temperature", "K"), "R": ("resistance", "Ohm"), "P": ("power", "W")}
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
SUFFIX = re.compile(r"_\d$", re.ASCII)
KEY_UNITS = {
    "cptempwi": "K", "cptempwo": "K", "cptemph": "K", "cptempo": "K", "cpavgl": "bar", "cpavgh": "bar",
    "cpatempwi": "degC", "cpatempwo": "degC", "cpatempo": "degC", "cpatemph": "degC",
    "cpalp": "psi", "cpalpa": "psi", "cpahp": "psi", "cpahpa": "psi", "cpadp": "psi",
    "cpacurrent": "A", "cpahours": "h", "nxdspt": "K", "nxdsct": "K",
    "a1_u": "V", "a2_u": "V", "a1_r_lead": "Ohm", "a2_r_lead": "Ohm", "a1_r_htr": "Ohm", "a2_r_htr": "Ohm",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """What a file's name says.

    Args:
        kind: ``"value"`` (one number a line), ``"maxigauge"`` or ``"pairs"`` (key,value pairs).
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
    """Read a file's name; None when it is none of the known kinds."""
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
    return LogName(kind="pairs", stream="heaters" if what == "heater" else what, day=day)


def key_channel(key: str, stream: str, origin: str) -> tuple[Channel, Conversion]:
    """Return the channel of one key; a key without a documented unit stays as it is, and says so.

    A plain number as key is a heater's or a valve's index: ``heaters`` ``0`` becomes ``heater0``.
    """
    name = f"{stream.removesuffix('s')}{key}" if key.isdigit() else key
    unit = KEY_UNITS.get(SUFFIX.sub("", key.lower()))
    if unit is None:
        said, conversion = f"{origin}, {key}, as logged (the file states no unit)", Conversion(unit="1", factor=1.0)
    else:
        said, conversion = f"{origin}, {key} in {unit}", to_si(unit)
    return Channel(name=name, unit=conversion.unit, provenance=said), conversion
