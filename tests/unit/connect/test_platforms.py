"""What a repository may do that an honest one does not, and what an honest one does that is not a straight line."""

from pathlib import Path

import pytest
from tests.platform_repository import HOUR, T0, Lab

from mumetal.connect.sources import open_source
from mumetal.connect.sources.platforms import PlatformsSource
from mumetal.connect.sources.spec import parse_spec
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.snapshot import DeviceSnapshot


def events(delivery: Delivery) -> list[Event]:
    return [d for d in delivery.data if isinstance(d, Event)]


def snapshots(delivery: Delivery) -> list[DeviceSnapshot]:
    return [d for d in delivery.data if isinstance(d, DeviceSnapshot)]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "lab")
    made.commit()
    return made


def read(lab: Lab, cursor: str = "", options: str = "") -> Delivery:
    return open_source(f"platforms:{lab.folder}{options}").poll(cursor, 10**9)


def test_a_commit_is_an_event_and_then_a_snapshot_of_both_files(lab: Lab) -> None:
    written, snapshot = read(lab).data
    assert isinstance(written, Event)
    assert isinstance(snapshot, DeviceSnapshot)
    assert (written.activity, written.device, written.actor) == ("calibration.write", "chip", "ana@lab")
    assert written.attribute("commit") == snapshot.revision == lab.git("rev-parse", "HEAD")
    assert written.attribute("signature") == "none"
    assert written.t_ns == snapshot.t_ns == (T0 + HOUR) * 10**9
    names = {p.channel for p in snapshot.parameters}
    assert {"q0.RX.amplitude", "q0.T1", "pair.0_1.cz_fidelity"} <= names
    assert snapshot.authors == ("ana@lab",)


def test_commits_that_change_no_platform_say_nothing(lab: Lab) -> None:
    first = read(lab)
    (lab.folder / "README").write_text("hello")
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "words")
    later = read(lab, first.cursor)
    assert not later.data
    assert later.cursor != first.cursor


def test_a_merge_is_one_step_and_names_all_who_wrote_it(lab: Lab) -> None:
    first = read(lab)
    lab.git("checkout", "-q", "-b", "side")
    lab.recalibrate("bo@lab")
    lab.recalibrate("cy@lab")
    lab.git("checkout", "-q", "main")
    (lab.folder / "README").write_text("hello")
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "words")
    lab.git("merge", "-q", "--no-ff", "-m", "take it", "side", author="hub@lab")
    (written,), (snapshot,) = events(read(lab, first.cursor)), snapshots(read(lab, first.cursor))
    assert set(snapshot.authors) >= {"bo@lab", "cy@lab"}
    assert written.actor == "hub@lab"
    assert "bo@lab, cy@lab" in written.attribute("written_by")


def test_times_never_go_back_and_what_a_commit_claims_is_kept(lab: Lab) -> None:
    lab.seconds -= 10 * HOUR
    lab.recalibrate()
    lab.seconds += 90_000 * HOUR
    lab.recalibrate()
    source = PlatformsSource(parse_spec(f"platforms:{lab.folder}"), ManualClock((T0 + 100 * HOUR) * 10**9))
    first, back, ahead = events(source.poll("", 10**9))
    assert (back.t_ns, ahead.t_ns) == (first.t_ns + 1, first.t_ns + 2)
    assert int(back.attribute("dated")) < T0 < T0 + 1_000 * HOUR < int(ahead.attribute("dated"))
    assert not first.attribute("dated")


def test_a_file_that_cannot_be_read_is_told_and_the_rest_goes_on(lab: Lab) -> None:
    first = read(lab)
    (lab.folder / "chip/parameters.json").write_text("{")
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "oops")
    broken = read(lab, first.cursor)
    assert [e.activity for e in events(broken)] == ["calibration.unreadable"]
    assert "not JSON" in broken.quarantined[0].reason
    lab.recalibrate()
    assert len(snapshots(read(lab, broken.cursor))) == 1


def test_a_link_is_not_followed_and_a_platform_that_goes_is_told(lab: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text((lab.folder / "chip/parameters.json").read_text())
    (lab.folder / "linked").mkdir()
    (lab.folder / "linked/parameters.json").symlink_to(secret)
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "link")
    first = read(lab)
    assert {e.device for e in events(first)} == {"chip"}
    lab.git("rm", "-rq", "chip")
    lab.git("commit", "-q", "-m", "gone")
    (gone,) = events(read(lab, first.cursor))
    assert (gone.activity, gone.device) == ("calibration.delete", "chip")


