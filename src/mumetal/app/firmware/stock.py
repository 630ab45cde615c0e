"""Takes stock of a board: reads its file back, verifies the release, holds the image against its format's promises."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, MumetalError, RejectedError, UnavailableError
from mumetal.core.firmware import FirmwareImage
from mumetal.scan.api import IMPLANT_TECHNIQUE, ROLLBACK_TECHNIQUE, UNAUTHORISED_TECHNIQUE, inspect_firmware
from mumetal.trust.api import (
    HOST_OBSERVED,
    RECORD_BOARD,
    Board,
    BoardProof,
    BoardRecord,
    BoardRelease,
    BoardVerdict,
    FirmwareBook,
    TrustRoot,
    decode_release,
    measure_board,
    read_whole,
    release_approvers,
    verify_release,
)

RELEASED = (
    "signed by the role's threshold of owners, in both schemes",
    "for this board",
    "not expired",
    "not below the security version the board confirmed",
    "SHA-384 as signed",
)
Enter = Callable[[str, str, str, Callable[[], str]], None]
MAX_ENVELOPE = 4 * 2**20
LINES = 20


@dataclass(slots=True, kw_only=True)
class Stocktaker:
    """Looks at the boards of a fleet and writes what it finds into the book.

    Args:
        book: Where it goes.
        read: Reads what a board's file holds.
        root: Says who may release.
        tenant: Whose boards they are.
        enter: Runs a change of a record as an act on the ledger: action, device, why, what to do.
    """

    book: FirmwareBook
    read: Callable[[str], bytes]
    root: TrustRoot
    tenant: str
    enter: Enter
    _seen: dict[str, FirmwareImage | str] = field(default_factory=dict)

    def look(self, device: str, board: Board, now_ns: int, *, envelope: bytes | None = None) -> BoardRecord:
        """Look at one board and return its new record.

        Args:
            device: The board.
            board: Its entry in the fleet file.
            now_ns: The time, nanoseconds since 1970 UTC.
            envelope: Its release, when it is not the one that lies beside its image.

        Raises:
            UnavailableError: The book or the ledger cannot be written.
        """
        try:
            data = self.read(device)
            proof, release, verdict = self._judge(device, board, data, now_ns, envelope)
            size, sha384 = len(data), measure_board(device, lambda _: data, now_ns).sha384
        except UnavailableError as error:
            size, sha384, release = 0, "", None
            proof = BoardProof(kind=HOST_OBSERVED, t_ns=now_ns, held=False, said="nothing", why=str(error)[:1_000])
            verdict = BoardVerdict(t_ns=now_ns, held=False, checked=(), failed=(str(error)[:1_000],))

        def edit(known: BoardRecord) -> BoardRecord:
            return msgspec.structs.replace(
                known.with_proof(proof),
                board=board.board,
                image=board.image,
                sha384=sha384,
                size=size,
                release=release,
                verdict=verdict,
            )

        before = self.book.board(self.tenant, device) or BoardRecord(tenant=self.tenant, device=device)
        if standing(edit(before)) == standing(before):
            return self.book.change(self.tenant, device, edit)  # only the time of the last look is new

        fresh: list[BoardRecord] = []

        def edit_and_tell() -> str:
            fresh.append(self.book.change(self.tenant, device, edit))
            return standing(fresh[0])

        self.enter(RECORD_BOARD, device, f"was {standing(before)}; is {standing(edit(before))}", edit_and_tell)
        return fresh[0]

    def _judge(
        self, device: str, board: Board, data: bytes, now_ns: int, envelope: bytes | None
    ) -> tuple[BoardProof, BoardRelease | None, BoardVerdict]:
        known = self.book.board(self.tenant, device)
        floor = known.confirmed if known else 0
        seen = measure_board(device, lambda _: data, now_ns)
        failed: list[str] = []
        techniques: list[str] = []
        release, why = None, ""
        try:
            signed = envelope if envelope is not None else envelope_of(board)
            verify_release(signed, data, board=board.board, floor=floor, root=self.root, now_ns=now_ns, where=device)
            about, _ = decode_release(signed or b"", device)
            release = BoardRelease(
                name=about.name,
                version=about.version,
                security_version=about.security_version,
                expires_ns=about.expires_ns,
                approvers=release_approvers(signed or b"", root=self.root, now_ns=now_ns),
            )
        except RejectedError as error:
            why = error.message[:1_000]
            failed.append(f"release: {why}")
            techniques.append(ROLLBACK_TECHNIQUE if "step 6: security version" in why else UNAUTHORISED_TECHNIQUE)
        promises, broken, unknown = self._promises(board, seen.sha384, data)
        failed += broken
        techniques += [IMPLANT_TECHNIQUE] if broken else []
        proof = BoardProof(
            kind=HOST_OBSERVED,
            t_ns=now_ns,
            held=not why,
            said=f"SHA-384 {seen.sha384[:32]}… of {seen.size} bytes",
            why=why,
        )
        checked = (*(() if why else RELEASED), promises)
        return proof, release, BoardVerdict(
            t_ns=now_ns, held=not failed, checked=checked, failed=tuple(failed[:LINES]),
            techniques=tuple(techniques), unknown=unknown,
        )  # fmt: skip

    def _promises(self, board: Board, sha384: str, data: bytes) -> tuple[str, list[str], tuple[str, ...]]:
        """Inspect an image once, however many boards hold it."""
        if sha384 not in self._seen:
            try:
                self._seen[sha384] = inspect_firmware(
                    Artefact(uri=board.image, kind="firmware", data=data), board=board.board
                )
            except MumetalError as error:
                self._seen[sha384] = error.message
        found = self._seen[sha384]
        always = ("whether the signers meant well", "whether the board runs what its file holds")
        if isinstance(found, str):
            return "the format's promises: not one could be read", [f"format: {found}"[:1_000]], always
        broken = [f"{p.name}: {p.detail}"[:1_000] for p in found.promises if not p.held]
        count = len(found.promises)
        return f"{count} promises of the format {found.format}", broken, (*found.unknowable, *always)


def standing(record: BoardRecord) -> str:
    """Return in one line what a board holds, who vouches for it and what ails: what a change of is a decision."""
    if record.verdict is None:
        return "not known"
    held = f"sha384={record.sha384[:32]}" if record.sha384 else "nothing that can be read"
    who = record.release
    vouched = f"{who.name} {who.version} by {', '.join(who.approvers)}"[:200] if who else "nobody vouches"
    ails = f"ails: {'; '.join(record.verdict.failed)}"[:300] if record.verdict.failed else "held"
    return f"{record.board} {held}, {vouched}, {ails}"


def envelope_of(board: Board) -> bytes | None:
    """Return the release that the fleet file names, or the one beside the board's image; None when there is none.

    Raises:
        UnavailableError: It cannot be read.
    """
    place = Path(board.release) if board.release else Path(board.image + ".release")
    return read_whole(place, MAX_ENVELOPE)


def entry_of(fleet: dict[str, Board], device: str) -> Board:
    """Return a device's entry of the fleet file.

    Raises:
        BadInputError: It has none.
    """
    try:
        return fleet[device]
    except KeyError:
        raise BadInputError(
            "the fleet file has no such device", where=device[:200], hint=f"it has: {', '.join(list(fleet)[:8])}"
        ) from None
