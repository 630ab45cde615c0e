"""The units that a folder's whole history of logs tells, and what each of its files tells by itself."""

from collections.abc import Iterator, Mapping, Sequence

from mumetal.connect.sources.bluefors_names import KeyUnit, LogName, log_name
from mumetal.connect.sources.bluefors_units import DURATION, QUANTITIES, Line, Tally, family_of
from mumetal.connect.sources.local_time import LocalTime
from mumetal.connect.sources.tail import Position, read_lines
from mumetal.connect.sources.tree import Found
from mumetal.connect.sources.unpacked import Unpacked
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError

MAX_FILES = 64  # of the history, evenly spread
MAX_LINES = 500  # from a file's head
MAX_KEPT = 256


class UnitHistory:
    """Settles units: what an option names, then what a file tells by itself, then what the history tells.

    Args:
        named: Units that a person named, by quantity.
        clock: Zone of the lines.
        unpacked: Unpacks what gzip packed.
        where: The source's name, for errors.

    Raises:
        BadInputError: A unit named is none of its quantity.
    """

    def __init__(self, named: Mapping[str, str], clock: LocalTime, unpacked: Unpacked, where: str) -> None:
        for quantity, unit in named.items():
            if unit not in QUANTITIES[quantity]:
                known = ", ".join(QUANTITIES[quantity])
                raise BadInputError(f"{unit[:40]!r} is no unit of {quantity} here", where=where, hint=f"one of {known}")
        self._named, self._clock, self._unpacked = named, clock, unpacked
        self._whole: dict[str, tuple[str, str]] = {}
        self._files: dict[tuple[str, int, int], Tally] = {}
        self._looked: tuple[list[tuple[str, int, int]], dict[str, tuple[str, str]]] = ([], {})

    def learn(self, found: Sequence[Found], whole: dict[str, tuple[str, str]], folder: str) -> list[Quarantined]:
        """Settle what is open from the files there are; ``whole`` is what was settled before, and is added to.

        Returns:
            What is met the first time and cannot be told.
        """
        self._whole = whole
        logs = [
            f for f in found if (name := log_name(f.path.name)) and name.kind == "pairs" and name.stream != "channels"
        ]
        settled = bool(whole) and all(unit for unit, _ in whole.values())
        step = -(-len(logs) // MAX_FILES) if logs else 1
        looked = logs[-1:] if settled else [*logs[:-1:step], *logs[-1:]]
        stamps = [(f.relative, f.inode, f.size) for f in looked]
        if (stamps, whole) == self._looked:
            return []
        history = Tally()
        for file in looked:
            history.take(self._tally(file))
        said: list[Quarantined] = []
        for quantity, family in sorted(history.families):
            if quantity in self._named or whole.get(family, ("", ""))[0]:
                continue
            unit = history.unit(family)
            if not unit[0] and family not in whole:
                known = " or ".join(QUANTITIES[quantity])
                reason = f"whether its {quantity} is in {known} cannot be told; as logged, unit unknown: name it with {quantity}="
                said.append(Quarantined.of(f"{folder} {family}", reason))
            whole[family] = unit
        self._looked = (stamps, dict(whole))
        return said

    def unit_of(self, file: Found) -> KeyUnit:
        """Return what tells the unit of a key of one file and how surely; empty where it cannot be told."""
        tally = self._tally(file)

        def told(key: str) -> tuple[str, str]:
            quantity, family = family_of(key)
            if quantity in self._named:
                return self._named[quantity], "named by the option"
            if quantity != DURATION and (own := tally.unit(family))[0]:
                return own
            return self._whole.get(family, ("", ""))

        return told

    def _tally(self, file: Found) -> Tally:
        stamp = (file.relative, file.inode, file.size)
        if stamp not in self._files:
            name = log_name(file.path.name)
            made = Tally()
            if name is not None:
                made.add(self._lines(file, name))
            if len(self._files) >= MAX_KEPT:
                self._files.clear()
            self._files[stamp] = made
        return self._files[stamp]

    def _lines(self, file: Found, name: LogName) -> Iterator[Line]:
        try:
            lines = read_lines(self._unpacked.plain(file).path, Position(), MAX_LINES, closed=True).lines
        except (UnavailableError, BadInputError):
            return
        last_ns = 0
        for line in lines:
            fields = line.split(b",")
            numbers: dict[str, float] = {}
            for key, text in zip(fields[2::2], fields[3::2], strict=False):
                try:
                    numbers[key.strip().decode("utf-8", "replace")] = float(text)
                except ValueError:
                    continue
            try:
                last_ns = self._clock.read(fields[0].strip(), fields[1].strip(), name.day, last_ns)
            except (BadInputError, IndexError):
                continue
            yield last_ns, numbers
