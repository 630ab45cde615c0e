"""A real (software) TPM and the real tools: good, forged, replayed and stale quotes."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fake_desk import FakeDesk
from tests.needs import need
from tests.web_client import WebClient
from typer.testing import CliRunner

from mumetal.app.settings import ServeSettings
from mumetal.core.errors import RejectedError
from mumetal.serve.cli.app import app
from mumetal.serve.web import create_app
from mumetal.trust.attest.quote import Challenge, Quote, decode, extend, load_key, verify
from mumetal.trust.firmware.book import Book
from mumetal.trust.ledger.reading import LedgerReader

NOW = 1_795_000_000 * 10**9
MEASUREMENT = bytes(range(32))


class Machine:
    """swtpm in a folder, with an attestation key, driven through tpm2-tools."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools = str(Path(need("tpm2_quote")).parent)
        self.process = subprocess.Popen([
            need("swtpm"), "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear",
            "--ctrl", f"type=unixio,path={folder}/tpm.ctrl", "--server", f"type=unixio,path={folder}/tpm",
        ])  # fmt: skip
        deadline = time.monotonic() + 10
        while not ((folder / "tpm").exists() and (folder / "tpm.ctrl").exists()):
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.tool("createek", "-Q", "-c", "ek.ctx", "-G", "ecc", "-u", "ek.pub")
        self.tool("flushcontext", "-t")
        for name in ("ak", "thief"):
            options = ["-G", "ecc", "-g", "sha256", "-s", "ecdsa", "-f", "pem"]
            self.tool(
                "createak", "-Q", "-C", "ek.ctx", "-c", f"{name}.ctx", "-u", f"{name}.pem", "-n", f"{name}.n", *options
            )
            self.tool("flushcontext", "-t")
        self.tool("pcrextend", f"0:sha256={MEASUREMENT.hex()}")

    def tool(self, name: str, *words: str) -> None:
        environment = {**os.environ, "TPM2TOOLS_TCTI": f"swtpm:path={self.folder}/tpm"}
        subprocess.run([f"{self.tools}/tpm2_{name}", *words], check=True, cwd=self.folder, env=environment, timeout=30)

    def quote(self, nonce: bytes, key: str = "ak") -> tuple[bytes, bytes, dict[int, bytes]]:
        words = ["-c", f"{key}.ctx", "-l", "sha256:0,1,7", "-q", nonce.hex(), "-g", "sha256"]
        self.tool("quote", "-Q", *words, "-m", "q.msg", "-s", "q.sig", "-o", "q.pcrs", "-F", "values")
        self.tool("flushcontext", "-t")
        raw = (self.folder / "q.pcrs").read_bytes()
        values = {index: raw[32 * i : 32 * i + 32] for i, index in enumerate((0, 1, 7))}
        return (self.folder / "q.msg").read_bytes(), (self.folder / "q.sig").read_bytes(), values

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    started = Machine(tmp_path)
    yield started
    started.stop()


def test_good_forged_replayed_stale_and_tampered(machine: Machine) -> None:
    key = load_key((machine.folder / "ak.pem").read_bytes())
    golden = {0: extend(bytes(32), MEASUREMENT), 1: bytes(32), 7: bytes(32)}

    def check(
        answer: tuple[bytes, bytes, dict[int, bytes]], nonce: bytes, *, after_s: int = 1, last: Quote | None = None
    ) -> None:
        challenge = Challenge(nonce=nonce, asked_ns=NOW)
        quote, signature, values = answer
        now = NOW + after_s * 10**9
        verify(quote, signature, key=key, challenge=challenge, values=values, golden=golden, now_ns=now, last=last)

    first, second = b"1" * 20, b"2" * 20
    good = machine.quote(first)
    check(good, first)
    with pytest.raises(RejectedError, match="step 2"):
        check(machine.quote(first, key="thief"), first)
    with pytest.raises(RejectedError, match="step 3: it answers another"):
        check(good, second)
    with pytest.raises(RejectedError, match="step 3: the challenge is stale"):
        check(good, first, after_s=60)
    time.sleep(0.05)
    later = machine.quote(second)
    check(later, second, last=decode(good[0]))
    with pytest.raises(RejectedError, match="step 7"):
        check(later, second, last=decode(later[0]))
    machine.tool("pcrextend", f"0:sha256={MEASUREMENT.hex()}")
    changed = machine.quote(second)
    with pytest.raises(RejectedError, match="step 6: register 0"):
        check(changed, second)
    with pytest.raises(RejectedError, match="step 5"):
        check((changed[0], changed[1], good[2]), second)


def test_a_quote_answers_a_challenge_once_and_goes_on_record(machine: Machine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    golden = tmp_path / "golden.json"
    golden.write_text(json.dumps({"0": extend(bytes(32), MEASUREMENT).hex(), "1": "00" * 32, "7": "00" * 32}))

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["firmware", *map(str, words), "--state", str(state)])
        return done.exit_code, done.output

    def attest() -> tuple[int, str]:
        files = {"--signature": "q.sig", "--key": "ak.pem", "--values": "q.pcrs"}
        words = [w for option, name in files.items() for w in (option, machine.folder / name)]
        return run("attest", machine.folder / "q.msg", *words, "--golden", golden, "--device", "host-a")

    machine.quote(b"1" * 20)
    assert attest()[0] == 4, "no challenge was handed out"
    machine.quote(bytes.fromhex(run("challenge", "host-a")[1]))
    assert attest() == (0, f"{machine.folder / 'q.msg'}: registers 0, 1, 7 are the golden ones\n")
    assert "no challenge is open" in attest()[1]
    client = WebClient(create_app(FakeDesk(), ServeSettings(), firmware=Book(state)))
    assert "TPM 2.0 quote" in client.get("/firmware/host-a").text
    machine.tool("pcrextend", f"0:sha256={MEASUREMENT.hex()}")
    machine.quote(bytes.fromhex(run("challenge", "host-a")[1]))
    code, said = attest()
    assert (code, "step 6: register 0" in said) == (4, True)
    told = client.get("/api/v1/firmware/host-a").json()
    assert (told["state"], told["proofs"][0]["held"]) == ("ailing", False)
    entered = [e for _, e in LedgerReader(state / "ledger").entries() if e.action == "firmware.attest"]
    assert [e.outcome for e in entered] == ["", "done: recorded"] * 2
    assert [e.why.partition(": ")[2].split(" by policy")[0][:15] for e in entered[::2]] == ["held", "refused: step 6"]
