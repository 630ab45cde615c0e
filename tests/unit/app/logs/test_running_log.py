"""The log of a running stack: forms, levels, correlation, masking, bounds, and what happens when it cannot be written."""

import json
import logging
import random
import stat
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mumetal.app.logs.clean import MAX_TEXT, cleaned, escape_unprintable, keeps
from mumetal.app.logs.handler import MAX_LINES, WINDOW_S, LogHandler, LogRateLimit
from mumetal.app.logs.log_file import LogFile
from mumetal.app.logs.running_log import RunningLog, log_path
from mumetal.app.logs.secret_mask import SecretMask, shipped_mask
from mumetal.app.logs.settings import LogSettings
from mumetal.app.settings import decode
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.logs import RoomLogger, log_context
from mumetal.scan.secrets.mask import fingerprint

SECRET = "Gh7dk29sKsl20fkDks83hfks0293kdfj"
LOG = RoomLogger("connect")
WATCH = RoomLogger("watch")


def plain(text: str) -> str:
    return text


@pytest.fixture(scope="module")
def mask() -> SecretMask:
    return shipped_mask()


def lines(
    settings: LogSettings, folder: Path, tell: Callable[[], object], mask: Callable[[str], str] = plain
) -> list[str]:
    with RunningLog(settings, folder, mask) as log:
        tell()
    return log.path.read_text().splitlines()


def told(
    settings: LogSettings, folder: Path, tell: Callable[[], object], mask: Callable[[str], str] = plain
) -> list[Any]:
    return [json.loads(line) for line in lines(settings, folder, tell, mask)]


def test_json_is_an_object_a_line_with_time_level_room_and_event(tmp_path: Path) -> None:
    [line] = told(
        LogSettings(), tmp_path, lambda: LOG.warning("source.unavailable", source="csv:a b.csv", tries=3, odd=None)
    )
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "room": "connect",
        "event": "source.unavailable",
        "source": "csv:a b.csv",
        "tries": 3,
    }


def test_text_quotes_what_could_be_taken_for_another_field(tmp_path: Path) -> None:
    [line] = lines(
        LogSettings(format="text"), tmp_path, lambda: LOG.info("source.opened", source='a level=error "x\\', rows=2)
    )
    head, _, rest = line.partition("source.opened ")
    assert head.split()[1:] == ["info", "connect"]
    assert rest == 'source="a level=error \\"x\\\\" rows=2'


def test_a_room_s_level_holds_for_it_alone_and_is_put_back(tmp_path: Path) -> None:
    def tell() -> None:
        for log in (LOG, WATCH):
            log.debug("thing.looked_at")
            log.info("thing.done")

    said = told(decode(b'[logs]\nlevel = "warning"\nlevels = { watch = "debug" }').logs, tmp_path, tell)
    assert [(s["room"], s["level"]) for s in said] == [("watch", "debug"), ("watch", "info")]
    assert logging.getLogger("mumetal.watch").level == logging.getLogger("mumetal").level == logging.NOTSET
    with pytest.raises(BadInputError, match="levels"):
        decode(b'[logs]\nlevels = { kitchen = "debug" }')


def test_what_is_bound_and_what_ours_are_stays_readable(tmp_path: Path, mask: SecretMask) -> None:
    incident = "inc-1f3f213ab2414d0e8c129763"

    def tell() -> None:
        with log_context(request="c768688417354c42", incident=incident):
            LOG.info(
                "act.permitted", subject=incident, finding="1f3f213ab2414d0e8c129763", device="c768688417354c42f1f2f3f4"
            )

    [line] = told(LogSettings(), tmp_path, tell, mask)
    assert (line["request"], line["incident"], line["subject"]) == ("c768688417354c42", incident, incident)
    assert line["finding"] == "1f3f213ab2414d0e8c129763"
    assert line["device"].startswith("[secret ")


