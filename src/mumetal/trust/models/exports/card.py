"""A model card in Markdown (Mitchell et al. 2019, doi:10.1145/3287560.3287596): for a reader, made from what is signed."""

from mumetal.trust.models.manifest import Manifest
from mumetal.trust.models.record import Version
from mumetal.trust.models.refusals import Refusal
from mumetal.trust.models.report import GateReport


def card(manifest: Manifest, version: Version, report: GateReport | None) -> str:
    """Return the card. Text that people wrote is quoted, so that it cannot pass for a heading or a figure of ours."""
    lines = [
        f"# Model {manifest.name}",
        "",
        f"Version `{version.version}`, **{version.state.value}**. {manifest.kind.value}, {manifest.size} bytes, "
        f"SHA-256 `{manifest.sha256}`.",
        "",
        "## Purpose and owner",
        "",
        *_quoted(manifest.purpose),
        "",
        f"Owner: {_inline(manifest.owner)}. Trained by {_inline(manifest.trainer or 'nobody named')}, "
        f"registered by {_inline(version.registrant or 'somebody who was not kept')}. "
        + ("It can touch hardware: two people approve each step." if manifest.touches_hardware else
           "By its owner's word it cannot touch hardware; where it is wired decides beside that."),
        "",
        "## Where it comes from",
        "",
        f"Code `{_inline(manifest.code)}`, seeds {', '.join(map(str, manifest.seeds)) or 'none stated'}.",
        "",
        *(f"- {d.use}: {_inline(d.uri)}, SHA-256 `{d.digest}`" for d in manifest.data),
        *(f"- made from version `{p}`" for p in manifest.parents),
        "",
        "## Input",
        "",
        "| channel | unit | lowest | highest |",
        "|---|---|---|---|",
        *(f"| {_inline(i.channel)} | {_inline(i.unit)} | {i.lowest:g} | {i.highest:g} |" for i in manifest.inputs),
        "",
        "## Figures stated by the owner",
        "",
        *([f"- {_inline(m.name)}: {m.value:.6g}" for m in manifest.metrics] or ["None."]),
        "",
        "## What the gates measured",
        "",
        *_gates(report),
        "",
        "## Refusals",
        "",
        *([f"- {_inline(r.why)} ({_answer(r)})" for r in version.refusals] or ["None."]),
        "",
        "## Approvals",
        "",
        *([f"- {_inline(a.approver)}, for {a.target.value}" for a in version.approvals] or ["None."]),
        "",
        "## Limits",
        "",
        *_quoted(manifest.card or "None stated."),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _answer(refusal: Refusal) -> str:
    if not refusal.answered_by:
        return "nobody has answered"
    return f"answered by {_inline(refusal.answered_by)}: {_inline(refusal.answer)}"


def _gates(report: GateReport | None) -> list[str]:
    if report is None:
        return ["It has not passed the gates."]
    return [
        "| gate | word | why |",
        "|---|---|---|",
        *(
            f"| {_inline(o.gate)} | {'passed' if o.passed else 'refused'} | {_inline(o.reason)} |"
            for o in report.outcomes
        ),
    ]


def _quoted(text: str) -> list[str]:
    return [f"> {_inline(line)}" for line in text.splitlines() or [""]]


def _inline(text: str) -> str:
    """Keep a text on its line and its marks from meaning anything."""
    flat = " ".join(text.split())
    for mark in "\\`*_[]<>|#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
