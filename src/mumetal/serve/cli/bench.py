"""``mumetal bench``: how well Mumetal does beside its peers, on data with labels."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli import bench_trust
from mumetal.serve.cli.options import JsonOption

if TYPE_CHECKING:
    from mumetal.watch.benchmark.evaluate import Report, Summary

CALIBRATIONS = "calibrations"
SetsOption = Annotated[
    str,
    typer.Option(
        "--sets",
        help=f"Sets, separated by commas; {CALIBRATIONS!r} are attacks injected into calibrations [default: SKAB, MSL, SMAP, NAB and these, those that are there].",
    ),
]
EncoderOption = Annotated[
    list[Path] | None,
    typer.Option("--encoder", help="Folder of a trained encoder [default: the shipped one]; more are added as rows."),
]


def watch(
    *,
    data: Annotated[
        Path,
        typer.Option("--data", help="Folder with <set>/<series>.npz, with qprov/ (daily calibrations), or with both."),
    ],
    sets: SetsOption = "",
    only: Annotated[str, typer.Option("--only", help="Contenders, separated by commas [default: all].")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many series per set; 0 for all.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap.")] = 0,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> int:
    """Score labelled series and attacked calibrations by our detectors and their peers in one run; print tables with intervals."""
    from mumetal.app.models.encoders import named, shipped
    from mumetal.watch.benchmark.chips import trials as chip_trials
    from mumetal.watch.benchmark.daily import trials as daily_trials
    from mumetal.watch.benchmark.equal_recall import compared
    from mumetal.watch.benchmark.evaluate import Report, run
    from mumetal.watch.benchmark.peers import contenders, ours
    from mumetal.watch.benchmark.sets import found, labelled

    detectors = ours(named(encoder) if encoder else {"shipped": shipped()})
    makes, missing = contenders(detectors)
    if only:
        wanted = [name.strip() for name in only.split(",")]
        unknown = [name for name in wanted if name not in makes]
        if unknown:
            raise BadInputError(f"no contender is called {unknown[0]!r}", hint=f"known: {', '.join(makes)}")
        makes = {name: makes[name] for name in wanted}
    series, there, daily = found(data)
    names = tuple(part.strip() for part in sets.split(",") if part.strip())
    names = names or (*there, *([CALIBRATIONS] if daily else []))
    if not names or (CALIBRATIONS in names and daily is None):
        raise BadInputError(
            "there is nothing to measure on" if not names else "there are no daily calibrations",
            where=str(data),
            hint="needs <set>/<series>.npz (name sets of your own with --sets) or the QPROV tables ibmq_athens_t1.csv and so on in qprov/",
        )
    chosen = tuple(name for name in names if name != CALIBRATIONS)
    report = Report(figures=(), summaries=(), missing=(), seed=seed)
    if chosen:
        report = run(makes, labelled(series, chosen, limit), detectors, missing, seed, _say)
    if CALIBRATIONS in names and daily is not None:
        trials = (*daily_trials(daily, _say), *chip_trials(_say))
        report = msgspec.structs.replace(report, injected=tuple(compared(trials, seed)))
    typer.echo(msgspec.json.encode(report).decode() if as_json else as_text(report))
    return 0


def scan(
    *,
    data: Annotated[Path | None, typer.Option("--data", help="Folder with labels.jsonl and files/ (S1).")] = None,
    tree: Annotated[Path | None, typer.Option("--tree", help="Folder of honest sources (S3, S4).")] = None,
    repo: Annotated[Path | None, typer.Option("--repo", help="Git repository whose history is read (S4).")] = None,
    peers: Annotated[
        Path | None, typer.Option("--peers", help="Virtual environment with the peers; without it, those on the path.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=50, help="Turns of each speed.")] = 3,
    as_json: JsonOption = False,
) -> int:
    """Measure the scan beside its peers in one run: recall, noise, speed, start; a peer that is missing is named."""
    from mumetal.scan.benchmark import measure
    from mumetal.scan.benchmark import peers as others

    for folder in (data, tree, repo):
        if folder is not None and not folder.is_dir():
            raise BadInputError("there is no such folder", where=str(folder))
    found, missing = others.peers(peers)
    tools = [others.ours(), *(t for t in found if t.secrets)]
    code = [others.ours("code"), *(t for t in found if not t.secrets)]
    _say("S5 start")
    rows = measure.start()
    rows += measure.quantum(tools, _say)
    if data:
        rows += measure.labelled(tools, data, _say)
    if tree:
        rows += measure.tree([*tools, *code], tree, repeats, _say)
    if repo:
        rows += measure.history(tools, repo, repeats, _say)
    if as_json:
        typer.echo(msgspec.json.encode({"rows": rows, "missing": missing}).decode())
        return 0
    typer.echo("| bar | measure | tool | figure | 95%, or least and most | n |\n|---|---|---|---|---|---|")
    for r in rows:
        span = "" if r.low != r.low else f"{r.low:.3g} to {r.high:.3g}"
        typer.echo(f"| {r.bar} | {r.what} | {r.tool} | {r.value:.3g} {r.unit} | {span} | {r.n:,} |")
    if missing:
        typer.echo(
            f"\nNot installed, so not run: {', '.join(missing)} (`uv pip install` them, or name them with --peers)."
        )
    return 0


def _say(what: str) -> None:
    typer.echo(what, err=True)


def as_text(report: "Report") -> str:
    """Return the report as Markdown tables."""
    lines: list[str] = []
    if report.figures:
        lines += _series(report)
    if report.injected:
        lines += ["", *_calibrations(report)] if lines else _calibrations(report)
    if report.missing:
        lines += ["", f"Not installed, so not run: {', '.join(report.missing)} (`pip install 'mumetal[train]'`)."]
    return "\n".join(lines)


def _series(report: "Report") -> list[str]:
    lines = [
        "| contender | set | series, events | VUS-PR [95%] | false alerts per 10k at 50% / 90% recall |"
        " label-free recall; realised / stated budget | rows per CPU-s |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in report.figures:
        budget = "–" if f.budget_recall != f.budget_recall else f"{f.budget_recall:.0%}; {f.budget_ratio:.1f}"
        lines.append(
            f"| {f.contender} | {f.set_name} | {f.series}, {f.events} | {f.vus_pr:.3f} [{f.low:.2f}, {f.high:.2f}] |"
            f" {f.false_50:.0f} / {f.false_90:.0f} | {budget} | {f.rows_per_s:,.0f} |"
        )
    lines += [
        "",
        "| contender | mean VUS-PR | against Sub-PCA [95%] | false alerts against static limits at 50% [95%] | at 90% |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(s) for s in report.summaries]
    if report.ablations:
        lines += [
            "",
            "| with its encoder | false alerts without it at 50% [95%] | at 90% | VUS-PR with it, difference |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {a.contender} | {_share(a.more_50)} | {_share(a.more_90)} | {_signed(a.volume)} |"
            for a in report.ablations
        ]
    return lines


def _calibrations(report: "Report") -> list[str]:
    lines = [
        "| injected into | attack | strength | attacks | found at our own limit [95%]; falsely | at recall |"
        " false: ours; ±30%; ±3σ; best generic peer | ours against ±30% [95%] | against that peer [95%] |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for i in report.injected:
        own, low, high = i.own_recall
        false = "; ".join(str(i.false[name]) for name in ("ours", "±30%", "±3σ"))
        lines.append(
            f"| {i.background} | {i.attack} | {i.strength:g} | {i.attacks} | {own:.2f} [{low:.2f}, {high:.2f}];"
            f" {i.own_false}/{i.quiet} | {i.recall:g} | {false}; {i.peer} {i.false[i.peer]} (of {i.quiet}) |"
            f" {_share(i.limits)} | {_share(i.against_peer)} |"
        )
    return lines


def _row(s: "Summary") -> str:
    return f"| {s.contender} | {s.vus_pr:.3f} | {_signed(s.gain)} | {_share(s.less_50)} | {_share(s.less_90)} |"


def _share(three: tuple[float, float, float]) -> str:
    return f"{three[0]:+.0%} [{three[1]:+.0%}, {three[2]:+.0%}]"


def _signed(three: tuple[float, float, float]) -> str:
    return f"{three[0]:+.3f} [{three[1]:+.3f}, {three[2]:+.3f}]"


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``bench`` commands."""
    group = typer.Typer(help="Measure Mumetal beside its peers.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("watch")(guard(watch))
    group.command("scan")(guard(scan))
    group.command("trust")(guard(bench_trust.trust))
    return group
