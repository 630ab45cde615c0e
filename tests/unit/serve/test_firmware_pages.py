"""The firmware pages show what the commands recorded, each tenant its own boards, and nobody's text as markup."""

from pathlib import Path

import msgspec
import pytest
from tests.fake_desk import FakeDesk
from tests.unit.serve.test_firmware_commands import Site, run
from tests.web_client import WebClient

from mumetal.app.settings import ServeSettings
from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.serve.web import create_app
from mumetal.trust.firmware.book import Book
from mumetal.trust.firmware.record import OBSERVED, BoardRecord, Proof, Stage, Verdict, decode, encode

BAD = "\"'><script>alert(1)</script>{{7*191}}"
T = 1_795_000_000 * 10**9


def client(book: Book | None) -> WebClient:
    return WebClient(create_app(FakeDesk(), ServeSettings(), firmware=book))


def named(tenant: str, device: str) -> BoardRecord:
    proof = Proof(kind=OBSERVED, t_ns=T, held=False, said=BAD, why=BAD)
    verdict = Verdict(t_ns=T, held=False, checked=(BAD,), failed=(BAD,), techniques=(BAD,), unknown=(BAD,))
    stage = Stage(state="stuck", t_ns=T, actor=BAD, why=BAD)
    return BoardRecord(
        tenant=tenant, device=device, board=BAD, image=BAD, proofs=(proof,), verdict=verdict, stage=stage
    )  # fmt: skip


def test_without_records_the_page_says_how_to_start(tmp_path: Path) -> None:
    for book in (None, Book(tmp_path / "none")):
        page = client(book).get("/firmware")
        assert page.status_code == 200
        assert "mumetal firmware inventory" in page.text
        assert client(book).get("/api/v1/firmware").json() == []
        assert client(book).get("/firmware/rack0").status_code == 404
        assert client(book).get("/firmware/" + "x/" * 300).status_code == 404


def test_what_the_commands_did_is_on_the_pages(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.sign()
    run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=1)
    app = client(Book(site.folder / "state"))
    before = app.get("/firmware").text
    assert "nobody" in before
    assert "SHA-384 is" in before
    site.rollout()
    page = app.get("/firmware").text
    assert "ann, bob" in page
    assert "confirmed" in page
    assert "host-observed measurement" in page
    board = app.get("/firmware/rack1").text
    assert "signed by the role&#39;s threshold" in board
    assert "whether the board runs what its file holds" in board
    assert "security version 2" in board
    told = app.get("/api/v1/firmware/rack1").json()
    assert told["release"]["approvers"] == ["ann", "bob"]
    assert (told["state"], told["stage"]["state"], told["confirmed"]) == ("good", "confirmed", 2)
    site.boards[1].write_bytes(site.boards[1].read_bytes() + b"implant!" * 9)
    run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=1)
    worst = app.get("/api/v1/firmware").json()[0]
    assert (worst["device"], worst["state"]) == ("rack1", "ailing")
    assert set(worst["verdict"]["techniques"]) == {"persistence.firmware_implant", "persistence.unauthorised_firmware"}
    assert "persistence.firmware_implant" in app.get("/firmware/rack1").text


def test_an_older_image_than_the_confirmed_one_is_named_a_rollback(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.sign(3)
    site.rollout()
    site.sign(2)
    run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=1)
    found = client(Book(site.folder / "state")).get("/api/v1/firmware/rack0").json()
    assert "persistence.firmware_rollback" in found["verdict"]["techniques"]


def test_what_people_wrote_is_text_and_each_tenant_sees_its_own(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for tenant in (LOCAL, "other"):
        book.change(tenant, "rack/1", lambda r: named(r.tenant, r.device))
    book.change("other", "secret", lambda r: r)
    app = client(book)
    for path in ("/firmware", "/firmware/rack%2F1"):
        text = app.get(path).text
        assert "<script>alert" not in text
        assert "1337" not in text
        assert "alert(1)" in text
    assert [b["device"] for b in app.get("/api/v1/firmware").json()] == ["rack/1"]
    for path in ("/firmware/secret", "/api/v1/firmware/secret"):
        assert app.get(path).status_code == 404
    moved = next((tmp_path / "boards").glob("*/*.json"))
    for other in (tmp_path / "boards").glob("*/*.json"):
        other.write_bytes(moved.read_bytes())  # a record put into another tenant's folder is not theirs
    assert {r.tenant for t in (LOCAL, "other") for r in book.boards(t)} == {decode(moved.read_bytes()).tenant}


def test_a_record_is_read_strictly_and_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = named(LOCAL, "rack1")
    assert decode(encode(record)) == record
    for bad in (
        b"{}",
        b'{"tenant": "a", "device": "b", "more": 1}',
        b"[" * 90_000,
        encode(record)[:-9],
        b" " * (2 << 20),
    ):
        with pytest.raises(BadInputError):
            decode(bad)
    book = Book(tmp_path)
    book.change(LOCAL, "rack1", lambda _: record)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.pwrite", full)
        with pytest.raises(UnavailableError, match="No space"):
            book.change(LOCAL, "rack1", lambda r: msgspec.structs.replace(r, size=7))
    assert book.board(LOCAL, "rack1") == record
    assert not list(tmp_path.rglob("*.new"))


def test_kept_images_and_challenges(tmp_path: Path) -> None:
    book = Book(tmp_path)
    digest = book.keep_image(b"good")
    assert book.image(digest) == b"good"
    (tmp_path / "images" / digest).write_bytes(b"evil")
    with pytest.raises(RejectedError, match="altered"):
        book.image(digest)
    with pytest.raises(UnavailableError):
        book.image("")
    book.challenge(LOCAL, "rack1", bytes(16), T)
    with pytest.raises(RejectedError):
        book.answer("other", "rack1")
    assert book.answer(LOCAL, "rack1") == (bytes(16), T)
    with pytest.raises(RejectedError, match="challenge"):
        book.answer(LOCAL, "rack1")
