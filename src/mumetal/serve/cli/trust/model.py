"""``mumetal model``: which models there are, who made them from what, and the way to active and back."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption
from mumetal.serve.cli.trust.model_look import export, health, probe, reproduce
from mumetal.serve.cli.trust.model_options import (
    MAX_APPROVAL,
    ApprovalOption,
    KeyOption,
    NameArgument,
    RootOption,
    VersionArgument,
    WhyOption,
    allowed,
    read_file,
    store_of,
)
from mumetal.serve.cli.trust.model_train import adapt, train

if TYPE_CHECKING:
    from mumetal.trust.api import ModelRecord


def _when(ns: str) -> str:
    return datetime.fromtimestamp(int(ns) / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def listing(
    *, settings: SettingsOption = None, store: StoreOption = None, root: RootOption = None, as_json: JsonOption = False
) -> int:
    """List every model: which version is active, which waits; ends with 4 when one that the ledger knows is gone."""
    from mumetal.app import wiring
    from mumetal.app.lost import lost
    from mumetal.core.errors import RejectedError
    from mumetal.trust.api import MODELS_FOLDER, ModelState, reading_models

    folder = store_of(settings, store)
    for what in lost(wiring.load(settings, wiring.Overrides(store=store))):
        raise RejectedError(what, where=str(folder), hint="restore it from a copy")
    if not (folder / MODELS_FOLDER / "records").exists():
        typer.echo("[]" if as_json else "No model is registered. Start with `mumetal model register`.")
        return 0
    with reading_models(folder, root=root) as registry:
        found, gone = [registry.record(name) for name in registry.names()], registry.gone()
    ends = RejectedError.exit_code if gone else 0
    for name in gone:
        typer.echo(f"{name}: the ledger knows it, and its record is gone: restore it from a copy.", err=as_json)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return ends
    for record in found:
        active, shadow = record.in_state(ModelState.ACTIVE), record.in_state(ModelState.SHADOW)
        standing = f"active {active.version[:12]} since {_when(active.since_ns)}" if active else "nothing active"
        waiting = f"   shadow {shadow.version[:12]}" if shadow else ""
        typer.echo(f"{record.name:<24} {len(record.versions)} versions   {standing}{waiting}")
    return ends


def show(
    name: NameArgument,
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show every version of a model: state, owner, lineage, gates and approvals."""
    from mumetal.trust.api import reading_models

    with reading_models(store_of(settings, store), root=root) as registry:
        record = registry.record(name)
        promised = {v.version: registry.manifest(name, v.version) for v in record.versions}
        said = {v.version: registry.report(v.report) for v in record.versions if v.report}
    if as_json:
        typer.echo(msgspec.json.encode({"record": record, "manifests": promised, "reports": said}).decode())
        return 0
    for version in record.versions:
        m = promised[version.version]
        typer.echo(f"{name}@{version.version[:12]}  {version.state.value} since {_when(version.since_ns)}")
        typer.echo(
            f"  {m.purpose}   owner {m.owner}, trained by {m.trainer or 'nobody named'}, code {m.code}, {m.kind.value}, {m.size} bytes"
        )
        for item in m.data:
            typer.echo(f"  from {item.use}: {item.uri} sha256 {item.digest[:12]}")
        for parent in m.parents:
            typer.echo(f"  from model {parent[:12]}")
        for outcome in said[version.version].outcomes if version.version in said else ():
            typer.echo(
                f"  {'passed ' if outcome.passed else 'REFUSED'} {outcome.gate.rsplit('.', 1)[-1]}: {outcome.reason}"
            )
        for refusal in version.refusals:
            word = (
                f"answered by {refusal.answered_by}: {refusal.answer}" if refusal.answered_by else "nobody has answered"
            )
            typer.echo(f"  REFUSED on {_when(refusal.t_ns)}: {refusal.why}; {word}")
        for approval in version.approvals:
            typer.echo(f"  {approval.approver} approved {approval.target.value} on {_when(approval.t_ns)}")
    return 0


def register(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="The model: ONNX, safetensors or JSON.")],
    promises: Annotated[
        Path, typer.Option("--promises", help="TOML or JSON: owner, purpose, data, code, inputs, card.")
    ],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Register a draft: its structure is checked, its bytes are never loaded."""
    from mumetal.app.models.registry import changing
    from mumetal.trust.api import MAX_MANIFEST, MAX_MODEL_BYTES, decode_promises

    data, promised = read_file(file, MAX_MODEL_BYTES), decode_promises(read_file(promises, MAX_MANIFEST), str(promises))
    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key, make=True) as desk:
        version = desk.lifecycle.register(desk.principal, name, data, promised)
    if as_json:
        typer.echo(msgspec.json.encode({"name": name, "version": version}).decode())
    else:
        typer.echo(
            f"{name}@{version[:12]} is a draft. Next: mumetal model promote {name} {version[:12]} --held-out FILE"
        )
    return 0


def promote(
    name: NameArgument,
    version: VersionArgument,
    *,
    held_out: Annotated[
        Path | None, typer.Option("--held-out", help="CSV: the channels and a column anomalous; draft to validated.")
    ] = None,
    training: Annotated[
        list[Path] | None,
        typer.Option("--training", help="CSV of a training set; once for each, in the promises' order."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the gates' attacks.")] = 0,
    approval: ApprovalOption = None,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Move a version one state on: a draft through the gates, the others by approval. Ends with 4 when refused."""
    from mumetal.app import wiring
    from mumetal.app.models.registry import changing
    from mumetal.trust.api import demand_of, run_gates

    shown = None if held_out is None else read_file(held_out)
    word = None if approval is None else read_file(approval, MAX_APPROVAL)
    demand = demand_of(wiring.load(settings, wiring.Overrides(store=store)).approvals)
    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key, demand=demand) as desk:
        report = None
        if held_out is not None and shown is not None:
            report = run_gates(desk, name, version, shown, str(held_out), training=training or (), seed=seed)
            if not as_json:
                for o in report.outcomes:
                    typer.echo(f"{'passed ' if o.passed else 'REFUSED'} {o.gate.rsplit('.', 1)[-1]}: {o.reason}")
        record = desk.lifecycle.promote(desk.principal, name, version, report, approval=word)
    state = record.find(version).state.value
    if as_json:
        typer.echo(msgspec.json.encode({"record": record, "report": report}).decode())
    else:
        typer.echo(f"{name}@{record.find(version).version[:12]} is {state}.")
    return 0