def test_a_tip_that_was_rewritten_and_collected_is_still_noticed(lab: Lab) -> None:
    lab.recalibrate()
    first = read(lab)
    lost = lab.git("rev-parse", "HEAD")
    lab.git("checkout", "-q", "--orphan", "fresh")
    lab.git("commit", "-q", "-m", "anew")
    lab.git("branch", "-q", "-M", "fresh", "main")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    told, written = events(read(lab, first.cursor))
    assert (told.activity, told.attribute("before")) == ("history.rewritten", lost)
    assert written.activity == "calibration.write"


def test_nothing_the_repository_names_is_run(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    (lab.folder / ".gitattributes").write_text("*.json filter=evil diff=evil\n")
    names = (
        "core.fsmonitor", "core.pager", "pager.log", "diff.external", "diff.evil.command", "diff.evil.textconv",
        "filter.evil.clean", "filter.evil.smudge", "gpg.program", "gpg.ssh.program", "core.sshCommand", "core.alternateRefsCommand",
    )  # fmt: skip
    lab.recalibrate()
    for name in names:
        lab.git("config", name, str(program))
    lab.git("config", "log.showSignature", "true")
    signers = tmp_path / "signers"
    signers.write_text("")
    assert len(snapshots(read(lab, options=f"?signers={signers}"))) == 2
    assert not mark.exists()


def test_one_folder_one_branch_and_names_of_devices(lab: Lab) -> None:
    lab.git("checkout", "-q", "-b", "other")
    lab.recalibrate()
    lab.git("checkout", "-q", "main")
    assert len(snapshots(read(lab, options="?branch=other"))) == 2
    assert len(snapshots(read(lab, options="?branch=main"))) == 1
    assert {s.device for s in snapshots(read(lab, options="?device=north"))} == {"north.chip"}
    inside = open_source(f"platforms:{lab.folder / 'chip'}").poll("", 10**9)
    assert {s.device for s in snapshots(inside)} == {"chip"}
    bare = lab.folder.parent / "bare.git"
    lab.git("clone", "-q", "--bare", ".", str(bare))
    assert len(snapshots(open_source(f"platforms:{bare}").poll("", 10**9))) == 1
    assert open_source(f"platforms:{lab.folder}?branch=other").name.endswith("?branch=other")


def test_a_folder_that_looks_like_another_is_another_device(lab: Lab) -> None:
    for folder in (".chip", "chip_", "ch.ip", "ch/ip", "lab"):
        (lab.folder / folder).mkdir(parents=True)
        (lab.folder / folder / "parameters.json").write_text((lab.folder / "chip/parameters.json").read_text())
    (lab.folder / "parameters.json").write_text((lab.folder / "chip/parameters.json").read_text())
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "twins")
    devices = [s.device for s in snapshots(read(lab))]
    assert len(devices) == 7 == len(set(devices))
    assert {"chip", "ch.ip", "lab", "lab:top"} <= set(devices)
    assert "lab:top" not in {s.device for s in snapshots(read(lab, options="?device=north"))}


def test_nobody_verifies_himself_by_his_name(lab: Lab) -> None:
    lab.recalibrate("ana@lab (verified)")
    assert [s.authors for s in snapshots(read(lab))] == [("ana@lab",), ("ana@lab (claimed)",)]


def test_what_cannot_be_read_says_what_to_do(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no commit is called 'nope' here") as wrong:
        read(lab, options="?branch=nope")
    assert "git branch --all" in wrong.value.hint
    (tmp_path / "plain").mkdir()
    with pytest.raises(UnavailableError, match="not a git repository") as away:
        open_source(f"platforms:{tmp_path / 'plain'}").poll("", 1)
    assert "point at a clone" in away.value.hint
    with pytest.raises(BadInputError, match="a folder is needed"):
        open_source(f"platforms:{lab.folder / 'chip/platform.py'}")
    with pytest.raises(BadInputError, match="no file of allowed signers"):
        read(lab, options=f"?signers={tmp_path / 'none'}")
    with pytest.raises(BadInputError, match="names no commit"):
        open_source(f"platforms:{lab.folder}").poll('["--exec=sh", 1]', 1)
