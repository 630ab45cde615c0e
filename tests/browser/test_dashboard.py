"""The pages in Chromium, over a real server: no console errors, keys, buttons, live plots, phone width, contrast."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.fake_desk import FakeDesk
from tests.firmware_boards import book
from tests.needs import need
from tests.trust_keys import counting
from tests.unit.trust.ledger.books import entry
from tests.web_client import sign_in_path

from mumetal.app import wiring
from mumetal.app.settings import ServeSettings
from mumetal.core.clock import ManualClock
from mumetal.serve.api.server import Server
from mumetal.serve.web import create_app
from mumetal.trust.ledger.desk import AuditDesk
from mumetal.trust.ledger.local import open_local

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip

FIRMWARE = ("/firmware", "/firmware/cryo-rack-with-a-rather-long-name%2Fslot3", "/firmware/rack9")


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = need("chromium"), need("chromedriver")
    options = Options()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        made = webdriver.Chrome(options=options, service=Service(chromedriver))
        yield made
        made.quit()


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def url(desk: FakeDesk, browser: webdriver.Chrome, tmp_path: Path) -> Iterator[str]:
    settings = ServeSettings(port=0)
    clock = ManualClock(desk.now_ns)
    ledger = open_local(tmp_path / "ledger", clock=clock, entropy=counting())
    ledger.append_many([replace(entry(n), t_ns=desk.now_ns - (59 - n) * 3_600 * 10**9) for n in range(60)])
    audit = AuditDesk(ledger, wiring.authorizer(), clock)
    app = create_app(desk, settings, firmware=book(tmp_path), audit=audit)
    server = Server(app, settings)
    url = server.start()
    browser.get(url + sign_in_path(app))
    yield url
    browser.get("about:blank")
    server.stop()
    ledger.close()


@pytest.fixture(autouse=True)
def desktop(browser: webdriver.Chrome) -> None:
    view(browser, 1280, 900)
    theme(browser, "light")


def view(browser: webdriver.Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def console(browser: webdriver.Chrome) -> list[str]:
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def theme(browser: webdriver.Chrome, name: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": name}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait(what: Callable[[], object], why: str) -> None:
    for _ in range(200):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {why}")


def press(browser: webdriver.Chrome, keys: str) -> None:
    browser.switch_to.active_element.send_keys(keys)


def all_pages(desk: FakeDesk) -> list[str]:
    incident = desk.incidents("local")[0]
    uri = desk.findings("local", incident.findings)[0].evidence[0].uri.replace("?", "%3F").replace("&", "%26")
    evidence = f"/evidence?uri={uri}&incident={incident.incident_id}"
    return [
        "/",
        f"/incidents/{incident.incident_id}",
        "/devices/aurora-27",
        "/quarantine",
        "/truth",
        "/scans",
        "/audit",
        "/audit/7",
        evidence,
        *FIRMWARE,
    ]


def test_pages_load_without_a_word_on_the_console(browser: webdriver.Chrome, url: str, desk: FakeDesk) -> None:
    console(browser)
    for path in all_pages(desk):
        browser.get(url + path)
        if browser.find_elements(By.CSS_SELECTOR, "[data-plot]"):
            wait(lambda: browser.find_elements(By.CSS_SELECTOR, ".strip canvas"), f"plots on {path}")
        assert console(browser) == [], path
        assert "UTC" not in browser.find_element(By.ID, "main").text, "times are in the viewer's zone"


def test_the_audit_is_searched_in_the_viewers_own_time(browser: webdriver.Chrome, url: str) -> None:
    browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    try:
        browser.get(url + "/audit?what=inc-")
        newest = browser.find_element(By.CSS_SELECTOR, ".decisions time").get_attribute("datetime")
        # the eleventh entry is ten hours older; from half an hour before it on there are eleven
        browser.execute_script(
            "const at = new Date(new Date(arguments[0]) - 10.5 * 3600e3);"
            "since.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16)",
            newest,
        )
        typed = browser.find_element(By.ID, "since").get_attribute("value")
        browser.find_element(By.CSS_SELECTOR, ".seek button").click()
        wait(lambda: "since=" in browser.current_url, "the search is sent")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".decisions li")) == 11
        assert browser.find_element(By.ID, "since").get_attribute("value") == typed
        assert "Z" in browser.current_url
    finally:
        browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_no_page_scrolls_sideways_on_a_phone(browser: webdriver.Chrome, url: str, desk: FakeDesk) -> None:
    view(browser, 390, 844)
    for path in all_pages(desk):
        browser.get(url + path)
        time.sleep(0.3)
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(wide) <= 0, path


def test_keys_move_open_filter_and_help(browser: webdriver.Chrome, url: str, desk: FakeDesk) -> None:
    browser.get(url)
    press(browser, "j")
    assert browser.switch_to.active_element.text == desk.incidents("local")[0].title
    press(browser, "j")
    second = desk.incidents("local")[1]
    assert browser.switch_to.active_element.text == second.title
    press(browser, "k")
    press(browser, "j")
    press(browser, "?")
    assert browser.find_element(By.ID, "keys").is_displayed()
    press(browser, Keys.ESCAPE)
    wait(lambda: not browser.find_element(By.ID, "keys").is_displayed(), "help closes")
    press(browser, "/")
    assert browser.switch_to.active_element.get_attribute("id") == "filter"
    press(browser, "control clock")
    shown = [e for e in browser.find_elements(By.CSS_SELECTOR, "li.incident") if e.is_displayed()]
    assert len(shown) == 1
    press(browser, Keys.ESCAPE)
    press(browser, "j")
    press(browser, "j")
    press(browser, Keys.ENTER)
    wait(lambda: second.incident_id in browser.current_url, "Enter opens the row")
    press(browser, "o")
    wait(lambda: browser.current_url.rstrip("/") == url, "o leads home")


def test_a_refresh_keeps_focus_filter_and_scroll(browser: webdriver.Chrome, url: str, desk: FakeDesk) -> None:
    view(browser, 1280, 400)
    browser.get(url)
    for _ in range(4):
        press(browser, "j")
    title = browser.switch_to.active_element.text
    top = browser.execute_script("return scrollY")
    browser.execute_script("window.seen = 0; document.addEventListener('htmx:after:swap', () => window.seen++)")
    desk.now_ns += 3_600 * 10**9
    wait(lambda: browser.execute_script("return window.seen") >= 1, "the page refreshes by itself")
    assert "1 h" in browser.find_element(By.CSS_SELECTOR, "li.incident .age").text
    assert browser.switch_to.active_element.text == title
    assert browser.execute_script("return scrollY") == top


def test_the_label_button_works_in_place(browser: webdriver.Chrome, url: str, desk: FakeDesk) -> None:
    incident = desk.incidents("local")[0].incident_id
    browser.get(f"{url}/incidents/{incident}")
    browser.execute_script("window.same = true")
    browser.find_element(By.CSS_SELECTOR, "button[name=label][value=attack]").click()
    chosen = "button[name=label][value=attack][aria-pressed=true]"
    wait(lambda: browser.find_elements(By.CSS_SELECTOR, chosen), "the label shows")
    assert desk.incident("local", incident).label == "attack"
    assert browser.execute_script("return window.same"), "no page load"
    assert "Labelled attack" in browser.find_element(By.ID, "timeline").text
    note = browser.find_element(By.ID, "note")
    note.send_keys("seen")
    browser.execute_script("window.seen = 0; document.addEventListener('htmx:after:swap', () => window.seen++)")
    wait(lambda: browser.execute_script("return window.seen") >= 1, "the page refreshes by itself")
    note.send_keys(" it", Keys.ENTER)
    wait(lambda: "seen it" in browser.find_element(By.ID, "timeline").text, "the note shows")
    assert console(browser) == []


def test_live_samples_move_the_plots(browser: webdriver.Chrome, url: str) -> None:
    browser.get(f"{url}/devices/aurora-27?stream=cryostat")
    wait(lambda: browser.find_elements(By.CSS_SELECTOR, ".strip output"), "plots")
    first = browser.find_element(By.CSS_SELECTOR, ".strip output").text
    wait(lambda: browser.find_element(By.CSS_SELECTOR, ".strip output").text != first, "a new value")
    assert "K" in first


def test_the_chosen_theme_stays(browser: webdriver.Chrome, url: str) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.get(url)
    light = browser.execute_script(ground)
    press(browser, "tt")
    dark = browser.execute_script(ground)
    assert dark != light
    browser.refresh()
    assert browser.execute_script(ground) == dark
    press(browser, "t")
    assert browser.execute_script(ground) == light
    theme(browser, "dark")
    assert browser.execute_script(ground) == dark


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgb = (c) => { canvas.clearRect(0,0,1,1); canvas.fillStyle = c; canvas.fillRect(0,0,1,1); return [...canvas.getImageData(0,0,1,1).data]; };
const lum = ([r,g,b]) => [r,g,b].map((v) => { v/=255; return v <= 0.03928 ? v/12.92 : ((v+0.055)/1.055)**2.4; })
  .reduce((s, v, i) => s + v * [0.2126,0.7152,0.0722][i], 0);
const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255,255,255,255]; };
const bad = [];
for (const e of document.querySelectorAll('main *, header *')) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.offsetParent === null || e.closest('svg')) continue;
  const [a, b] = [lum(rgb(getComputedStyle(e).color)), lum(ground(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) bad.push(`${e.className || e.tagName}: ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
}
return bad;
"""


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_meets_wcag_aa(browser: webdriver.Chrome, url: str, desk: FakeDesk, name: str) -> None:
    theme(browser, name)
    for path in all_pages(desk):
        browser.get(url + path)
        assert browser.execute_script(CONTRAST) == [], path
