"""Decodes one HDF5 file in a process of its own; run as a script, it imports nothing of ours.

HDF5 is a large C library that has had memory errors on malformed files. So the file is opened here, where a crash is
one dead child: address space, processor time and files are limited, no filter plug-in is loaded, only hard links inside
the file are followed, and virtual and external data are refused. Out go, on the standard output, a line of JSON that lists the
arrays and what was refused, and then the arrays as ``.npy`` blocks.
"""

import json
import resource
import sys

MAX_BYTES = 512 * 2**20
MAX_OBJECTS = 10_000
MAX_DEPTH = 6
FILTERS = frozenset((1, 2, 3))  # deflate, shuffle, Fletcher's checksum: all inside the library
MEMORY = 3 * 2**30
SECONDS = 60


def limit() -> None:
    """Limit what this process may use."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64),
    ):  # fmt: skip
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def main(path: str) -> None:
    """Write the arrays of ``path``."""
    import h5py  # type: ignore[import-untyped, unused-ignore]
    import numpy as np

    limit()
    arrays: list[tuple[str, str, int]] = []
    blocks: list[bytes] = []
    refused: list[tuple[str, str]] = []
    left, seen = MAX_BYTES, 0
    with h5py.File(path, "r", locking=False) as file:
        waiting = [("", file, 0)]
        visited = {file.id.__hash__()}
        while waiting:
            prefix, group, depth = waiting.pop()
            for name in group:
                seen += 1
                if seen > MAX_OBJECTS:
                    sys.exit(f"more than {MAX_OBJECTS} objects")
                full = f"{prefix}{name}"
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    refused.append((full[:200], "is a link to elsewhere and is not followed"))
                    continue
                item = group[name]
                if isinstance(item, h5py.Group):
                    if depth >= MAX_DEPTH or hash(item.id) in visited:
                        refused.append((full[:200], "lies too deep, or is reached twice"))
                        continue
                    visited.add(hash(item.id))
                    waiting.append((f"{full}.", item, depth + 1))
                    continue
                why = wrong(item, h5py)
                if why:
                    refused.append((full[:200], why))
                    continue
                size = int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize
                if size > left:
                    sys.exit(f"more than {MAX_BYTES} bytes unpacked")
                left -= size
                value = np.asarray(item[()])
                unit = item.attrs.get("units", item.attrs.get("unit", ""))
                block = encoded(np, value)
                arrays.append((full[:200], unit[:32] if isinstance(unit, str) else "", len(block)))
                blocks.append(block)
        for name in ("t0_ns", "rate_hz"):
            if name in file.attrs:
                block = encoded(np, np.asarray(file.attrs[name]))
                arrays.append((name, "", len(block)))
                blocks.append(block)
    out = sys.stdout.buffer
    out.write(json.dumps({"arrays": arrays, "refused": refused}).encode() + b"\n")
    for block in blocks:
        out.write(block)


def wrong(item, h5py) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001 - h5py has no types
    """Say why a dataset is not read; empty when it may be."""
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        return "is no array"
    if item.dtype.kind not in "iufbc" or item.dtype.itemsize > 16 or len(item.shape) > 4:
        return "holds no plain numbers"
    if item.is_virtual or item.external:
        return "keeps its data in other files"
    properties = item.id.get_create_plist()
    if any(properties.get_filter(k)[0] not in FILTERS for k in range(properties.get_nfilters())):
        return "is packed by a filter that is not deflate"
    return ""


def encoded(np, value) -> bytes:  # type: ignore[no-untyped-def]  # noqa: ANN001 - imported late, under the limits
    """Return an array as an ``.npy`` block, in the machine's byte order."""
    import io

    plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, plain, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ModuleNotFoundError as error:
        sys.stderr.write(f"missing {error.name}")
        sys.exit(3)
    except Exception as error:  # noqa: BLE001 - whatever HDF5 raises, the parent is told in one line
        sys.stderr.write(f"{type(error).__name__}: {str(error)[:300]}")
        sys.exit(2)
