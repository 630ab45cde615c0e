"""No setting leads out of a ground, and a new one is closed until somebody thought of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct, structs

from mumetal.app.logs.settings import LogSettings
from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.api import StoreSettings
from mumetal.core.errors import RejectedError
from mumetal.redteam import sealed_settings
from mumetal.redteam.sealed_settings import refuse_settings
from mumetal.respond.api import TriageSettings
from mumetal.scan.api import ScanSettings
from mumetal.watch.api import WatchSettings

Change = Callable[[Settings, Path], Settings]


def sealed(folder: Path) -> Settings:
    return Settings(
        store=StoreSettings(directory=str(folder / "store")),
        serve=ServeSettings(port=0),
        plugins=PluginSettings(allow=()),
    )


def changed(**parts: object) -> Change:
    return lambda settings, _: structs.replace(settings, **parts)


def within(make: Callable[[Path], dict[str, object]]) -> Change:
    return lambda settings, folder: structs.replace(settings, **make(folder))


HOSTILE: dict[str, Change] = {
    "a source off the machine": changed(sources=("ibm:live/ibm_brisbane",)),
    "a source by URL": changed(sources=("https://quantum.cloud.example/api",)),
    "a source outside": changed(sources=("bluefors:/var/log/cryostat",)),
    "a source by a relative path": changed(sources=("bluefors:logs",)),
    "a source that climbs out": within(lambda f: {"sources": (f"bluefors:{f}/../outside",)}),
    "a source through a link": within(lambda f: {"sources": (f"bluefors:{f}/link/logs",)}),
    "a source in escapes": within(lambda f: {"sources": (f"bluefors:{f}/%2e%2e/outside",)}),
    "a source with a zero byte": within(lambda f: {"sources": (f"bluefors:{f}/a\0b",)}),
    "a source of somebody's home": changed(sources=("bluefors:~/logs",)),
    "a source that follows an edge file": within(lambda f: {"sources": (f"bluefors:{f}/logs?edge=/etc/edge.toml",)}),
    "a second option after a fine one": within(lambda f: {"sources": (f"ibm:{f}/c?device=d&edge={f}/e.toml",)}),
    "a repository, which runs git": within(lambda f: {"sources": (f"platforms:{f}/repository",)}),
    "a sink off the machine": changed(sinks=("syslog:siem.example:514",)),
    "a sink on loopback, where a real one may listen": changed(sinks=("syslog:127.0.0.1:514",)),
    "a sink over TLS": changed(sinks=("syslog+tls:siem.example:6514?ca=/etc/ca.pem",)),
    "a sink outside": changed(sinks=("ocsf:/var/log/findings.jsonl",)),
    "a store outside": changed(store=StoreSettings(directory="/var/lib/mumetal")),
    "the store of the working directory": changed(store=StoreSettings()),
    "no store at all": changed(store=StoreSettings(directory="")),
    "an inventory outside": changed(triage=TriageSettings(inventory="/etc/inventory.toml")),
    "timing codes outside": changed(watch=WatchSettings(timing_codes="codes.toml")),
    "a key of the environment": changed(ledger_key="env:LEDGER_KEY"),
    "a key on a token": changed(ledger_key="pkcs11:token=real;object=ledger?module-path=/usr/lib/p11.so&ml-dsa=env:X"),
    "a key outside": changed(ledger_key="file:/etc/mumetal/ledger.key"),
    "a key by a passphrase of the environment": within(
        lambda f: {"ledger_key": f"file:{f}/k.key?passphrase=env:SECRET"}
    ),
    "a key in escapes": within(lambda f: {"ledger_key": f"file:{f}/%2e%2e/k.key"}),
    "a witness outside": changed(witnesses=("/mnt/witness?key=/mnt/witness.pub",)),
    "a witness's key outside": within(lambda f: {"witnesses": (f"{f}/w?key=/mnt/witness.pub",)}),
    "signed calibrations outside": changed(calibrations="/srv/calibrations?roots=/srv/roots&pin=00"),
    "their roots outside": within(lambda f: {"calibrations": f"{f}/c?roots=/srv/roots&pin=00"}),
    "an option nobody knows": within(lambda f: {"calibrations": f"{f}/c?mirror=https://x.example"}),
    "approvals outside": changed(approvals="/srv/roots?pin=00"),
    "an address of the network": changed(serve=ServeSettings(host="0.0.0.0", port=0)),
    "a name that may resolve to anything": changed(serve=ServeSettings(host="localhost", port=0)),
    "a port that a real one may have": changed(serve=ServeSettings(port=8470)),
    "a certificate": within(lambda f: {"serve": ServeSettings(port=0, tls_certificate=f"{f}/c.pem")}),
    "a log file outside": changed(logs=LogSettings(file="/var/log/mumetal.jsonl")),
    "plug-ins of other packages": changed(plugins=PluginSettings()),
    "one of another package's": changed(plugins=PluginSettings(allow=("acme.sink",))),
    "the table of another package's part": changed(parts={"acme": {"url": "https://acme.example"}}),
    "a baseline outside": changed(scan=ScanSettings(baseline="../baseline.json")),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_setting_that_leads_outside_is_refused(change: Change, tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "ground"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    hostile = change(sealed(folder), folder)
    with pytest.raises(RejectedError) as told:
        refuse_settings(hostile, folder)
    assert told.value.where


def test_what_stays_in_the_ground_is_fine(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    refuse_settings(sealed(folder), folder)
    refuse_settings(
        structs.replace(
            sealed(folder),
            sources=(f"bluefors:{folder}/logs?device=qpu&tenant=acme", f"audit:{folder}/audit.jsonl"),
            sinks=(f"ocsf:{folder}/out.jsonl",),
            ledger_key=f"file:{folder}/k.key",
            witnesses=(f"{folder}/w?key={folder}/w.pub",),
            calibrations=f"{folder}/c?roots={folder}/roots&pin=00",
            approvals=f"{folder}/roots?pin=00&role=approval",
            triage=TriageSettings(inventory=str(folder / "inventory.toml"), join_s=60.0),
            watch=WatchSettings(learning_rows=64, alerts_per_week=1.0),
            logs=LogSettings(level="debug", stderr=True),
            serve=ServeSettings(host="::1", port=0),
        ),
        folder,
    )


def holds_text(settings: Struct, where: str = "") -> Iterator[str]:
    for each in structs.fields(type(settings)):
        value, name = getattr(settings, each.name), f"{where}.{each.name}" if where else each.name
        if isinstance(value, Struct):
            yield from holds_text(value, name)
        elif not isinstance(value, bool | int | float):
            yield name


def test_every_setting_that_holds_text_has_a_rule() -> None:
    s = sealed_settings
    ruled = {*s.PATHS, *s.WORDS, *s.UNUSED, *s.PLACES, *s.SPECS, "serve.host", "ledger_key", "plugins.allow"}
    assert set(holds_text(Settings())) == ruled


def test_a_setting_without_a_rule_may_not_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path.resolve()
    chosen = structs.replace(sealed(folder), logs=LogSettings(level="debug"))
    refuse_settings(chosen, folder)
    monkeypatch.setattr(sealed_settings, "WORDS", sealed_settings.WORDS - {"logs.level"})
    with pytest.raises(RejectedError, match="no use for"):
        refuse_settings(chosen, folder)
