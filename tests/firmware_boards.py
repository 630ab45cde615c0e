"""Four boards as the commands would leave them on record, for the pages' tests."""

from pathlib import Path

import msgspec

from mumetal.app.firmware.stock import RELEASED
from mumetal.core import LOCAL
from mumetal.trust.firmware.book import Book
from mumetal.trust.firmware.record import OBSERVED, QUOTE, BoardRecord, Proof, Released, Stage, Verdict

S = 10**9
NOW = 1_795_370_400 * S
UNKNOWN = ("whether the code does only what it should", "whether the signers meant well")


def book(folder: Path) -> Book:
    """Return a book with a good, a quoted, an altered and an unproved board."""
    made = Book(folder)
    release = Released(
        name="zcu111-gateware",
        version="2.1",
        security_version=4,
        expires_ns=NOW + 90 * 86_400 * S,
        approvers=("ann", "bob"),
    )
    good = BoardRecord(
        tenant=LOCAL,
        device="rack1",
        board="zcu111",
        image="/srv/boards/rack1/boot.bit",
        sha384="5f" * 48,
        size=34_400_296,
        release=release,
        proofs=(Proof(kind=OBSERVED, t_ns=NOW - 600 * S, held=True, said="SHA-384 5f5f5f5f5f5f… of 34400296 bytes"),),
        verdict=Verdict(t_ns=NOW - 600 * S, held=True, checked=(*RELEASED, "7 promises of the format xilinx-bit"), unknown=UNKNOWN),
        stage=Stage(state="confirmed", t_ns=NOW - 7_200 * S, actor="operator", why="release zcu111-gateware 2.1 security_version=4"),
        confirmed=4,
    )  # fmt: skip
    replace = msgspec.structs.replace
    why = "step 7: its SHA-384 is 0badc0de0badc0de…, not 5f5f5f5f5f5f5f5f…"
    quote = Proof(kind=QUOTE, t_ns=NOW - 60 * S, held=True, said="SHA-256 registers 0, 1, 7")
    boards = [
        good,
        replace(good, device="host-a", board="server", proofs=(quote, *good.proofs)),
        replace(
            good,
            device="cryo-rack-with-a-rather-long-name/slot3",
            sha384="0b" * 48,
            release=None,
            proofs=(Proof(kind=OBSERVED, t_ns=NOW - 30 * S, held=False, said="SHA-384 0b0b0b0b… of 34400340 bytes", why=why),),
            verdict=Verdict(
                t_ns=NOW - 30 * S, held=False, checked=("7 promises of the format xilinx-bit",),
                failed=(f"release: {why}", "fdri0.frame-ecc: 3 of 8192 frames differ, first 4711"),
                techniques=("persistence.unauthorised_firmware", "persistence.firmware_implant"), unknown=UNKNOWN,
            ),
            stage=Stage(state="on trial", t_ns=NOW - 1_200 * S, actor="operator", why="release zcu111-gateware 2.1"),
            last_good="5f" * 48,
        ),
        BoardRecord(tenant=LOCAL, device="rack9"),
    ]  # fmt: skip
    for board in boards:
        made.change(LOCAL, board.device, lambda _, board=board: board)  # type: ignore[misc]
    return made
