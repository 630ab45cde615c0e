"""Where a lab demands it, no image is brought out without an approval that others signed; verdicts are on the ledger first."""

import json
from pathlib import Path

import pytest
from tests.people import who
from tests.unit.serve.test_firmware_commands import NEW, OLD, Site, run

from mumetal.app.firmware.operating import operating
from mumetal.core import LOCAL
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.firmware.book import Book
from mumetal.trust.keys import public as publics
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.signing.demand_setting import demand_of

PEOPLE = ("carol", "dave", "ann")
WHAT = ["--action", "firmware.rollout", "--resource", "firmware:gateware@2"]


class Lab:
    """A site whose settings demand two of three approvers, one of whom signs releases too."""

    def __init__(self, folder: Path) -> None:
        self.site, self.folder = Site(folder), folder
        for person in PEOPLE[:2]:
            run("keys", "new", folder / person, "--name", person, "--plain")
        self.pin = json.loads(self.root())["pin"]
        self.settings = folder / "mumetal.toml"
        self.settings.write_text(f'approvals = "{folder / "house"}?pin={self.pin}"\n')
        self.site.sign()

    def root(self, gone: str = "", *more: object) -> str:
        plan = self.folder / "house.toml"
        lost = "".join(f'[keys.{p}]\npublic = "{p}.pub"\n' + 'revoked = "lost"\n' * (p == gone) for p in PEOPLE)
        roles = "".join(
            f'[roles.{r}]\nowners = ["carol", "dave", "ann"]\nthreshold = {n}\n'
            for r, n in (("root", 1), ("approval", 2))
        )
        plan.write_text(lost + roles)
        signed = [w for p in PEOPLE if p != gone for w in ("--sign", f"file:{self.folder / p}")]
        return run("keys", "root", plan, "--roots", self.folder / "house", *signed, *more, "--json")

    def approve(self, *people: str, lasting: str = "1d") -> None:
        signed = [w for p in people for w in ("--sign", f"file:{self.folder / p}")]
        run("keys", "approve", self.site.image, *WHAT, "--why", "tried on a spare", "--for", lasting, *signed)

    def rollout(self, code: int = 0) -> str:
        words = ["--settings", self.settings, "--approval", f"{self.site.image}.approval"]
        return self.site.rollout(*words, code=code)

    def entries(self) -> list[LedgerEntry]:
        return entries(self.folder)


def entries(folder: Path) -> list[LedgerEntry]:
    return [e for _, e in LedgerReader(folder / "state" / "ledger").entries(0, 1_000)]


def test_a_rollout_needs_the_approval_of_others_over_just_these_bytes(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    said = lab.site.rollout("--settings", lab.settings, code=4)
    assert "--action firmware.rollout --resource firmware:gateware@2" in said
    lab.approve("carol")
    assert "1 of 2" in lab.rollout(4)
    lab.approve("carol", "ann")
    assert "1 of 2" in lab.rollout(4), "who signed the release does not approve its rollout"
    lab.approve("carol", "dave", lasting="1ms")
    assert "step 5" in lab.rollout(4)
    lab.site.image.write_bytes(OLD)
    lab.approve("carol", "dave")
    lab.site.image.write_bytes(NEW)
    assert "step 4" in lab.rollout(4)
    assert {p.read_bytes() for p in lab.site.boards} == {OLD}
    assert {(e.action, e.outcome) for e in lab.entries()} == {("firmware.rollout", "denied")}
    lab.approve("carol", "dave")
    lab.rollout()
    assert {p.read_bytes() for p in lab.site.boards} == {NEW}
    begun = next(i for i, e in enumerate(lab.entries()) if (e.action, e.outcome) == ("firmware.rollout", ""))
    for person in ("carol", "dave"):
        _, key = publics.decode((tmp_path / f"{person}.pub").read_bytes(), person)
        assert f"{person} (key {key.key_id[:16]})" in lab.entries()[begun].why
    assert begun < next(i for i, e in enumerate(lab.entries()) if e.action == "firmware.install")
    assert "done" in [e.outcome for e in lab.entries() if e.action == "firmware.rollout"]


def test_a_revoked_key_approves_nothing_any_more(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.approve("carol", "dave")
    lab.root("dave", "--pin", lab.pin)
    assert "only 1 of 2 owners" in lab.rollout(4)


def test_the_setting_is_read_strictly() -> None:
    assert demand_of("") is None
    for bad in ("roots", "roots?role=x", "?pin=1", "roots?pin=1&other=2"):
        with pytest.raises(BadInputError, match="ROOTS"):
            demand_of(bad)
    found = demand_of("nowhere?pin=1&role=house")
    assert found is not None
    assert found.role == "house"
    with pytest.raises(UnavailableError, match="no trust root"):
        found.root(1)


def test_a_board_that_changed_is_on_the_ledger_and_one_that_did_not_is_not(tmp_path: Path) -> None:
    site = Site(tmp_path)
    look = ["firmware", "inventory", site.fleet, *site.trust, *site.state]
    for _ in range(2):
        run(*look, code=1)
        found = [(e.action, e.subject, e.outcome[:4]) for e in entries(tmp_path)]
        assert found == [("firmware.record", f"rack{i}", o) for i in range(3) for o in ("", "done")]
    site.boards[1].write_bytes(NEW)
    run(*look, code=1)
    last = entries(tmp_path)[-1]
    assert (last.subject, "nobody vouches" in last.why) == ("rack1", True)


def test_while_another_command_holds_the_ledger_nothing_is_recorded(tmp_path: Path) -> None:
    site = Site(tmp_path)
    book = Book(tmp_path / "state")
    with operating(book, clock=SystemClock(), operator=who()):
        said = run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=3)
    assert "try again when it has ended" in said
    assert book.boards(LOCAL) == []
