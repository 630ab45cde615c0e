"""Fits the encoder to a lab's own streams, and keeps what was learnt beside the data; taking it back is deleting a file."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np

from mumetal.app.models.encoders import shipped
from mumetal.connect.api import LogStore, StoreSettings
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.series import Series
from mumetal.watch.api import AdaptedEncoder, AdaptedRecord, EncoderModel, adapt_encoder, read_adapted

FOLDER = "encoder"
MOST_ROWS = 200_000
SECOND_NS = 10**9


def place(store: Path, tenant: str, device: str, stream: str) -> Path:
    """Return where a stream's adaptation is kept; names from outside never become a path."""
    name = hashlib.sha256(f"{tenant}\0{device}\0{stream}".encode()).hexdigest()[:32]
    return store / FOLDER / f"{name}.json"


def history(store: Path, settings: StoreSettings, tenant: str, device: str, stream: str, lasting_s: float) -> Series:
    """Return the newest rows of a stream's newest channel map, at most 200,000.

    Raises:
        BadInputError: There is no such stream, or it has no row in that time.
    """
    kept = LogStore(store / "telemetry", settings, SystemClock())
    try:
        known = kept.streams(tenant)
        if (device, stream) not in known:
            names = ", ".join(f"{d}/{s}" for d, s in known[:8]) or "none"
            raise BadInputError(f"there is no stream {device}/{stream}", hint=f"kept here: {names}")
        now_ns = SystemClock().now_ns()
        parts = list(kept.series(tenant, device, stream, now_ns - round(lasting_s * SECOND_NS), now_ns))
    finally:
        kept.close()
    parts = [part for part in parts if part.epoch == parts[-1].epoch and len(part)]
    if not parts:
        raise BadInputError(f"{device}/{stream} has no row in that time", hint="give a longer --lasting")
    last = parts[-1]
    return Series(
        tenant=last.tenant,
        device=device,
        stream=stream,
        channels=last.channels,
        t_ns=np.concatenate([part.t_ns for part in parts])[-MOST_ROWS:],
        values=np.concatenate([part.values for part in parts])[-MOST_ROWS:],
    )


def keep(store: Path, model: EncoderModel, rows: Series) -> tuple[AdaptedRecord, Path]:
    """Adapt and write the file, whole or not at all.

    Raises:
        BadInputError: Too few rows, or the folder cannot be written.
    """
    found = adapt_encoder(model, rows)
    path = place(store, rows.tenant, rows.device, rows.stream)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
        fresh.replace(path)
    except OSError as error:
        raise BadInputError(f"cannot be written: {error.strerror}", where=str(path)) from None
    return found, path


def forget(store: Path, tenant: str, device: str, stream: str) -> Path:
    """Take an adaptation back.

    Raises:
        BadInputError: There is none.
    """
    path = place(store, tenant, device, stream)
    if not path.exists():
        raise BadInputError(f"{device}/{stream} was not adapted to", hint="`mumetal model adapt` does it")
    path.unlink()
    return path


def adapted_encoders(store: Path) -> tuple[tuple[AdaptedEncoder, ...], tuple[tuple[str, str], ...]]:
    """Return the encoders that this store's streams were adapted with, and by name what cannot be used and why."""
    found: list[AdaptedEncoder] = []
    wrong: list[tuple[str, str]] = []
    for path in sorted((store / FOLDER).glob("*.json")):
        try:
            adapted = read_adapted(path)
            adapted.modes(shipped(), adapted.channels)
        except MumetalError as error:
            wrong.append((f"encoder {path.stem[:12]}", str(error)[:500]))
        else:
            found.append(AdaptedEncoder(model=shipped(), adapted=adapted))
    return tuple(found), tuple(wrong)
