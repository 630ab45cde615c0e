"""IBM calibrations: BackendProperties JSON in a file or a folder, or live through the ``quantum`` extra."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.tree import Found, files, require, unread
from mumetal.connect.sources.unpacked import SUFFIX as PACKED
from mumetal.connect.sources.unpacked import unpack
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.backend_properties import MAX_BYTES, from_backend_properties
from mumetal.formats.moments import zone

MAX_FILES = 5_000
LIVE = "live/"
SUFFIXES = (".json", ".json" + PACKED)


class _Cursor(msgspec.Struct, array_like=True):
    """Where to go on, as the store keeps it."""

    seen: dict[str, tuple[int, int]] = {}
    last: str = ""


class IbmSource:
    """Reads a BackendProperties file, or every ``.json`` file of a folder.

    A file that changes (size or time of change) is read again; a snapshot is one device at one publication time, so
    the store keeps it once.

    Args:
        spec: Place and options ``device`` (default: the document's), ``tenant``, ``tz`` for dates without a zone.

    Raises:
        UnavailableError: There is no such place.
    """

    info = PluginInfo(
        plugin_id="connect.sources.ibm",
        title="IBM BackendProperties JSON",
        reference="qiskit-ibm-runtime 0.20 to 0.51, BackendProperties.to_dict()",
    )

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._place = Path(spec.place)
        self._zone = zone(spec.option("tz", "UTC"), where=spec.name)
        self._device = spec.device("ibm") if "device" in spec.options else ""
        require(self._place)

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read files the cursor has not seen, until about ``limit`` figures.

        Raises:
            UnavailableError: The place is away.
            BadInputError: The cursor is not this source's, or the folder holds more than 5,000 files.
        """
        state = _state(cursor, self.name)
        found = files(self._place, () if self._place.is_file() else SUFFIXES)
        if len(found) > MAX_FILES:
            raise BadInputError(f"more than {MAX_FILES} calibration files", where=self.name, hint="split the folder")
        data: list[Datum] = []
        quarantined: list[Quarantined] = list(unread(self._place, SUFFIXES)) if not cursor else []
        seen = {f.relative: state.seen[f.relative] for f in found if f.relative in state.seen}
        left, more = max(1, limit), False
        for file in found:
            stamp = (file.mtime_ns, file.size)
            if seen.get(file.relative) == stamp:
                continue
            if left <= 0:
                more = True
                break
            try:
                snapshot, refused = self._read(file)
            except BadInputError as error:
                quarantined.append(Quarantined.of(file.relative, error.message))
                left -= 1
            else:
                data.append(snapshot)
                quarantined += refused
                left -= len(snapshot.parameters)
            seen[file.relative] = stamp
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=tuple(data),
            quarantined=tuple(quarantined),
            cursor=msgspec.json.encode(_Cursor(seen=seen)).decode(),
            caught_up=not more,
        )

    def close(self) -> None:
        """Nothing is held between polls."""

    def _read(self, file: Found) -> tuple[DeviceSnapshot, tuple[Quarantined, ...]]:
        if file.size > MAX_BYTES:
            raise BadInputError(f"{file.size} bytes of calibration, more than {MAX_BYTES}")
        try:
            packed = file.path.name.lower().endswith(PACKED)
            content = unpack(file.path, MAX_BYTES) if packed else file.path.read_bytes()
        except OSError as error:
            require(self._place)
            raise BadInputError(f"cannot be read: {error.strerror}") from None
        return from_backend_properties(
            content, tenant=self._spec.tenant, device=self._device, where=file.relative, naive=self._zone
        )


class IbmLiveSource:
    """Asks IBM Quantum for a backend's calibration; a snapshot is read once per publication.

    The account is the one saved by ``QiskitRuntimeService.save_account`` or set in its environment variables.
    The call itself needs the service and cannot be tested without it; what it returns is decoded by the same path as
    a file, which is tested.

    Args:
        spec: ``ibm:live/BACKEND`` and options ``device``, ``tenant``, ``tz``.
        fetch: Returns ``backend.properties().to_dict()`` for a backend's name; None uses qiskit-ibm-runtime.

    Raises:
        UnavailableError: The ``quantum`` extra is not installed.
    """

    info = IbmSource.info

    def __init__(self, spec: SourceSpec, fetch: Callable[[str], dict[str, Any]] | None = None) -> None:
        self._spec = spec
        self._backend = spec.place.removeprefix(LIVE)
        self._device = spec.device(self._backend)
        self._zone = zone(spec.option("tz", "UTC"), where=spec.name)
        self._fetch = fetch if fetch is not None else _runtime_fetch(spec.name)

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Ask once; ``limit`` does not split a snapshot.

        Raises:
            UnavailableError: The service is away or refuses.
            BadInputError: The cursor is not this source's.
        """
        del limit
        state = _state(cursor, self.name)
        try:
            answer = self._fetch(self._backend)
        except UnavailableError:
            raise
        except Exception as error:  # the client raises what its libraries raise; all of it means: not now
            raise UnavailableError(
                f"IBM Quantum did not answer: {type(error).__name__}", where=self.name, hint="check account and network"
            ) from error
        content = msgspec.json.encode(answer)
        digest = hashlib.sha256(content).hexdigest()
        if digest == state.last:
            return Delivery(source=self.name, tenant=self._spec.tenant, cursor=cursor)
        data: tuple[Datum, ...] = ()
        try:
            snapshot, refused = from_backend_properties(
                content, tenant=self._spec.tenant, device=self._device, where=self.name, naive=self._zone
            )
            data = (snapshot,)
        except BadInputError as error:
            refused = (Quarantined.of(self.name, error.message, content),)
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=data,
            quarantined=refused,
            cursor=msgspec.json.encode(_Cursor(last=digest)).decode(),
        )

    def close(self) -> None:
        """Nothing is held between polls."""


def _state(cursor: str, name: str) -> _Cursor:
    if not cursor:
        return _Cursor()
    try:
        return msgspec.json.decode(cursor, type=_Cursor)
    except msgspec.DecodeError as error:
        raise BadInputError(f"the cursor cannot be used: {error}", where=name) from None


def _runtime_fetch(name: str) -> Callable[[str], dict[str, Any]]:
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        raise UnavailableError(
            "reading live calibrations needs qiskit-ibm-runtime", where=name, hint="pip install 'mumetal[quantum]'"
        ) from None

    def fetch(backend: str) -> dict[str, Any]:
        properties = QiskitRuntimeService().backend(backend).properties(refresh=True)
        if properties is None:
            raise UnavailableError(f"backend {backend} publishes no calibration", where=name)
        answer: dict[str, Any] = properties.to_dict()
        return answer

    return fetch


def _open(spec: SourceSpec) -> Source:
    return IbmLiveSource(spec) if spec.place.startswith(LIVE) else IbmSource(spec)


FACTORY = SourceFactory(
    info=IbmSource.info,
    example="ibm:calibrations/",
    options={"tz": "IANA zone of dates that name none; UTC when left out"},
    open=_open,
)
