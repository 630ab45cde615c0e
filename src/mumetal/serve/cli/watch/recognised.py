"""What a path holds, told by what is in it: the sources that read it, or words that say what to do."""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from mumetal.core.errors import BadInputError
from mumetal.formats.canonical import decode_json
from mumetal.formats.foreign import told_by

BLUEFORS_DAY = re.compile(r"\d\d-\d\d-\d\d")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
BY_SUFFIX = {
    ".csv": "csv", ".parquet": "parquet", ".npy": "npy", ".npz": "npy", ".h5": "hdf5", ".hdf5": "hdf5", ".hdf": "hdf5",
}  # fmt: skip
JSON = (".json", ".jsonl", ".ndjson")
FOLDERS = frozenset({"parquet", "npy", "hdf5", "ibm", "audit"})  # of which one source reads a whole folder
MAX_JSON = 16 * 2**20
MAX_LINE = 2**20
MAX_ENTRIES = 1_000
MAX_LOOKED = 200  # files of one folder that are opened to see what they are
DEPTH = 3
HINT = "say it: bluefors:DIR, ibm:PATH, csv:FILE, parquet:PATH, npy:PATH, hdf5:PATH, audit:PATH, platforms:REPOSITORY"


def specs_of(text: str) -> list[str]:
    """Return the source specs for a path, by what it holds; a spec stays as it is.

    Raises:
        BadInputError: The place is not there, or is nothing that is known.
    """
    kind, colon, _ = text.partition(":")
    if colon and KIND.fullmatch(kind) and not Path(text).exists():
        return [text]
    path = Path(text)
    if not path.exists():
        raise BadInputError("there is nothing here", where=text, hint="name a file, a folder or KIND:PLACE")
    said: list[str] = []
    found = (
        [_of_file(path, said)] if path.is_file() else list(dict.fromkeys(_of_folder(path, DEPTH, said, frozenset())))
    )
    specs = [spec for spec in found if spec]
    if not specs:
        why = f": {said[0]}" if said else ""
        raise BadInputError(f"what this is cannot be told from what it holds{why}", where=text, hint=HINT)
    return specs


def _of_file(path: Path, said: list[str]) -> str:
    """Return the spec of one file, empty where none reads it; ``said`` receives what is known of it then."""
    name = path.name.lower().removesuffix(".gz")
    suffix = Path(name).suffix
    if suffix in BY_SUFFIX:
        return f"{BY_SUFFIX[suffix]}:{path}"
    if suffix not in JSON:
        return ""
    kind, words = _json_kind(path, lines=suffix != ".json")
    if not kind:
        said.append(f"{path.name} is {words or 'JSON of no kind that is known'}")
    return f"{kind}:{path}" if kind else ""


def _json_kind(path: Path, *, lines: bool) -> tuple[str, str]:
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            line = file.readline(MAX_LINE)
            try:
                return told_by(decode_json(line, MAX_LINE))
            except BadInputError:
                if lines:
                    return "audit" if not line.strip() else "", ""  # an empty trail is one that begins
                return told_by(decode_json(line + file.read(MAX_JSON), MAX_JSON, nan_is_null=True))
    except (OSError, EOFError, zlib.error, BadInputError):
        return "", ""


def _of_folder(folder: Path, depth: int, said: list[str], covered: frozenset[str]) -> Iterator[str]:
    """Yield the specs of what a folder holds, also of the folders in it; ``covered`` kinds are read from above."""
    if _holds_platforms(folder):
        yield f"platforms:{folder}"
        return
    entries = [p for _, p in zip(range(MAX_ENTRIES), sorted(folder.iterdir()), strict=False)]
    entries = [p for p in entries if not p.name.startswith(".") and not p.is_symlink()]
    if BLUEFORS_DAY.fullmatch(folder.name) or any(BLUEFORS_DAY.fullmatch(p.name) and p.is_dir() for p in entries):
        yield f"bluefors:{folder}"
        return
    kinds: dict[str, list[str]] = {}
    for entry in [p for p in entries if p.is_file()][:MAX_LOOKED]:
        if spec := _of_file(entry, said):
            kinds.setdefault(spec.partition(":")[0], []).append(spec)
    whole = next((k for k in kinds if k in FOLDERS and len(kinds) == 1 and len(kinds[k]) > 1), "")
    for kind, specs in kinds.items():
        if kind not in covered:
            yield from [f"{kind}:{folder}"] if kind == whole else specs
    for entry in entries:
        if depth and entry.is_dir():
            yield from _of_folder(entry, depth - 1, said, covered | {whole} if whole else covered)


def _holds_platforms(folder: Path) -> bool:
    """Whether a folder is a bare repository, or part of a repository and holds a platform's file."""
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        return True
    if not any((up / ".git").exists() for up in (folder.resolve(), *folder.resolve().parents)):
        return False
    return any(
        next(folder.glob(f"{depth}{name}"), None)
        for depth in ("", "*/", "*/*/")
        for name in ("parameters.json", "calibration.json")
    )
