"""Keys in memory, in files, in the environment and on a token."""

import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.needs import need
from tests.trust_keys import ALICE, BOB, T0, counting, soft

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import HybridPublicKey, HybridSignature, SoftKey, soft_key
from mumetal.trust.keys.uri import Secrets, open_key

CHEAP = sealed.Cost(memory_kib=64, passes=1, lanes=1)
PHRASE = "correct horse battery"


def test_both_halves_are_needed() -> None:
    made, other = ALICE.sign(b"m"), BOB.sign(b"m")
    ALICE.public.verify(b"m", made)
    for bad in (
        HybridSignature(ed25519=other.ed25519, ml_dsa_87=made.ml_dsa_87),
        HybridSignature(ed25519=made.ed25519, ml_dsa_87=other.ml_dsa_87),
    ):
        with pytest.raises(RejectedError):
            ALICE.public.verify(b"m", bad)
    with pytest.raises(RejectedError):
        ALICE.public.verify(b"n", made)


def test_keys_are_what_their_seeds_say() -> None:
    again = soft_key(ALICE.seeds)
    assert again.public == ALICE.public
    assert ALICE.public.key_id != BOB.public.key_id
    assert ALICE.seeds.hex() not in repr(ALICE)
    with pytest.raises(BadInputError):
        soft_key(b"short")
    with pytest.raises(BadInputError):
        SoftKey(ed25519=b"a" * 32, ml_dsa_87=b"a" * 32)
    with pytest.raises(BadInputError):
        HybridPublicKey(ed25519=b"", ml_dsa_87=b"")


def test_a_sealed_file_opens_with_its_passphrase_alone() -> None:
    data = sealed.seal(ALICE, PHRASE, created_ns=T0, entropy=counting(), cost=CHEAP)
    assert ALICE.seeds.hex().encode() not in data
    assert sealed.is_sealed(data)
    assert sealed.unseal(data, PHRASE).public == ALICE.public
    with pytest.raises(RejectedError):
        sealed.unseal(data, PHRASE + "!")
    with pytest.raises(BadInputError):
        sealed.seal(ALICE, "short", created_ns=T0, entropy=counting(), cost=CHEAP)
    with pytest.raises(BadInputError):
        sealed.Cost(memory_kib=2**30)


def test_no_byte_of_a_sealed_file_can_change() -> None:
    data = sealed.seal(ALICE, PHRASE, created_ns=T0, entropy=counting(), cost=CHEAP)
    for at in range(len(data) - 1):
        changed = bytearray(data)
        changed[at] = ord("0") if changed[at] != ord("0") else ord("1")
        with pytest.raises((BadInputError, RejectedError)):
            sealed.unseal(bytes(changed), PHRASE)


def test_the_default_cost_is_the_rfcs() -> None:
    data = sealed.seal(ALICE, PHRASE, created_ns=T0, entropy=counting())
    assert b'"memory_kib":65536' in data
    assert b'"passes":3' in data
    assert sealed.unseal(data, PHRASE).public == ALICE.public


def test_files_are_their_owners_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a key.json"
    sealed.write(path, sealed.seal(ALICE, PHRASE, created_ns=T0, entropy=counting(), cost=CHEAP))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInputError, match="already"):
        sealed.write(path, b"x")
    uri = f"file:{quote(str(path))}"
    assert open_key(f"{uri}?passphrase=env:P", Secrets(environ={"P": PHRASE})).public == ALICE.public
    assert open_key(uri, Secrets(prompt=lambda _: PHRASE)).public == ALICE.public
    with pytest.raises(UnavailableError, match="nobody"):
        open_key(uri, Secrets())
    with pytest.raises(UnavailableError, match="not set"):
        open_key(f"{uri}?passphrase=env:Q", Secrets(environ={"P": PHRASE}))
    path.chmod(0o640)
    with pytest.raises(RejectedError, match="others"):
        open_key(uri, Secrets(prompt=lambda _: PHRASE))
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UnavailableError):
        sealed.read(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(RejectedError, match="plain file"):
        sealed.read(tmp_path / "pipe")


def test_a_plain_file_is_said_aloud_and_opens(tmp_path: Path) -> None:
    path = tmp_path / "k"
    sealed.write(path, sealed.plain(BOB, created_ns=T0))
    assert not sealed.is_sealed(path.read_bytes())
    assert open_key(f"file:{path}", Secrets()).public == BOB.public
    with pytest.raises(RejectedError, match="another key"):
        sealed.unseal(path.read_bytes().replace(BOB.public.key_id.encode(), ALICE.public.key_id.encode()))


@pytest.mark.parametrize(
    "uri",
    [
        "", "file", "http://x", "env:K9", "file:/x?pass=1", "file:/x?passphrase=env:A&passphrase=env:B",
        "pkcs11:token=a", "pkcs11:token=a;object=b", "pkcs11:token=a;object=b?module-path=/x", "x" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(uri: str) -> None:
    with pytest.raises((BadInputError, UnavailableError)):
        open_key(uri, Secrets(environ={"K9": "abc"}))


def test_a_key_in_the_environment() -> None:
    assert open_key("env:K", Secrets(environ={"K": ALICE.seeds.hex()})).public == ALICE.public
    assert ALICE.seeds.hex() not in repr(Secrets(environ={"K": ALICE.seeds.hex()}))


def test_the_classical_half_on_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("softhsm2-util")
    module = "/usr/lib/softhsm/libsofthsm2.so"
    (tmp_path / "tokens").mkdir()
    (tmp_path / "conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "conf"))
    init = ["softhsm2-util", "--init-token", "--free", "--label", "mu", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(init, check=True, capture_output=True)
    from mumetal.trust.keys import token

    place = token.TokenPlace(module=module, token="mu", label="release")
    point = token.generate(place, "1234")
    with pytest.raises(BadInputError, match="of that label"):
        token.generate(place, "1234")
    uri = f"pkcs11:token=mu;object=release?module-path={module}&pin-source=env:PIN&ml-dsa=env:ML"
    secrets = Secrets(environ={"PIN": "1234", "ML": soft("file half").seeds.hex()})
    key = open_key(uri, secrets)
    assert key.public.ed25519 == point
    assert key.public.ml_dsa_87 == soft("file half").public.ml_dsa_87
    key.public.verify(b"m" * 100_000, key.sign(b"m" * 100_000))
    assert isinstance(key, token.TokenKey)
    key.close()
    with pytest.raises(UnavailableError, match="does not sign"):
        key.sign(b"m")
    with pytest.raises(RejectedError, match="PIN"):
        token.TokenKey(place, "9999", ALICE)
    with pytest.raises(UnavailableError, match="no such key"):
        open_key(uri.replace("release", "other"), secrets)
    with pytest.raises(UnavailableError, match="cannot be opened"):
        open_key(uri.replace("token=mu", "token=nu"), secrets)
