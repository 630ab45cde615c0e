"""What can be set of what a running stack writes down about itself."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

LogLevel = Literal["debug", "info", "warning", "error"]
LogRoom = Literal[
    "app", "serve", "connect", "watch", "scan", "trust", "access", "decoy", "respond", "redteam", "assess", "twin", "uvicorn"
]  # fmt: skip


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a running stack writes down about itself; `mumetal status` says where."""

    format: Annotated[Literal["json", "text"], Meta(description="One JSON object a line, or `text` for people.")] = (
        "json"
    )
    level: Annotated[LogLevel, Meta(description="Least level: `debug`, `info`, `warning` or `error`.")] = "info"
    levels: Annotated[
        dict[LogRoom, LogLevel],
        Meta(description='Levels of single rooms, such as `{ watch = "debug", uvicorn = "info" }`.'),
    ] = {}
    file: Annotated[str, Meta(description="File, mode 0600; empty takes `log.jsonl` (`log.txt`) in the store.")] = ""
    max_mib: Annotated[
        int, Meta(ge=1, le=4096, description="Size at which a file is full and the next begins, MiB.")
    ] = 16
    keep: Annotated[int, Meta(ge=0, le=100, description="Full files that are kept beside the one being written.")] = 4
    stderr: Annotated[bool, Meta(description="Whether the lines go to the standard error stream too.")] = False
