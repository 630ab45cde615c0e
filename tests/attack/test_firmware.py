"""An older release, once genuine, is refused where the board is named; where none is, the answer says what was not checked."""

import json
from pathlib import Path

import pytest
from tests.unit.serve.test_firmware_commands import Site, run


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_verify_refuses_what_a_rollout_would_and_says_what_it_did_not_check(site: Site) -> None:
    site.sign()
    site.rollout()
    site.sign(1)
    asked = ("firmware", "verify", site.image, "--board", "z7010", *site.trust, *site.state)
    said = run(*asked)
    assert "rollback: NOT checked: no device is named" in said
    told = json.loads(run(*asked, "--json"))
    assert (told["rollback_checked"], told["floor"]) == (False, 0)
    assert "below" not in told["checked"]
    assert "step 6" in run(*asked, "--device", "rack0", code=4)
    (site.folder / "state" / "floors.json").unlink()
    for record in (site.folder / "state" / "boards").rglob("*.json"):
        record.unlink()
    assert "step 6" in run(*asked, "--device", "rack0", code=4)  # the ledger of rollouts remembers
    assert "NOT checked: rack9 has confirmed no version" in run(*asked, "--device", "rack9")
    assert "not below 1, as --floor says" in run(*asked, "--floor", 1)
    site.sign()
    told = json.loads(run(*asked, "--device", "rack0", "--json"))
    assert (told["rollback_checked"], told["floor"]) == (True, 2)
