"""Documentation that can be checked is checked: examples run, generated pages are fresh, links lead somewhere."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripts import reference

from mumetal.app.settings import Settings, decode
from mumetal.app.settings_toml import as_toml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_the_examples_of_the_ports_page_run() -> None:
    text = (ROOT / "docs/reference/ports.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 9
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks, 1):
        assert len(block.splitlines()) <= 30, f"example {number} is too long"
        code = compile(block, f"ports.md example {number}", "exec")
        exec(code, names)


def test_the_settings_page_is_fresh() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    assert page == reference.settings_page(), "run `python scripts/reference.py settings > docs/reference/settings.md`"


def test_the_page_of_detectors_is_fresh() -> None:
    page = (ROOT / "docs/reference/detectors.md").read_text()
    assert page == reference.detectors_page(), (
        "run `python scripts/reference.py detectors > docs/reference/detectors.md`"
    )


def test_settings_survive_being_printed_and_read() -> None:
    changed = msgspec.structs.replace(Settings(), sources=("csv:a b.csv",))
    assert decode(as_toml(changed).encode()) == changed


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    missing = [
        link
        for link in LINK.findall(page.read_text())
        if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists()
    ]
    assert not missing
