"""The example in the reference page works, and the page names every field."""

import re
from pathlib import Path

from mumetal.respond.triage.inventory import Machine, Workload, decode_inventory

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "inventory.md"


def test_the_example_decodes() -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example
    inventory = decode_inventory(example[1].encode())
    assert [w.name for w in inventory.workloads("ibm_kyiv")] == ["drug search", "training course"]
    assert inventory.workloads("cryostat_lab")[0].criticality == 0.4


def test_every_field_is_documented() -> None:
    page = PAGE.read_text()
    assert all(f"`{name}`" in page for name in (*Machine.__struct_fields__, *Workload.__struct_fields__))
