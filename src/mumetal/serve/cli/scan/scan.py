"""``mumetal scan``: look through files, staged changes or a history before somebody else does."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import msgspec
import typer
from typer.core import TyperGroup

from mumetal.core.errors import BadInputError
from mumetal.scan.api import ScanSettings
from mumetal.serve.cli.guarded import guarded
from mumetal.serve.cli.options import JsonOption
from mumetal.serve.cli.scan import credentials as scan_credentials
from mumetal.serve.cli.scan import crypto as scan_crypto
from mumetal.serve.cli.scan import findings as scan_findings
from mumetal.serve.cli.scan import fix as scan_fix
from mumetal.serve.cli.scan import follow as scan_follow

if TYPE_CHECKING:
    from mumetal.scan.api import ScanOutcome, ScanProgress
    from mumetal.serve.cli.scan.filed import Keeper

Format = Literal["text", "json", "sarif", "junit"]
DEFAULT = "paths"
PROGRESS_AFTER_S = 1.0

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="Files and folders [default: this folder].")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file [default: mumetal.toml or pyproject.toml here].")
]
OnlyOption = Annotated[str, typer.Option("--only", help="Kinds to look for, with commas between: secrets, code, …")]


class _PathsFirst(TyperGroup):
    """A group whose first word may be a path: ``mumetal scan src`` is ``mumetal scan paths src``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own context
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def paths(
    paths: PathsArgument = None,
    *,
    staged: Annotated[
        bool, typer.Option("--staged", help="Tell what the next commit would bring: staged lines.")
    ] = False,
    diff: Annotated[str, typer.Option("--diff", help="Tell what is new since the branch left this commit.")] = "",
    history: Annotated[bool, typer.Option("--history", help="Scan every commit of every branch.")] = False,
    pushed: Annotated[
        str,
        typer.Option("--pushed", help="Scan the commits of this one that no branch has yet: for a pre-receive hook."),
    ] = "",
    follow: Annotated[
        Path | None, typer.Option("--follow", help="Scan a log as it grows, until Ctrl-C; tells findings at once.")
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read what to scan from standard input.")] = False,
    payload: Annotated[
        Path | None,
        typer.Option(
            "--payload", help="Take a job's payload apart: Runtime JSON, QPY or OpenQASM; - is standard input."
        ),
    ] = None,
    only: OnlyOption = "",
    form: Annotated[Format, typer.Option("--format", help="How to tell it.")] = "text",
    out: Annotated[Path | None, typer.Option("--out", help="Write the report to this file.")] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", help="Least severity that ends with 1: none, info, low, medium, high, critical."),
    ] = None,
    baseline: Annotated[Path | None, typer.Option("--baseline", help="Known findings, counted and not told.")] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write what is found now into the baseline, and end with 0.")
    ] = False,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Leave out paths like this pattern.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep what is found with the incidents, in the store of the settings.")
    ] = False,
    store: Annotated[Path | None, typer.Option("--store", help="The same, in this folder.")] = None,
    target: Annotated[
        str, typer.Option("--target", help="What is scanned is called so among the incidents [default: this folder].")
    ] = "",
    verify: scan_credentials.VerifyOption = False,
    settings: SettingsFile = None,
    as_json: JsonOption = False,
) -> int:
    """Look for leaked secrets, unsafe code and weak cryptography; ends with 1 when something was found."""
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import (
        ScanPlace,
        changes_of,
        coverage_of,
        decode_baseline,
        encode_baseline,
        load_scan_settings,
        only_brought,
        run_scan,
        scanners_of,
        severity_level,
        silent_scan,
        source_of,
    )

    _load_plugins(settings)
    chosen = _settled(load_scan_settings(Path(), settings), fail_on, only, exclude, baseline)
    least = severity_level(chosen.fail_on)
    problems: list[Quarantined] = []
    clock = SystemClock()
    looking = scanners_of(chosen.only, verify=verify)
    keeper = _keeper(settings, store) if record or store is not None else None
    if follow is not None:
        return scan_follow.followed(follow, looking, clock, least, keeper, target)
    where = ScanPlace(
        paths=tuple(paths or [Path()]),
        staged=staged,
        diff=diff,
        history=history,
        pushed=pushed,
        stdin=sys.stdin.buffer if stdin else None,
        payload=_payload(payload),
    )
    source = source_of(where, chosen, clock, problems.append)
    book = Path(chosen.baseline) if chosen.baseline else None
    known = decode_baseline(book.read_bytes(), str(book)) if book and book.exists() else None
    with _progress(shown=not as_json and (form == "text" or out is not None)) as tell:
        outcome = run_scan(
            source,
            looking,
            clock=clock,
            known=None if write_baseline else known,
            problems=problems,
            progress=tell,
            coverage=coverage_of(
                where, target, clock.now_ns(), chosen.exclude, kept=keeper is not None or as_json or form == "json"
            ),
        )
    if outcome.entries and (changed := changes_of(where, chosen, clock, silent_scan)):
        outcome = only_brought(outcome, changed, looking, clock)
    if write_baseline:
        book = book or Path("mumetal-baseline.json")
        book.write_bytes(encode_baseline(outcome.entries, known))
        typer.echo(f"wrote {len(outcome.entries)} known findings to {book}; give each a reason there", err=True)
        return 0
    _tell(outcome, "json" if as_json else form, out)
    if keeper is not None:
        repository = outcome.coverage.repository if outcome.coverage else ""
        typer.echo(keeper.told(keeper.keep(outcome), repository), err=True)
    return 1 if outcome.fails(least) else 0