@pytest.mark.parametrize(
    "text",
    [
        "token={} was refused",
        "api_key: '{}'",
        "https://user:{}@example.com/x",
        "/data/{}/fridge.csv: no such file",
        "nothing-api_key={}.csv",
        "Authorization: Bearer {}",
        "{}",
        "api_key = '{}' # mumetal: ignore[*] it is only a test",
        "a\0b api_key = '{}'",
        "first line\napi_key={}\nlast line",
        "/".join("{}" for _ in range(30)),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_secret_is_told_by_its_fingerprint_only(tmp_path: Path, mask: SecretMask, text: str, form: Any) -> None:
    def tell() -> None:
        LOG.warning("source.unavailable", reason=text.format(*[SECRET] * 30))
        LOG.failure("stack.failed", ValueError(text.format(*[SECRET] * 30)))
        logging.getLogger("uvicorn.error").warning("%s", text.format(*[SECRET] * 30))

    written = "\n".join(lines(LogSettings(format=form), tmp_path, tell, mask))
    assert SECRET[:16] not in written
    assert SECRET[16:] not in written
    assert written.count("[secret ") >= 3


def test_the_fingerprint_is_the_one_that_a_scan_gives(mask: SecretMask) -> None:
    assert mask(f"api_key = '{SECRET}'") == f"api_key = '[secret {fingerprint(SECRET.encode())}]'"


def test_drawn_words_are_known_by_their_shape_and_names_are_not(mask: SecretMask) -> None:
    draw = random.Random(7)
    missed = {
        length: sum(
            "[secret "
            not in mask(f"failed with {''.join(draw.choices(string.ascii_letters + string.digits, k=length))} today")
            for _ in range(300)
        )
        for length in (16, 24, 40)
    }
    assert missed[16] <= 6  # of 300: about one in a hundred looks like a word
    assert missed[24] + missed[40] <= 2
    names = "QiskitRuntimeService IbmBackendProperties readoutErrorOfQubit17 f7b3c2a1-1c2d-4e5f-8a9b-0c1d2e3f4a5b XXYYZZIIXXYYZZII"
    assert mask(names) == names


@pytest.mark.parametrize(
    "text",
    [
        "csv:/data/lab/fridge-2026-11-01.csv: there is no such file or folder (check the path and that it is mounted)",
        "bluefors:/logs/26-11-01/CH6 T 26-11-01.log",
        "the watchers are behind (send again in a few seconds)",
        "ibm_brisbane",
        "watch.detectors.cusum",
    ],
)
def test_an_ordinary_text_stays_as_it_is(mask: SecretMask, text: str) -> None:
    assert mask(text) == text


def test_a_long_text_is_cut_before_it_costs_anything_and_shows_no_half_secret(mask: SecretMask) -> None:
    asked: list[int] = []

    def counting(text: str) -> str:
        asked.append(len(text))
        return mask(text)

    kept = cleaned({"reason": "x" * 3_990 + f" {SECRET}", "more": "word " * 400_000}, counting)
    assert max(asked) <= 4_000
    assert all(len(str(v)) <= MAX_TEXT + 1 for v in kept.values())
    assert SECRET[:6] not in str(cleaned({"reason": f"{SECRET} " * 100 + "y" * 700 + f" {SECRET}"}, mask))


@pytest.mark.parametrize(
    "name", ["token", "api_key", "apikey", "Password", "client_secret", "authorization", "pin", "a b", ""]
)
def test_a_field_whose_name_announces_a_secret_is_dropped(name: str) -> None:
    assert not keeps(name)
    assert cleaned({name: "x", "pinned": "y"}, plain) == {"pinned": "y"}


def test_control_signs_escapes_and_turns_of_direction_are_spelt_out() -> None:
    assert escape_unprintable("a\r\nb\x1b[2J\u202ec\u2028d\x85\udc80") == "a\\r\\nb\\x1b[2J\\u202ec\\u2028d\\x85\\udc80"
    assert escape_unprintable("0.3 mK ± 2 % – ok") == "0.3 mK ± 2 % – ok"


def test_an_error_nobody_expected_shows_the_way_and_no_value(tmp_path: Path) -> None:
    def inner(private: str) -> None:
        hidden = private + "-hidden-local"
        raise ValueError("no") from KeyError(len(hidden))

    def tell() -> None:
        try:
            inner("value-of-a-local")
        except ValueError as error:
            LOG.failure("stack.failed", error)
            LOG.failure("stack.failed", error)  # handed on and told by another: once is enough
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")

    [line] = told(LogSettings(), tmp_path, tell)
    assert (line["error"], line["reason"]) == ("ValueError from KeyError", "no")
    assert "test_running_log.py" in line["trace"]
    assert "inner" in line["trace"]
    assert "local" not in json.dumps(line)


def test_a_library_goes_through_the_same_hands_and_never_speaks_as_a_room(tmp_path: Path) -> None:
    def tell() -> None:
        logging.getLogger("uvicorn.error").warning("bad\x1b[31m %s", "request\nlevel=error")
        logging.getLogger("uvicorn.error").info("not told")
        logging.getLogger("mumetal.connect").warning("not an event")

    first, second = told(LogSettings(), tmp_path, tell)
    assert (first["room"], first["event"], first["text"]) == (
        "uvicorn", "library.message", "bad\\x1b[31m request\\nlevel=error",
    )  # fmt: skip
    assert (second["event"], second["text"]) == ("library.message", "not an event")


def test_a_field_cannot_take_the_place_of_the_head(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"time": "never", "level": "none", "room": "trust", "event": "x"}
    [line] = told(LogSettings(), tmp_path, lambda: LOG._emit(logging.INFO, "source.opened", fields))
    assert (line["level"], line["room"], line["event"], line["level_"]) == ("info", "connect", "source.opened", "none")


def test_files_turn_over_within_their_bound_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.jsonl"
    path.parent.mkdir()
    path.touch(mode=0o644)
    file = LogFile(path, max_bytes=1_000, keep=2)
    for number in range(200):
        file.write(f"{number:099d}\n".encode())
    file.close()
    kept = sorted(path.parent.iterdir())
    assert [p.name for p in kept] == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert sum(p.stat().st_size for p in kept) <= 3_000
    assert {stat.S_IMODE(p.stat().st_mode) for p in kept} == {0o600}
    numbers = [int(n) for p in reversed(kept) for n in p.read_text().split()]
    assert numbers == list(range(numbers[0], 200))
    assert len(numbers) == 30


def test_keeping_none_leaves_one_file(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log", max_bytes=100, keep=0)
    for _ in range(9):
        file.write(b"x" * 59 + b"\n")
    file.close()
    assert [(p.name, p.stat().st_size) for p in tmp_path.iterdir()] == [("log", 60)]


def test_a_link_or_a_folder_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(RejectedError, match="link"):
        LogFile(tmp_path / "link", max_bytes=100, keep=0)
    with pytest.raises(UnavailableError, match="cannot be written"):
        LogFile(tmp_path, max_bytes=100, keep=0)


def test_where_it_is(tmp_path: Path) -> None:
    assert log_path(LogSettings(), tmp_path) == tmp_path / "log.jsonl"
    assert log_path(LogSettings(format="text"), tmp_path) == tmp_path / "log.txt"
    assert log_path(LogSettings(file=str(tmp_path / "x")), Path("elsewhere")) == tmp_path / "x"


class Full(LogFile):
    full = True

    def write(self, line: bytes) -> None:
        if self.full:
            raise OSError("the disk is full")
        super().write(line)


def test_a_full_disk_stops_nothing_and_what_was_lost_is_counted(tmp_path: Path) -> None:
    file = Full(tmp_path / "log", max_bytes=10_000, keep=0)
    handler = LogHandler(file, stderr=False)
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", None, None)
    for _ in range(3):
        handler.handle(record)
    assert handler.lost == 3
    file.full = False
    handler.handle(record)
    handler.close()
    assert (tmp_path / "log").read_text().split() == ["log.lost", "said"]
    assert handler.lost == 0


def test_one_event_that_never_ends_is_counted_and_others_come_through(tmp_path: Path) -> None:
    def tell() -> None:
        for number in range(MAX_LINES + 40):
            LOG.warning("commit.refused", n=number)
        LOG.warning("source.unavailable")

    said = told(LogSettings(), tmp_path, tell)
    assert len(said) == MAX_LINES + 2
    assert said[-2]["event"] == "source.unavailable"
    assert (said[-1]["event"], said[-1]["limited"], said[-1]["lines"]) == ("log.rate_limited", "commit.refused", 40)


def test_the_rate_limit_opens_again_and_never_closes_for_debugging() -> None:
    now = [0.0]
    limit = LogRateLimit(lambda: now[0])
    loud = logging.LogRecord("mumetal.x", logging.INFO, "", 0, "a.b", None, None)
    quiet = logging.LogRecord("mumetal.x", logging.DEBUG, "", 0, "a.b", None, None)
    assert sum(limit.admits(loud)[0] for _ in range(MAX_LINES + 5)) == MAX_LINES
    assert all(limit.admits(quiet)[0] for _ in range(MAX_LINES * 2))
    now[0] = WINDOW_S
    assert limit.admits(loud) == (True, 5)


def test_lines_go_to_the_standard_error_stream_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = lines(LogSettings(stderr=True), tmp_path, lambda: LOG.info("source.opened"))
    assert capsys.readouterr().err.splitlines() == written


def test_why_a_stack_did_not_start_is_in_its_log(tmp_path: Path) -> None:
    with pytest.raises(RejectedError), RunningLog(LogSettings(), tmp_path, plain):
        raise RejectedError("no TLS", where="serve.host")
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert (line["event"], line["where"], line["reason"]) == ("stack.refused", "serve.host", "no TLS")


def test_levels_survive_being_printed_and_read() -> None:
    from mumetal.app.settings import Settings
    from mumetal.app.settings_toml import as_toml

    changed = msgspec.structs.replace(Settings(), logs=LogSettings(levels={"watch": "debug", "uvicorn": "info"}))
    assert decode(as_toml(changed).encode()) == changed
