"""``mumetal model train`` and ``adapt``: make the contrastive encoder, and fit it to a lab's own history without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core import LOCAL  # the watch gives models to the house's own streams only
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, seconds

if TYPE_CHECKING:
    from mumetal.app.models.training import Card

SETS = "SKAB,MSL,SMAP,NAB"


def train(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for the model, its card and the manifest.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="All randomness follows from it.")] = 0,
    steps: Annotated[int, typer.Option("--steps", min=1, max=100_000, help="Batches of training.")] = 2_000,
    count: Annotated[
        int, typer.Option("--backgrounds", min=8, max=100_000, help="Synthetic backgrounds to learn from.")
    ] = 1_200,
    contrast: Annotated[float, typer.Option("--contrast", min=0.0, help="Weight of the contrastive loss.")] = 0.2,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with <set>/<series>.npz: learn from their histories as well.")
    ] = None,
    sets: Annotated[str, typer.Option("--sets", help="Sets of --data, separated by commas.")] = SETS,
    as_json: JsonOption = False,
) -> int:
    """Train the encoder from synthetic telemetry and the twin, and write it as ONNX with its card; needs mumetal[train]."""
    from mumetal.app.models.training import backgrounds, write
    from mumetal.serve.cli import show
    from mumetal.watch.api import TrainingPlan, require_torch, train_encoder

    require_torch()
    if data is not None and not data.is_dir():
        raise BadInputError("there is no such folder", where=str(data), hint="needs <set>/<series>.npz")
    names = tuple(part.strip() for part in sets.split(",") if part.strip())
    with show.progress("") as progress:
        made = train_encoder(
            TrainingPlan(seed=seed, steps=steps, contrast=contrast), backgrounds(seed, count, data, names), progress
        )
    command = (
        f"mumetal model train --seed {seed} --steps {steps} --backgrounds {count} --contrast {contrast:g} --out DIR"
    )
    card = write(out, made, command if data is None else f"{command} --data DIR --sets {','.join(names)}")
    typer.echo(msgspec.json.encode(card).decode() if as_json else as_text(card, out))
    return 0


def as_text(card: "Card", out: Path) -> str:
    """Say what was made and how well it does."""
    h = card.held_out
    lines = [
        f"wrote {out}: {card.bytes:,} bytes, sha256 {card.model[:12]}",
        f"  learnt from {sum(lot.windows for lot in card.data):,} windows of"
        f" {sum(lot.backgrounds for lot in card.data):,} backgrounds, seed {card.seed}, {card.steps:,} batches",
        f"  held out ({h.backgrounds} backgrounds, {h.windows:,} windows): AUC {h.auc:.3f},"
        f" {h.recall:.0%} caught at {h.false_alarm:.0%} false alarms",
        "  by kind: "
        + ", ".join(f"{kind} {share:.0%}" for kind, share in sorted(h.by_kind.items(), key=lambda p: -p[1])),
        f"  a step of {card.power_step:g} deviations over 32 rows of white noise is caught in 80% of cases",
        "Try it beside its peers with `mumetal bench watch --encoder " + str(out) + " --data DIR`.",
    ]
    return "\n".join(lines)


def adapt(
    device: Annotated[str, typer.Argument(help="The device.")],
    stream: Annotated[str, typer.Argument(help="Its stream.")],
    *,
    lasting: Annotated[str, typer.Option("--lasting", help="How far back to learn from, such as 7d.")] = "7d",
    undo: Annotated[
        bool, typer.Option("--undo", help="Forget what was learnt; modes come from each history again.")
    ] = False,
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Learn a stream's operating modes from its own stored rows, without labels, and watch it with the encoder from then on."""
    from mumetal.app import wiring
    from mumetal.app.models.adapting import forget, history, keep
    from mumetal.app.models.encoders import shipped

    chosen = wiring.load(settings, wiring.Overrides(store=store))
    folder = Path(chosen.store.directory)
    if undo:
        path = forget(folder, LOCAL, device, stream)
        typer.echo(msgspec.json.encode({"removed": str(path)}).decode() if as_json else f"removed {path}")
        return 0
    rows = history(folder, chosen.store, LOCAL, device, stream, seconds(lasting))
    found, path = keep(folder, shipped(), rows)
    if as_json:
        typer.echo(msgspec.json.encode({"adapted": found, "path": str(path)}).decode())
    else:
        typer.echo(f"learnt {len(found.prototypes)} modes of {device}/{stream} from {found.rows:,} rows: {path}")
        typer.echo(
            "From its next start on, `mumetal up` watches this stream with the encoder as well. Undo with `--undo`."
        )
    return 0
