"""What one run over labelled series and attacked calibrations says: as tables, and as figures of the bars."""

from bench.figure import Figure, Ground, figure_of
from bench.watch.equal_recall import Injected
from bench.watch.evaluate import Report, Summary
from bench.watch.peers import OURS_NAME
from mumetal.watch.training.public_series import PUBLIC

Three = tuple[float, float, float]


def as_text(report: Report) -> str:
    """Return the report as Markdown tables."""
    lines: list[str] = []
    if report.figures:
        lines += _series(report)
    if report.injected:
        lines += ["", *_calibrations(report)] if lines else _calibrations(report)
    if report.missing:
        lines += ["", f"Not installed, so not run: {', '.join(report.missing)} (`pip install 'mumetal[train]'`)."]
    return "\n".join(lines)


def _series(report: Report) -> list[str]:
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


def _calibrations(report: Report) -> list[str]:
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


def _row(s: Summary) -> str:
    return f"| {s.contender} | {s.vus_pr:.3f} | {_signed(s.gain)} | {_share(s.less_50)} | {_share(s.less_90)} |"


def _share(three: Three) -> str:
    return f"{three[0]:+.0%} [{three[1]:+.0%}, {three[2]:+.0%}]"


def _signed(three: Three) -> str:
    return f"{three[0]:+.3f} [{three[1]:+.3f}, {three[2]:+.3f}]"


def figures_of(
    report: Report, ground: Ground = "real", bars: tuple[str, str, str, str] = ("D1", "D2", "D3", "D7")
) -> list[Figure]:
    """Return the figures of all contenders; a goal stands beside ours alone, and is met over all four public sets only.

    Args:
        report: What a run found.
        ground: Whose data the series are.
        bars: The bars of ranking, of false alerts at equal recall, of the label-free threshold, and of the ablation.
    """
    rank, false, budget, ablation = bars
    figures: list[Figure] = []
    for f in report.figures:
        of = f"{f.contender}, {f.set_name}"
        figures.append(figure_of(rank, f"VUS-PR, {of}", f.vus_pr, span=(f.low, f.high), n=f.series, ground=ground))
        if f.budget_recall == f.budget_recall:
            figures += [
                figure_of(budget, f"label-free recall, {of}", f.budget_recall, n=f.events, ground=ground),
                figure_of(budget, f"realised over stated budget, {of}", f.budget_ratio, n=f.series, ground=ground),
            ]
    whole = {f.set_name for f in report.figures} >= set(PUBLIC)
    n = sum(f.series for f in report.figures) // max(1, len(report.summaries))
    for s in report.summaries:
        goal = s.contender == OURS_NAME and whole
        figures += [
            figure_of(
                rank, f"VUS-PR, mean over the sets, {s.contender}", s.vus_pr, n=n, ground=ground,
                goal="≥ .60" * goal, least=0.6 if goal else None,
            ),
            *(
                figure_of(
                    false, f"false alerts over static limits', less one, at {recall} recall, {s.contender}", less[0],
                    span=less[1:], n=n, ground=ground, goal="−62%, interval below 0" * goal,
                    met=less[0] <= -0.62 and less[2] < 0 if goal else None,
                )
                for recall, less in (("50%", s.less_50), ("90%", s.less_90))
            ),
        ]  # fmt: skip
    for a in report.ablations:
        for recall, more in (("50%", a.more_50), ("90%", a.more_90)):
            figures.append(
                figure_of(
                    ablation, f"false alerts without the encoder, less one, at {recall} recall, {a.contender}", more[0],
                    span=more[1:], n=n, ground=ground, goal="≥ +20%" * whole, least=0.2 if whole else None,
                )
            )  # fmt: skip
    return figures + [one for i in report.injected for one in injected_figures(i, i.background)]


def injected_figures(one: Injected, where: str) -> list[Figure]:
    """Return false alerts at equal recall of one attack that was put into real calibrations, against limits and best peer."""
    of = f"{where}, {one.attack} {one.strength:g}, at {one.recall:.0%} recall"
    rows = (("±30%", one.limits, -0.9, "−90%"), (f"the best generic peer, {one.peer}", one.against_peer, -0.62, "−62%"))
    return [
        figure_of(
            "D4", f"false alerts over those of {name}, less one, {of}", three[0], span=three[1:], n=one.attacks,
            goal=f"{goal}, interval below 0", met=three[0] <= most and three[2] < 0, ground="injected",
        )
        for name, three, most, goal in rows
    ]  # fmt: skip
