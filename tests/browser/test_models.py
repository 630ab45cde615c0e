"""The models' pages in Chromium: quiet console, no sideways scroll, and a rollback and its undo by hand."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from tests.browser.test_dashboard import FLAGS, console, theme, view, wait
from tests.fake_desk import FakeDesk
from tests.model_files import House, background, pca_model
from tests.needs import need
from tests.unit.trust.models.test_lifecycle import GATES, to_active
from tests.web_client import sign_in_path

from mumetal.app.models.live import LiveModels
from mumetal.app.settings import ServeSettings
from mumetal.serve.api.server import Server
from mumetal.serve.web import create_app


@pytest.fixture
def chrome(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = need("chromium"), need("chromedriver")
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield made
    made.quit()


def says(chrome: webdriver.Chrome, words: str) -> bool:
    shown: str = chrome.execute_script(
        "return document.getElementById('main')?.innerText ?? ''"
    )  # in one step: pages change
    return words in shown


def test_a_person_rolls_back_and_takes_it_back(chrome: webdriver.Chrome, tmp_path: Path) -> None:
    house = House(tmp_path / "models", GATES)
    first = to_active(house, pca_model(background(seed=1)))
    second = to_active(house, pca_model(background(seed=2)), parents=(first,))
    settings = ServeSettings(port=0)
    web = create_app(FakeDesk(), settings, models=LiveModels(house.desk))
    server = Server(web, settings)
    url = server.start()
    try:
        chrome.get(url + sign_in_path(web))
        for width, height in ((1280, 900), (390, 844)):
            for name in ("light", "dark"):
                view(chrome, width, height)
                theme(chrome, name)
                for path in ("/models", "/models/cryo"):
                    chrome.get(url + path)
                    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    assert chrome.execute_script(wide) <= 0, (path, width)
                    assert console(chrome) == []
        boxes = chrome.find_elements(By.CSS_SELECTOR, "svg.lineage rect")
        assert all(box.size["width"] > 0 for box in boxes)
        for act, reason, active in (("rollback", "it cries wolf", first), ("undo", "it was right", second)):
            form = chrome.find_element(By.XPATH, f"//form[input[@name='act'][@value='{act}']]")
            form.find_element(By.NAME, "why").send_keys(reason)
            form.find_element(By.TAG_NAME, "button").click()
            shown = f"Where {active[:12]} comes from"
            wait(partial(says, chrome, shown), shown)
            assert dict(house.registry.load("cryo").facts)["version"] == active
        assert console(chrome) == []
    finally:
        chrome.get("about:blank")
        server.stop()