def answer(
    name: NameArgument,
    version: VersionArgument,
    *,
    why: WhyOption = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Answer what the gates refused, as somebody who neither registered nor trained it; the gates must still pass it."""
    from mumetal.app.models.registry import changing

    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key) as desk:
        record = desk.lifecycle.answer(desk.principal, name, version, why)
    if as_json:
        typer.echo(msgspec.json.encode(record).decode())
    else:
        typer.echo(f"{name}@{record.find(version).version[:12]}: its refusals are answered; run the gates again.")
    return 0


def approve(
    name: NameArgument,
    version: VersionArgument,
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Approve a version's next state, as the operating system's user that you are."""
    from mumetal.app.models.registry import changing

    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key) as desk:
        found = desk.lifecycle.approve(desk.principal, name, version).find(version)
        word = found.approvals[-1]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        typer.echo(f"{word.approver} approved {word.target.value} of {name}@{found.version[:12]}.")
    return 0


def rollback(
    name: NameArgument,
    *,
    why: WhyOption = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Put the last good version back at once."""
    from mumetal.app.models.registry import changing

    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key) as desk:
        _say_active(desk.lifecycle.roll_back(desk.principal, name, why), as_json=as_json)
    return 0


def undo(
    name: NameArgument,
    *,
    why: WhyOption = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Take the last rollback back, also one that Mumetal did by itself."""
    from mumetal.app.models.registry import changing

    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key) as desk:
        _say_active(desk.lifecycle.undo(desk.principal, name, why), as_json=as_json)
    return 0


def _say_active(record: "ModelRecord", *, as_json: bool) -> None:
    from mumetal.trust.api import ModelState

    active = record.in_state(ModelState.ACTIVE)
    typer.echo(
        msgspec.json.encode(record).decode()
        if as_json
        else f"{record.name}@{active.version[:12] if active else ''} is active again."
    )


def retire(
    name: NameArgument,
    version: VersionArgument,
    *,
    why: WhyOption = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> int:
    """Take a version out of service for good: no rollback goes back to it."""
    from mumetal.app.models.registry import changing

    with changing(store_of(settings, store), allow=allowed(settings), root=root, key=key) as desk:
        record = desk.lifecycle.retire(desk.principal, name, version, why)
    if as_json:
        typer.echo(msgspec.json.encode(record).decode())
    else:
        typer.echo(f"{name}@{record.find(version).version[:12]} is retired.")
    return 0


def verify(
    *, settings: SettingsOption = None, store: StoreOption = None, root: RootOption = None, as_json: JsonOption = False
) -> int:
    """Check every seal, digest and structure of the registry against the ledger; ends with 4 when one does not hold."""
    from mumetal.core.errors import MumetalError, RejectedError
    from mumetal.trust.api import reading_models

    bad: list[dict[str, str]] = []
    count = 0
    with reading_models(store_of(settings, store), root=root) as registry:
        bad += [{"model": name, "where": name, "message": "its record is gone"} for name in registry.gone()]
        for name in registry.names():
            try:
                for version in registry.record(name).versions:
                    count += 1
                    registry.load_version(name, version.version)
                    if version.report:
                        registry.report(version.report)
            except MumetalError as error:
                bad.append({"model": name, "where": error.where, "message": error.message})
    if as_json:
        typer.echo(msgspec.json.encode({"versions": count, "bad": bad}).decode())
    else:
        for line in bad:
            typer.echo(f"BAD  {line['where'] or line['model']}: {line['message']}")
        typer.echo(f"{count} versions checked, {len(bad)} models do not hold.")
    return RejectedError.exit_code if bad else 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``model`` commands."""
    group = typer.Typer(help="Models: registered, gated, approved, rolled back.", no_args_is_help=True)
    group.command("list")(guard(listing))
    for command in (
        show,
        register,
        promote,
        answer,
        approve,
        rollback,
        undo,
        retire,
        verify,
        export,
        health,
        probe,
        reproduce,
    ):
        group.command(command.__name__)(guard(command))
    group.command("train")(guard(train))
    group.command("adapt")(guard(adapt))
    return group