def _load_plugins(settings: Path | None) -> None:
    from mumetal.app.parts import load_scan_plugins

    def allow() -> tuple[str, ...]:
        from mumetal.app.settings import DEFAULT_FILE, plugins_allowed

        return plugins_allowed(settings or DEFAULT_FILE)

    load_scan_plugins(allow)


def _payload(path: Path | None) -> "tuple[str, BinaryIO] | None":
    if path is None:
        return None
    if path == Path("-"):
        return "payload", sys.stdin.buffer
    try:
        return path.as_posix(), path.open("rb")
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None


def _keeper(settings: Path | None, store: Path | None) -> "Keeper":
    from mumetal.app import wiring
    from mumetal.serve.cli.scan.filed import Keeper

    return Keeper(wiring.load(settings, wiring.Overrides(store=store)))


def _settled(
    base: ScanSettings, fail_on: str | None, only: str, exclude: list[str] | None, baseline: Path | None
) -> ScanSettings:
    """Return settings with the command line's over them."""
    changes: dict[str, Any] = {}
    if fail_on is not None:
        changes["fail_on"] = fail_on
    if only:
        changes["only"] = tuple(part.strip() for part in only.split(",") if part.strip())
    if exclude:
        changes["exclude"] = (*base.exclude, *exclude)
    if baseline is not None:
        changes["baseline"] = str(baseline)
    return msgspec.structs.replace(base, **changes)


def _tell(outcome: "ScanOutcome", form: Format, out: Path | None) -> None:
    from mumetal.scan.api import encode_json, encode_junit, encode_sarif, encode_text, text_summary

    if form == "text":
        said = encode_text(outcome, colour=out is None and sys.stdout.isatty()).encode()
    else:
        said = {"json": encode_json, "sarif": encode_sarif, "junit": encode_junit}[form](outcome)
    if out is None:
        sys.stdout.write(said.decode(errors="replace"))
        return
    try:
        out.write_bytes(said)
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be written", where=str(out)) from None
    typer.echo(f"{text_summary(outcome)}; wrote {out}", err=True)


@contextmanager
def _progress(*, shown: bool) -> Iterator["Callable[[ScanProgress], None] | None"]:
    """Say on the error stream how far the scan is, once a second has passed; wiped away in the end."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    began = time.monotonic()
    told = False

    def tell(now: "ScanProgress") -> None:
        nonlocal told
        if time.monotonic() - began > PROGRESS_AFTER_S:
            told = True
            sys.stderr.write(f"\r\x1b[K{now.artefacts:,} files, {now.size / 1e6:,.0f} MB, {now.findings} found")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if told:
            sys.stderr.write("\r\x1b[K")


def rules(
    rule: Annotated[str, typer.Argument(help="Tell all about this one.")] = "",
    *,
    only: OnlyOption = "",
    as_json: JsonOption = False,
) -> int:
    """List what is looked for, or tell why one rule is there, with a bad and a good example."""
    from mumetal.scan.api import (
        all_rules,
    )

    _load_plugins(None)
    if rule:
        return _card(rule, as_json=as_json)

    listed = all_rules(tuple(part.strip() for part in only.split(",") if part.strip()))
    if as_json:
        typer.echo(msgspec.json.encode(listed).decode())
        return 0
    for each in listed:
        typer.echo(f"{each.rule:<48} {each.severity:<9} {each.title}")
    typer.echo(f"{len(listed)} rules")
    return 0


def _card(rule: str, *, as_json: bool) -> int:
    from mumetal.scan.api import card_of

    card = card_of(rule)
    if card is None:
        raise BadInputError("there is no such rule", where=rule[:80], hint="see `mumetal scan rules`")
    if as_json:
        typer.echo(msgspec.json.encode(card).decode())
        return 0
    typer.echo(f"{card.rule}  {card.severity.name.lower()}\n{card.title}\n")
    for name in ("why", "bad", "good", "remedy", "revoke", "rotate", "url", "reference"):
        if text := str(getattr(card, name)).strip():
            typer.echo(f"{name}:\n" + "\n".join(f"    {line}" for line in text.splitlines()))
    return 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``scan`` commands."""
    group = typer.Typer(
        cls=_PathsFirst,
        help="Look through files for leaked secrets, unsafe code and weak cryptography: `mumetal scan [PATH…]`.",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    group.command(DEFAULT)(guard(paths))
    group.command("fix")(guard(scan_fix.fix))
    group.command("crypto")(guard(scan_crypto.crypto))
    group.command("rules")(guard(rules))
    group.command("inventory")(guard(scan_credentials.inventory))
    group.command("revoke")(guard(scan_credentials.revoke))
    group.command("findings")(guard(scan_findings.findings))
    group.command("finding")(guard(scan_findings.finding))
    return group


def alone() -> None:
    """Run ``mumetal scan`` without loading the other commands."""
    whole = typer.Typer(name="mumetal", pretty_exceptions_enable=False)
    whole.add_typer(app(guarded), name="scan")
    whole.callback()(lambda: None)
    whole()
