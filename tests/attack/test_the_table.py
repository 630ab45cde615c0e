"""Every row of the threat model names a test that is there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "security.md"


def test_every_row_of_the_threat_model_is_proved_by_a_test() -> None:
    table = PAGE.read_text().partition("## Who can forge what, with which access")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    named = ""
    for row in rows:
        proof = row.rstrip(" |").rsplit("|", 1)[-1]
        found = re.search(r"`(test_\w+\.py)::(test_\w+)`", proof)
        named = f"{found[1]}::{found[2]}" if found else named if proof.strip().startswith("the same") else ""
        assert named, row
        file, _, test = named.partition("::")
        assert f"def {test}(" in (HERE / file).read_text(), named
