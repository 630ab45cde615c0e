"""What can be set of how code and files are scanned."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class ScanSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How code and files are scanned; ``[tool.mumetal.scan]`` in ``pyproject.toml`` takes the same fields."""

    fail_on: Annotated[
        Literal["none", "info", "low", "medium", "high", "critical"],
        Meta(description="Least severity of a finding that makes `mumetal scan` end with 1."),
    ] = "low"
    only: Annotated[
        tuple[str, ...], Meta(max_length=16, description="Kinds to look for: secrets, code, …; empty looks for all.")
    ] = ()
    exclude: Annotated[
        tuple[str, ...], Meta(max_length=1_000, description="Paths left out, as patterns such as `tests/data/*`.")
    ] = ()
    baseline: Annotated[str, Meta(description="File with known findings, which are counted and not told.")] = ""
    max_file_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="Larger files are named and not read, MiB.")] = (
        4_096
    )
