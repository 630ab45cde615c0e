"""Photograph a running dashboard: ``python scripts/screenshots.py "$(mumetal link)" OUT_DIR``.

Takes overview, device, incident, evidence, quarantine and truth, on a desktop and a phone, light and dark, and says
which pages scroll sideways or wrote to the console. Needs Debian's chromium and chromium-driver (`make system-deps`).
"""

import base64
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

SIZES = {"desktop": (1360, 900, False), "phone": (390, 844, True)}
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


def driver(profile: str) -> webdriver.Chrome:
    """Start Chromium with a profile of its own, without a word to the outside."""
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))


def pages(url: str, cookie: str) -> dict[str, str]:
    """Return the pages worth a picture, by what the API lists to the browser's session."""

    def get(path: str) -> list[dict[str, object]] | dict[str, object]:
        asked = urllib.request.Request(f"{url}/api/v1/{path}", headers={"Cookie": cookie})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found: list[dict[str, object]] | dict[str, object] = json.load(answer)
            return found

    found = {"overview": "/", "quarantine": "/quarantine"}
    incidents, overview = get("incidents?limit=1"), get("overview")
    if isinstance(overview, dict) and isinstance(overview["streams"], list) and overview["streams"]:
        found["device"] = f"/devices/{overview['streams'][0]['device']}"
    if isinstance(incidents, list) and incidents:
        found["incident"] = f"/incidents/{incidents[0]['incident_id']}"
        findings = get(f"incidents/{incidents[0]['incident_id']}/findings?limit=1")
        if isinstance(findings, list) and findings and isinstance(findings[0]["evidence"], list):
            uri = quote(findings[0]["evidence"][0]["uri"], safe="")
            found["evidence"] = f"/evidence?uri={uri}&incident={incidents[0]['incident_id']}"
    if get("truth"):
        found["truth"] = "/truth"
    return found


def main() -> int:
    """Take all pictures; 1 when a page scrolls sideways or wrote an error to the console."""
    link, out = sys.argv[1], Path(sys.argv[2])
    url = "{0.scheme}://{0.netloc}".format(urlsplit(link))
    out.mkdir(parents=True, exist_ok=True)
    bad = 0
    with tempfile.TemporaryDirectory() as profile:
        browser = driver(profile)
        try:
            browser.get(link)
            cookie = "; ".join(f"{c['name']}={c['value']}" for c in browser.get_cookies())
            for size, (width, height, mobile) in SIZES.items():
                for theme in ("light", "dark"):
                    browser.execute_cdp_cmd(
                        "Emulation.setDeviceMetricsOverride",
                        {"width": width, "height": height, "deviceScaleFactor": 2 if mobile else 1, "mobile": mobile},
                    )
                    scheme = {"name": "prefers-color-scheme", "value": theme}
                    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
                    for name, path in pages(url, cookie).items():
                        bad += photograph(browser, url + path, out / f"{name}-{size}-{theme}.png", name)
        finally:
            browser.quit()
    return 1 if bad else 0


def photograph(browser: webdriver.Chrome, url: str, target: Path, name: str) -> int:
    """Take one picture of the whole page and report what is wrong with it."""
    browser.get(url)
    time.sleep(1.6 if name in {"device", "incident", "evidence"} else 0.6)
    if name == "truth":
        browser.execute_script("document.querySelector('details').open = true")
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    browser.execute_cdp_cmd("Page.enable", {})
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"})
    target.write_bytes(base64.b64decode(shot["data"]))
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]
    errors = [entry["message"] for entry in logged if entry["level"] == "SEVERE"]
    print(target.name, f"scrolls sideways by {wide} px" if wide > 0 else "ok", *errors)
    return int(wide > 0 or bool(errors))


if __name__ == "__main__":
    raise SystemExit(main())
