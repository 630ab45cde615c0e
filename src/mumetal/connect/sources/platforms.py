"""Calibrations that people write: the Qibolab-like platforms in a Git repository, commit by commit, and who wrote each.

Each commit that changes a platform's ``parameters.json`` or ``calibration.json`` becomes an event (who, which commit, signed or
not) and a snapshot of all figures as they stand after it. ``platform.py`` is a program and is never read. Nothing that the
repository names is run, and nothing is fetched: keep the clone fresh, or point at the repository that is pushed to.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mumetal.connect.sources.platform_history import PlatformHistory, Step
from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.tree import require
from mumetal.core.clock import Clock, SystemClock
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.snapshot import MAX_AUTHORS, VERIFIED
from mumetal.formats.git_commit import OBJECT_ID, Commit, printable
from mumetal.formats.qibolab import Authored, from_qibolab

MAX_STEPS = 256  # commits of one poll, so that a long history shows how far it is
LONGEST = 100  # characters of a folder's path that is a device's name as it is
AHEAD_NS = 300 * 10**9  # a commit dated farther in the future than this was not made then
MAX_FIGURES = 500_000  # of one commit; the platforms beyond are told as unreadable
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+@()-]*(?:/[A-Za-z0-9][A-Za-z0-9_+@()-]*)*")
OTHER = re.compile(r"[^A-Za-z0-9_+@()-]+")
WRITE, DELETE, REWRITTEN, UNREADABLE = (
    "calibration.write", "calibration.delete", "history.rewritten", "calibration.unreadable",
)  # fmt: skip


class _Cursor(msgspec.Struct, array_like=True):
    """The commit read last and the time it was given."""

    tip: str = ""
    last_ns: int = 0


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What one poll has read."""

    left: int
    last_ns: int
    data: list[Datum] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


