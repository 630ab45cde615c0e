"""``mumetal model export``, ``health``, ``probe`` and ``reproduce``: look at a model, change nothing but by fall back."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption
from mumetal.serve.cli.trust.model_options import (
    KeyOption,
    NameArgument,
    RootOption,
    VersionArgument,
    read_file,
    store_of,
)


class Form(StrEnum):
    """What an export is written as."""

    CYCLONEDX = "cyclonedx"
    CARD = "card"
    MLFLOW = "mlflow"


def export(
    name: NameArgument,
    version: VersionArgument,
    form: Annotated[Form, typer.Option("--as", help="CycloneDX 1.6 ML-BOM, Markdown card or MLflow folder.")],
    out: Annotated[Path, typer.Option("--out", help="File to write; for MLflow a folder that is made.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write a version's promises, gates and approvals in another format; never over a file that is there."""
    from mumetal import __version__
    from mumetal.trust.api import mlflow_folder, model_bom, model_card, reading_models

    with reading_models(store_of(settings, store), root=root) as registry:
        chosen = registry.record(name).find(version)
        promised = registry.manifest(name, chosen.version)
        report = registry.report(chosen.report) if chosen.report else None
        data = registry.load_version(name, chosen.version).data
    files = {out: b""}
    match form:
        case Form.CYCLONEDX:
            files = {out: model_bom(promised, chosen, report, __version__)}
        case Form.CARD:
            files = {out: model_card(promised, chosen, report).encode()}
        case Form.MLFLOW:
            files = {out / inner: body for inner, body in mlflow_folder(promised, chosen, data).items()}
    for path, body in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(body)
        except OSError as error:
            raise BadInputError(error.strerror or "cannot be written", where=str(path)) from None
    names = [str(path) for path in files]
    typer.echo(msgspec.json.encode({"written": names}).decode() if as_json else "wrote " + ", ".join(names))
    return 0


def health(
    name: NameArgument,
    reference: Annotated[Path, typer.Option("--reference", help="CSV of ordinary rows it was validated on, in order.")],
    recent: Annotated[Path, typer.Option("--recent", help="CSV of a day of rows, in order of time.")],
    *,
    canary: Annotated[
        list[Path] | None, typer.Option("--canary", help="Probe with a known answer; repeatable.")
    ] = None,
    fall_back: Annotated[
        bool, typer.Option("--fall-back", help="Put the last good version back if it fares better.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the permutations.")] = 0,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Look at the active version on a day of rows; ends with 1 when it ails."""
    from mumetal.app.models.registry import changing
    from mumetal.trust.api import examine_model, reading_models

    asked = {"reference": (read_file(reference), str(reference)), "recent": (read_file(recent), str(recent))}
    probes = [(read_file(path), str(path)) for path in canary or ()]
    folder = store_of(settings, store)
    if fall_back:
        with changing(folder, root=root, key=key) as desk:
            done = examine_model(desk.registry, name, asked, probes, seed=seed, now_ns=desk.clock.now_ns(), desk=desk)
    else:
        with reading_models(folder, root=root) as registry:
            done = examine_model(registry, name, asked, probes, seed=seed, now_ns=time.time_ns())
    if as_json:
        typer.echo(msgspec.json.encode({"findings": done.findings, "fell_back_to": done.fell_back_to}).decode())
    else:
        for finding in done.findings:
            typer.echo(
                f"{finding.severity.name:<8} {finding.title}\n         {finding.detail}\n         {finding.remedy}"
            )
        typer.echo(done.summary)
    return 1 if done.findings else 0


def probe(
    name: NameArgument,
    rows: Annotated[Path, typer.Option("--rows", help="CSV of the model's channels.")],
    out: Annotated[Path, typer.Option("--out", help="Probe to write.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> int:
    """Keep an input and what the active version says of it: a canary, or a score to reproduce later."""
    from mumetal.trust.api import (
        ModelState,
        encode_probe,
        probe_model,
        read_table,
        reading_models,
    )

    with reading_models(store_of(settings, store), root=root) as registry:
        active = registry.record(name).in_state(ModelState.ACTIVE)
        if active is None:
            raise BadInputError("no version is active", where=name)
        channels = [i.channel for i in registry.manifest(name, active.version).inputs]
        shown = read_table(read_file(rows), channels, str(rows), labelled=False)
        kept = probe_model(registry, name, shown.rows)
    try:
        with out.open("xb") as file:
            file.write(encode_probe(kept))
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be written", where=str(out)) from None
    typer.echo(msgspec.json.encode({"version": kept.version, "scores_sha256": kept.scores_sha256}).decode()
               if as_json else f"{out}: {len(shown.rows)} rows scored by {name}@{kept.version[:12]}")  # fmt: skip
    return 0


def reproduce(
    kept: Annotated[Path, typer.Argument(help="Probe written by `mumetal model probe`.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> int:
    """Score a probe's input again with the same version; ends with 4 unless every bit is the same."""
    from mumetal.trust.api import decode_probe, reading_models, reproduce_probe

    found = decode_probe(read_file(kept), str(kept))
    with reading_models(store_of(settings, store), root=root) as registry:
        reproduce_probe(registry, found, str(kept))
    typer.echo(msgspec.json.encode({"reproduced": True, "version": found.version}).decode()
               if as_json else f"{found.model}@{found.version[:12]} gives the same scores, bit for bit.")  # fmt: skip
    return 0
