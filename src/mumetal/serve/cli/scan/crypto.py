"""``mumetal scan crypto``: which cryptography is in use, how long it holds, and what to replace first."""

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from mumetal.core.errors import BadInputError, MumetalError, UnavailableError
from mumetal.serve.cli.options import JsonOption

if TYPE_CHECKING:
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import CryptoAsset, CryptoVerdict, MigrationStep

Format = Literal["text", "json", "cbom"]
SHOWN_PLACES = 3

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="Files and folders [default: this folder].")]
Endpoints = Annotated[
    list[str] | None, typer.Option("--endpoint", help="Also ask this TLS server, HOST:PORT. May be repeated.")
]


def crypto(
    paths: PathsArgument = None,
    *,
    endpoint: Endpoints = None,
    only_endpoints: Annotated[bool, typer.Option("--only-endpoints", help="Read no files.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to tell it; cbom is CycloneDX 1.7.")] = "text",
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file.")] = None,
    fail_on: Annotated[str, typer.Option("--fail-on", help="Least severity that ends with 1.")] = "high",
    as_json: JsonOption = False,
) -> int:
    """Inventory the cryptography in files and behind endpoints, and rank what to replace; 1 when something is broken."""
    from mumetal.catalog.crypto_timelines import timelines
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import judged_assets, migration_plan, severity_level

    least = severity_level(fail_on)
    clock = SystemClock()
    problems: list[Quarantined] = []
    found: list[CryptoAsset] = [] if only_endpoints else _files(paths or [Path()], problems)
    for name in endpoint or ():
        found += _endpoint(name, problems)
    known = timelines()
    verdicts = judged_assets(found, known)
    steps = migration_plan(verdicts)
    if form == "cbom" and not as_json:
        from mumetal.scan.api import encode_cbom

        said = encode_cbom(verdicts, t_ns=clock.now_ns(), serial=uuid.uuid4()) + "\n"
    elif form == "json" or as_json:
        body = {"timelines": known.checked, "assets": verdicts, "plan": steps, "problems": problems}
        said = msgspec.json.encode(body).decode() + "\n"
    else:
        said = _text(verdicts, steps, problems, known.checked)
    if out is None:
        sys.stdout.write(said)
    else:
        try:
            out.write_text(said)
        except OSError as error:
            raise BadInputError(error.strerror or "cannot be written", where=str(out)) from None
    return 1 if least is not None and any(v.severity >= least for v in verdicts) else 0


def _files(paths: Sequence[Path], problems: "list[Quarantined]") -> "list[CryptoAsset]":
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import CryptoScanner, ScanPlace, load_scan_settings, source_of

    chosen = load_scan_settings(Path())
    scanner = CryptoScanner(firmware=True)
    found: list[CryptoAsset] = []
    where = ScanPlace(paths=tuple(paths))
    for artefact in source_of(where, chosen, SystemClock(), problems.append).blobs():
        try:
            found.extend(scanner.assets(artefact))
        except (BadInputError, UnavailableError) as error:
            problems.append(Quarantined.of(error.where or artefact.uri, error.message))
    return found


def _endpoint(name: str, problems: "list[Quarantined]") -> "list[CryptoAsset]":
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import probe_tls, tls_assets

    host, colon, port = name.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65_536):
        raise BadInputError("this is no endpoint", where=name[:200], hint="write HOST:PORT")
    try:
        agreed = probe_tls(host.strip("[]"), int(port), os.urandom(32))
    except MumetalError as error:
        problems.append(Quarantined.of(name, error.message))
        return []
    return list(tls_assets(agreed, name))


def _text(
    verdicts: "Sequence[CryptoVerdict]",
    steps: "Sequence[MigrationStep]",
    problems: "Sequence[Quarantined]",
    checked: str,
) -> str:
    from mumetal.scan.api import plain

    lines = [f"{len(verdicts)} uses of cryptography; timelines as of {checked}."]
    if steps:
        lines.append("What to replace, in this order:")
    for number, step in enumerate(steps, 1):
        ends = f"until {step.until}" if step.until else "now"
        lines.append(f"{number:>3}. {step.algorithm} for {step.use}: {step.severity.name.lower()}, {ends}")
        lines.append(f"       {step.reason}" + (f"; use {step.replacement}" if step.replacement else ""))
        shown = ", ".join(plain(p) for p in step.places[:SHOWN_PLACES])
        more = f" and {len(step.places) - SHOWN_PLACES} more" if len(step.places) > SHOWN_PLACES else ""
        lines.append(f"       {shown}{more}")
    holding = sorted({v.asset.name for v in verdicts if v.status == "safe"})
    if holding:
        lines.append(f"These hold: {', '.join(holding)}.")
    lines += [f"not read: {plain(p.where)}: {plain(p.reason)}" for p in problems]
    return "\n".join(lines) + "\n"