class PlatformsSource:
    """Reads the history of a branch, oldest commit first, then each commit that follows.

    Times are the commits' own and never go back: one dated before the commit it follows, or in the future, is given the next
    moment after it, and its event keeps the date it claims. A platform is a device named after its folder.

    Args:
        spec: A folder of the repository (only platforms below it are read) or a bare repository, and options ``branch``
            (default ``HEAD``), ``signers``, ``tenant``, ``device`` (name of a platform at the top; a prefix for those in folders).
        clock: Tells what lies in the future.

    Raises:
        UnavailableError: There is no such folder.
        BadInputError: It is a file.
    """

    info = PluginInfo(
        plugin_id="connect.sources.platforms",
        title="Platforms in a Git repository",
        reference="Qibolab 0.1 and 0.2 platforms (qiboteam/qibolab_platforms_qrc), Git 2.39",
    )

    def __init__(self, spec: SourceSpec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._place = Path(spec.place)
        self._clock = clock or SystemClock()
        self._device = spec.device("platform") if "device" in spec.options else ""
        self._signers = Path(signers) if (signers := spec.option("signers")) else None
        require(self._place, folder=True)

    @property
    def name(self) -> str:
        """Name of this instance; another branch is another instance."""
        branch = self._spec.option("branch")
        mark = "&" if "?" in self._spec.name else "?"
        return self._spec.name + (f"{mark}branch={branch}" if branch else "")

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read the commits that follow the cursor's, whole ones, until about ``limit`` figures.

        Raises:
            UnavailableError: The folder is away, or is no repository now.
            BadInputError: The cursor is not this source's, or there is no such branch.
        """
        state = self._state(cursor)
        require(self._place, folder=True)
        history = PlatformHistory(self._place, self._spec.option("branch", "HEAD"))
        tip = history.tip()
        steps, more = history.steps(state.tip, tip, MAX_STEPS) if tip != state.tip else ([], False)
        batch = _Batch(left=max(1, limit), last_ns=state.last_ns)
        if not steps and not state.tip:
            batch.quarantined.append(Quarantined.of(f"git:{tip[:12]}", history.nothing(tip)))
        commits = history.commits([s.commit for s in steps])
        contents = history.contents(steps, batch.quarantined)
        before, done = state.tip, 0
        for step in steps:
            if batch.left <= 0:
                break
            self._step(history, step, before, commits.get(step.commit), contents, batch)
            before, done = step.commit, done + 1
        more = more or done < len(steps)
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=tuple(batch.data),
            quarantined=tuple(batch.quarantined),
            cursor=msgspec.json.encode(_Cursor(tip=before if more else tip, last_ns=batch.last_ns)).decode(),
            caught_up=not more,
        )

    def close(self) -> None:
        """Nothing is held between polls."""

    def _state(self, cursor: str) -> _Cursor:
        try:
            state = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        if state.tip and not OBJECT_ID.fullmatch(state.tip):
            raise BadInputError("the cursor cannot be used: it names no commit", where=self.name)
        return state

    def _step(
        self, history: PlatformHistory, step: Step, before: str, commit: Commit | None,
        contents: Iterator[dict[str, bytes]], batch: _Batch,
    ) -> None:  # fmt: skip
        """Take one commit; one whose object cannot be read is quarantined and its figures are taken all the same."""
        if commit is None:
            batch.quarantined.append(
                Quarantined.of(f"git:{step.commit[:12]}", "the commit cannot be read: nobody wrote it")
            )
        claimed = (commit.seconds if commit else 0) * 10**9
        now = self._clock.now_ns()
        t_ns = max(claimed if claimed <= now + AHEAD_NS else 0, batch.last_ns + 1)
        t_ns = t_ns if batch.last_ns or 0 < claimed <= now + AHEAD_NS else now
        batch.last_ns = t_ns
        facts = self._facts(history, step, before, commit)
        if t_ns != claimed and commit is not None:
            facts["dated"] = str(commit.seconds)
        authors = tuple(facts.pop("authors").split("\n"))
        written = Authored(authors=authors[:MAX_AUTHORS], revision=step.commit, t_ns=t_ns)
        if step.rewritten:
            batch.data.append(self._event(step, REWRITTEN, "-", "", written, facts | {"before": step.rewritten}))
        figures = 0
        for folder, files in zip(step.folders, contents, strict=False):
            device = self._device_of(folder)
            where = f"git:{step.commit[:12]}:{printable(folder)}"[:1_000]
            activity = WRITE if files else DELETE
            if figures > MAX_FIGURES:
                batch.quarantined.append(Quarantined.of(where, f"the commit holds more than {MAX_FIGURES} figures"))
                batch.data.append(self._event(step, UNREADABLE, device, folder, written, facts))
                continue
            try:
                if files:
                    snapshot, refused = from_qibolab(
                        files, written, tenant=self._spec.tenant, device=device, where=where
                    )
                    batch.data += [self._event(step, activity, device, folder, written, facts), snapshot]
                    batch.quarantined += refused
                    figures += len(snapshot.parameters)
                    continue
            except BadInputError as error:
                batch.quarantined.append(Quarantined.of(where, error.message))
                activity = UNREADABLE
            batch.data.append(self._event(step, activity, device, folder, written, facts))
        batch.left -= figures + 1

    def _facts(self, history: PlatformHistory, step: Step, before: str, commit: Commit | None) -> dict[str, str]:
        """Return what is known of a commit, the authors one a line; a ticket counts only from a verified signer."""
        if commit is None:
            return {"authors": "unknown", "commit": step.commit}
        many = step.rewritten or (len(commit.parents) > 1)
        since = step.rewritten or (before if before in commit.parents else commit.parents[0]) if many else ""
        brought = history.merged(step.commit, since) if many and history.knows(since) else []
        written = history.commits(brought) or {step.commit: commit}
        proven = history.verified([*written, step.commit], self._signers) if self._signers else {}
        who = {
            f"{proven[i]}{VERIFIED}" if i in proven else c.author.replace(VERIFIED.strip(), "(claimed)")
            for i, c in written.items()
        }
        facts = {
            "authors": "\n".join(sorted(who)),
            "commit": step.commit,
            "subject": commit.subject,
            "committer": commit.committer,
            "signature": commit.signature or "none",
            "verified": proven.get(step.commit, ""),
        }
        if len(who) > 1:
            facts["written_by"] = ", ".join(sorted(who))[:4_000]
        trust = "" if step.commit in proven else "claimed_"
        for key in ("change-ticket", "channels", "max-relative-change"):
            if said := commit.trailer(key):
                facts[trust + key.replace("-", "_")] = said
        return {k: v for k, v in facts.items() if v}

    def _event(
        self, step: Step, activity: str, device: str, folder: str, written: Authored, facts: dict[str, str]
    ) -> Event:
        actor = facts.get("verified") or (
            written.authors[0] if len(written.authors) == 1 else facts.get("committer", "")
        )
        return Event(
            tenant=self._spec.tenant,
            device=device,
            event_id=f"{step.commit}:{activity.rpartition('.')[2]}:{printable(folder)}"[:1_000],
            t_ns=written.t_ns,
            event_class=EventClass.DEVICE_CONFIG_CHANGE,
            activity=activity,
            actor=actor[:1_000],
            resource=printable(folder)[:1_000],
            status=Status.SUCCESS,
            attributes=tuple((k, v[:4_000]) for k, v in facts.items()),
            provenance=f"git:{step.commit}",
        )

    def _device_of(self, folder: str) -> str:
        """Return the device's name, which no other folder has: it could hide this one's figures behind its own."""
        if folder == ".":
            return self._device or f"{_plain(self._place.resolve().name.removesuffix('.git'))}:top"
        name = folder.replace("/", ".")
        if not PLAIN.fullmatch(folder) or len(folder) > LONGEST:
            digest = hashlib.sha256(folder.encode(errors="surrogateescape")).hexdigest()
            name = f"{_plain(folder)[:LONGEST]}.{digest[:12]}:path"
        return f"{self._device}.{name}" if self._device else name


def _plain(text: str) -> str:
    """Return what of a text may stand in a name."""
    return OTHER.sub("_", text).strip("_+@()-") or "platform"


def _open(spec: SourceSpec) -> Source:
    return PlatformsSource(spec)


FACTORY = SourceFactory(
    info=PlatformsSource.info,
    example="platforms:/srv/git/platforms?branch=main",
    options={
        "branch": "which line is followed, such as main or origin/main; the one checked out (HEAD) when left out",
        "signers": "file of allowed signers (ssh-keygen(1)): their signatures are checked, and their tickets count",
    },
    open=_open,
)
