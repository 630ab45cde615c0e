"""Judges each calibration that somebody wrote by what its platform's authors have done before."""

import math
from collections.abc import Sequence
from urllib.parse import quote

import numpy as np

from mumetal.core.artefact import Evidence
from mumetal.core.event import Event
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.snapshot import MAX_PARAMETERS, VERIFIED, DeviceSnapshot
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power
from mumetal.watch.authored.figures import Moves
from mumetal.watch.authored.habits import BARE, EDITED, FEW, LEARNT, MORE, PRAISED, Habits, Signs
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import shares

EDIT, REPORT = "impair.config_edit", "impair.calibration_misreport"
STREAM = "calibration"
REWRITTEN, UNREADABLE = "history.rewritten", "calibration.unreadable"
SHOWN = 6
MOST_KEPT = 4 * MAX_PARAMETERS  # figures of a platform, with those that have vanished
LIKE = 0.75  # change of confidence for each nat beyond the limit: twice as likely for about one


class CommitMonitor:
    """One platform: its state, its authors' habits, and a finding for each commit that stands out.

    Every commit is judged once, in the order in which the line took them, and learnt from. What may have an
    innocent reason, such as a ticket, is left to the causes.
    """

    info = PluginInfo(
        plugin_id="watch.authored.commits",
        title="A commit changes a calibration unlike its authors do",
        reference="QTrojan, arXiv:2302.08090; tuned on half of 7 platforms of qiboteam/qibolab_platforms_qrc",
        techniques=(EDIT, REPORT),
        min_history=LEARNT,
    )

    saved = ("_habits", "_state", "last_ns", "channels", "rate_hz", "score")

    def __init__(self) -> None:
        self._habits = Habits()
        self._state: dict[str, float] = {}
        self.last_ns = 0
        self.channels = 0
        self.rate_hz = 0.0
        self.score = 0.0

    @property
    def state(self) -> str:
        """``"learning"`` until twenty commits that change a figure are known, then ``"watching"``."""
        return "learning" if self._habits.commits < LEARNT else "watching"

    @property
    def reason(self) -> str:
        """Why it is not simply watching."""
        return f"learning: {self._habits.commits} of {LEARNT} commits" if self.state == "learning" else ""

    def remember(self, snapshots: Sequence[DeviceSnapshot]) -> None:
        """Learn from stored commits, oldest first, without judging them."""
        for snapshot in snapshots:
            moves = self._moves(snapshot)
            if moves:
                self._habits.learn(snapshot.authors, moves)

    def observe(self, snapshot: DeviceSnapshot) -> list[Finding]:
        """Judge one commit; one that was seen, or changes no figure, says nothing."""
        if snapshot.t_ns <= self.last_ns:
            return []
        before, known = self._state, self._habits.commits
        moves = self._moves(snapshot)
        if not moves:
            return []
        signs = self._habits.judge(snapshot.authors, moves)
        written = [self._habits.written(a) for a in snapshot.authors]
        self._habits.learn(snapshot.authors, moves)
        self.score = min(1.0, signs.score) if known >= LEARNT else 0.0
        if not before or known < LEARNT or signs.score < 1:
            return []
        return [_finding(snapshot, moves, signs, written, known)]

    def _moves(self, snapshot: DeviceSnapshot) -> Moves:
        """Return what a snapshot changes, and take it as the state; a figure that vanishes keeps its last value in it."""
        before = self._state
        now = {p.channel: p.value for p in snapshot.parameters if math.isfinite(p.value)}
        if self.last_ns:
            self.rate_hz = 1e9 / max(1, snapshot.t_ns - self.last_ns)
        kept = before if len(before) < MOST_KEPT else {}
        self._state, self.last_ns, self.channels = kept | now, snapshot.t_ns, len(now)
        return {c: (before[c], v) for c, v in now.items() if c in before and before[c] != v}

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Fewest figures that an attack must change to stand out.

        ``conditions``: ``samples`` past changes of such pulses (of lifetimes and fidelities: any), ``channels`` reported figures.
        """
        if technique == EDIT:
            nats = -math.log(FEW / (conditions.samples + MORE)) + 2 * BARE
            if nats < EDITED:
                least = math.ceil(FEW * math.exp(EDITED - 2 * BARE) - MORE)
                return blind(self.info, technique, "figures", f"needs {least} commits that changed such pulses")
            reason = "pulses changed like no past change of them, with nothing measured beside; a copy of a whole habit is not seen"
            return Power(technique=technique, smallest=1.0, bound=1.0, unit="figures", reason=reason)
        if technique == REPORT:
            least = math.ceil(PRAISED + math.sqrt(PRAISED**2 + 2 * PRAISED))
            if conditions.channels < least:
                return blind(
                    self.info, technique, "figures", f"needs {least} lifetimes and fidelities, all moved one way"
                )
            reason = f"so many better, or worse, in one commit: z²/2 = {PRAISED:g} nats; fewer where they come without what they rest on"
            return Power(technique=technique, smallest=float(least), bound=float(least), unit="figures", reason=reason)
        return blind(self.info, technique, "figures", "compares what commits change with what they did before")


def _finding(snapshot: DeviceSnapshot, moves: Moves, signs: Signs, written: list[int], known: int) -> Finding:
    praised = signs.praised / PRAISED > signs.edited / EDITED
    names = tuple(signs.carried)
    carried = shares(names, np.array([signs.carried[n] for n in names]), "own-score")
    who = ", ".join(snapshot.authors[:3]) or "nobody named"
    commit = snapshot.revision[:12]
    nats, limit = (signs.praised, PRAISED) if praised else (signs.edited, EDITED)
    beyond = max(0.0, nats - limit * signs.limit)
    if praised:
        way = "better" if signs.better > 0 else "worse"
        title = f"Lifetimes and fidelities of {snapshot.device} got {way} together in one commit"
        seen = (
            f"{signs.reported} of them moved, {abs(signs.better):.1f} deviations more of them {way} than chance makes."
        )
        remedy = "Measure some of the figures named anew, beside the commit; until then do not schedule by them."
    else:
        title = f"Pulses of {snapshot.device} were changed unlike its authors do"
        bare = (
            "what is usually measured was written beside them",
            "little of what is usually measured there was written beside them",
            "the commit holds next to nothing of what is usually measured",
        )[round(signs.bare)]
        seen = f"Of about {signs.of:.0f} past changes of such pulses, {signs.like:.1f} were made like this; {bare}."
        remedy = "Ask the author for the measurement behind it, and play what the commit before says until it is there."
    times = [f"{a}: {n} of {known}" for a, n in zip(snapshot.authors[:3], written, strict=False)]
    shown = [a.channel for a in carried][:SHOWN]
    figures = "; ".join(f"{c} {moves[c][0]:.9g} → {moves[c][1]:.9g}" for c in shown)
    rest = len(moves) - len(shown)
    detail = (
        f"Commit {commit} by {who} changed {figures}{f' and {rest} more figures' if rest else ''}. {seen} "
        f"Commits of this platform before: {', '.join(times)}. {nats:.1f} nats of surprise, {limit * signs.limit:.1f} is the limit."
    )
    stranger = any(not n for n in written) and not any(a.endswith(VERIFIED) for a in snapshot.authors)
    return Finding(
        tenant=snapshot.tenant,
        subject=Subject.stream(snapshot.device, STREAM),
        rule=CommitMonitor.info.plugin_id,
        title=title[:300],
        detail=detail[:4_000],
        remedy=remedy,
        start_ns=snapshot.t_ns,
        stop_ns=snapshot.t_ns + 1,
        severity=Severity.HIGH if praised or stranger else Severity.MEDIUM,
        confidence=1 / (1 + math.exp(-LIKE * beyond)),
        attribution=carried,
        techniques=(REPORT,) if praised else (EDIT,),
        evidence=(
            Evidence(
                uri=f"snapshot:{quote(snapshot.device, safe='')}?t={snapshot.t_ns}",
                note=f"the figures after commit {commit}",
            ),
            Evidence(
                uri=f"{snapshot.provenance or f'git:{snapshot.revision}'}"[:4_000], note=f"git show {snapshot.revision}"
            ),
        ),
    )


def record_finding(event: Event, known: bool) -> Finding | None:
    """Return what a record of a repository's history means by itself; None for an ordinary one.

    Args:
        event: The record.
        known: Whether the device's calibrations were read before.
    """
    commit = event.attribute("commit")[:12]
    techniques: tuple[str, ...] = (EDIT,)
    if event.activity == REWRITTEN:
        title = "The history of a calibration repository was rewritten"
        detail = (
            f"The line held commit {event.attribute('before')[:12]}, which was read, and now ends in {commit} without it. "
            f"Written by {event.attribute('written_by') or event.actor or 'nobody named'}. What stands now is judged as one change."
        )
        remedy = "Ask who forced the push and why; compare both tips (git diff), and protect the branch against it."
        severity, confidence, techniques = Severity.HIGH, 0.6, (EDIT, REPORT)
    elif event.activity == UNREADABLE and known:
        title = f"A commit made the calibration of {event.device} unreadable"
        detail = f"Commit {commit} by {event.actor or 'nobody named'}: {event.resource} cannot be read, so nothing in it is judged."
        remedy = "See quarantine for what is wrong with it, and play what the commit before says."
        severity, confidence = Severity.MEDIUM, 0.7
    else:
        return None
    return Finding(
        tenant=event.tenant, subject=Subject.stream(event.device, STREAM), rule="watch.authored.history", title=title[:300],
        detail=detail[:4_000], remedy=remedy, start_ns=event.t_ns, stop_ns=event.t_ns + 1, severity=severity,
        confidence=confidence, techniques=techniques,
        evidence=(Evidence(uri=f"event:{event.event_id}", note=event.activity),),
    )  # fmt: skip
