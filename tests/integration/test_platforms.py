"""A real repository, from its first commit to a forced push, through the source, the store, the watchers and the pages."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.platform_repository import Lab

from mumetal.app import wiring
from mumetal.app.replay import Replayed, replay
from mumetal.app.settings import Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.connect.sources import open_source
from mumetal.core.clock import SystemClock
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.incident import IncidentState
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.respond.triage import Inventory
from mumetal.serve.cli.watch.recognised import specs_of
from mumetal.trust.ledger import opening as ledgers

ORDINARY = 45
COMMITS = "watch.authored.commits"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "lab")
    for _ in range(ORDINARY):
        made.recalibrate()
    return made


def look(lab: Lab, scratch: Path, options: str = "") -> Replayed:
    scratch.mkdir(parents=True)
    source = open_source(specs_of(str(lab.folder))[0] + options)
    try:
        return replay(Settings(), Inventory(), [source], scratch, lambda what, rows: None)
    finally:
        source.close()


def judged(done: Replayed, rule: str = COMMITS) -> list[Finding]:
    return [f for f in done.findings if f.rule == rule]


def test_an_ordinary_history_is_quiet_and_an_edit_in_it_is_found_with_its_commit_and_author(
    lab: Lab, tmp_path: Path
) -> None:
    assert specs_of(str(lab.folder)) == [f"platforms:{lab.folder}"]
    assert not judged(look(lab, tmp_path / "quiet"))
    edit = lab.edit()
    for _ in range(3):
        lab.recalibrate()
    (finding,) = judged(look(lab, tmp_path / "after"))
    assert edit[:12] in finding.detail
    assert "ana@lab" in finding.detail
    assert "next to nothing of what is usually measured" in finding.detail
    assert finding.device == "chip"
    assert finding.techniques == ("impair.config_edit",)
    assert [a.channel for a in finding.attribution] == ["q2.RX.amplitude"]
    assert edit in finding.evidence[1].note
    refused = next(c for c in finding.causes if c.cause.endswith("authorised_recalibration"))
    assert not refused.explained
    assert refused.evidence[0].uri == f"event:{edit}:write:chip"


def test_figures_that_all_got_better_together_are_found(lab: Lab, tmp_path: Path) -> None:
    lab.praise()
    (finding,) = judged(look(lab, tmp_path / "s"))
    assert finding.techniques == ("impair.calibration_misreport",)
    assert "better together" in finding.title
    assert all("T1" in a.channel or "T2" in a.channel or "fidelity" in a.channel for a in finding.attribution)


def test_a_ticket_counts_only_from_a_verified_signer(lab: Lab, tmp_path: Path) -> None:
    for who in ("ana", "mallory"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / who)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"ana@lab {(tmp_path / 'ana.pub').read_text()}")
    ticket = "tune\n\nChange-Ticket: CHG-7\nChannels: q2.RX.amplitude\nMax-Relative-Change: 0.1"
    states = {}
    for who in ("mallory", "ana"):
        lab.parameters["native_gates"]["single_qubit"]["2"]["RX"]["amplitude"] *= 1.05
        key = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / who}.pub", "-c", "commit.gpgSign=true")
        commit = lab.commit("ana@lab", ticket, key)
        done = look(lab, tmp_path / f"by-{who}", f"?signers={signers}")
        (finding,) = [f for f in judged(done) if commit in f.evidence[1].note]
        states[who] = next(i.state for i in done.incidents if finding.finding_id in i.findings)
        assert ("(verified)" in finding.detail) == (who == "ana")
    assert states == {"mallory": IncidentState.OPEN, "ana": IncidentState.EXPLAINED}
    assert all(not f.causes[0].explained for f in judged(look(lab, tmp_path / "unchecked")))


def test_a_forced_push_is_told_and_what_stands_now_is_judged_as_one_change(lab: Lab, tmp_path: Path) -> None:
    source = open_source(f"platforms:{lab.folder}")
    first = source.poll("", 10**9)
    lost = lab.git("rev-parse", "HEAD")
    lab.git("reset", "-q", "--hard", "HEAD~4")
    new = lab.edit(1.2, "mallory@lab")
    again = source.poll(first.cursor, 10**9)
    told, written, snapshot = again.data
    assert isinstance(told, Event)
    assert isinstance(written, Event)
    assert isinstance(snapshot, DeviceSnapshot)
    assert (told.activity, told.attribute("before"), told.attribute("commit")) == ("history.rewritten", lost, new)
    assert snapshot.revision == new
    assert snapshot.authors == ("mallory@lab",)
    assert snapshot.t_ns > max(d.t_ns for d in first.data if isinstance(d, DeviceSnapshot))
    assert source.poll(again.cursor, 10**9).data == ()


@contextmanager
def built(settings: Settings) -> Iterator[Stack]:
    """A stack that does not run yet."""
    folder, clock = Path(settings.store.directory), SystemClock()
    with ledgers.opened(folder, clock) as ledger, wiring.opened_stores(settings, clock) as stores:
        yield wiring.build(settings, clock, ledger, stores)


def test_the_running_stack_follows_new_commits_and_a_restart_goes_on_where_it_was(lab: Lab, tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(directory=str(tmp_path / "store")))

    def up(commit: str) -> list[Finding]:
        """Run the stack until it has read ``commit``, made while it runs; returns what was found by then."""
        clock = SystemClock()
        read = wiring.on(settings, tmp_path / "store", [f"platforms:{lab.folder}"])
        with built(read) as stack, stack:
            made = lab.edit() if commit == "edit" else lab.recalibrate()
            for _ in range(600):
                snapshots = stack.snapshots("local", "chip", 1)
                if snapshots and snapshots[-1].revision == made:
                    break
                clock.sleep(0.1)
            else:
                pytest.fail("the commit was never read")
        with built(settings) as again:
            found = [f for i in again.incidents("local") for f in again.findings("local", i.findings)]
            assert again.store.calibrated() == [("local", "chip")]
            with again:
                assert [s.stream for s in again.overview("local").streams if s.device == "chip"] == ["calibration"]
        return [f for f in found if f.rule == COMMITS]

    assert not up("ordinary")
    (finding,) = up("edit")  # learnt from the store: this process read one commit only
    assert "of 45." in finding.detail
    assert len(up("ordinary")) == 1
