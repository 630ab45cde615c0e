"""What is known of one board's firmware, as the commands write it and the pages read it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError

Text = Annotated[str, Meta(max_length=4_096)]
Line = Annotated[str, Meta(max_length=1_000)]
Lines = Annotated[tuple[Line, ...], Meta(max_length=64)]
Time = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
ProofKind = Literal["TPM 2.0 quote", "host-observed measurement"]
QUOTE: ProofKind = "TPM 2.0 quote"
OBSERVED: ProofKind = "host-observed measurement"
State = Literal["installing", "on trial", "confirmed", "put back", "stuck"]
MAX_RECORD = 1 << 20
RECORD = "firmware.record"  # the act of changing one


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One look at what a board runs.

    Args:
        kind: How it was proved. A host-observed measurement is what the file holds, not what the board runs.
        t_ns: When, nanoseconds since 1970 UTC.
        held: Whether it came out as it should.
        said: What was seen: a digest, or the registers.
        why: Why it did not hold; empty when it did.
    """

    kind: ProofKind
    t_ns: Time
    held: bool
    said: Line
    why: Line = ""


class Clocks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a TPM's counters stood at the last quote that held, so that none goes back."""

    resets: Count
    restarts: Count
    clock_ms: Count


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last judgement of the image.

    Args:
        t_ns: When.
        held: Whether every check held.
        checked: What was checked, one line each, in order.
        failed: What did not hold.
        techniques: Attack techniques it could be a trace of; none when all held.
        unknown: What cannot be known from the bytes.
    """

    t_ns: Time
    held: bool
    checked: Lines
    failed: Lines = ()
    techniques: Lines = ()
    unknown: Lines = ()


class Released(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The release that vouches for the image, and who approved it."""

    name: Line
    version: Line
    security_version: Count
    expires_ns: Time
    approvers: Lines


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a rollout stands on this board.

    Args:
        state: On trial means installed and watched; confirmed, that every stage held.
        t_ns: Since when.
        actor: Who ordered it.
        why: Release, or the reason of the return.
    """

    state: State
    t_ns: Time
    actor: Line
    why: Line


class BoardRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is known of one board.

    Args:
        tenant: Whose it is.
        device: Its name.
        board: What kind of board.
        image: The file that it loads.
        sha384: Digest of what the file held at the last look; empty before the first.
        size: Its bytes.
        release: What vouches for it; None when nothing does.
        proofs: The newest look of each kind, newest first.
        clocks: The TPM's counters; None before the first quote.
        verdict: The last judgement; None before the first.
        stage: The last rollout's state; None when there was none.
        confirmed: Highest security version it confirmed.
        last_good: SHA-384 of the image to go back to; empty when none is kept.
    """

    tenant: Line
    device: Line
    board: Line = ""
    image: Text = ""
    sha384: Annotated[str, Meta(pattern="^([0-9a-f]{96})?$")] = ""
    size: Count = 0
    release: Released | None = None
    proofs: Annotated[tuple[Proof, ...], Meta(max_length=2)] = ()
    clocks: Clocks | None = None
    verdict: Verdict | None = None
    stage: Stage | None = None
    confirmed: Count = 0
    last_good: Annotated[str, Meta(pattern="^([0-9a-f]{96})?$")] = ""

    def with_proof(self, proof: Proof) -> "BoardRecord":
        """Return it with one more look, in place of the last one of its kind."""
        others = tuple(p for p in self.proofs if p.kind != proof.kind)
        return msgspec.structs.replace(self, proofs=(proof, *others))

    @property
    def open(self) -> bool:
        """Whether a rollout began on this board and neither was confirmed nor put back."""
        return self.stage is not None and self.stage.state in {"installing", "on trial", "stuck"}

    @property
    def state(self) -> Literal["good", "ailing", "unproved"]:
        """One word: a failed proof or verdict ails; without any look nothing is known."""
        if any(not p.held for p in self.proofs) or (self.verdict is not None and not self.verdict.held):
            return "ailing"
        if self.stage is not None and self.stage.state == "stuck":
            return "ailing"
        return "good" if self.proofs else "unproved"


def encode(record: BoardRecord) -> bytes:
    """Return a record's bytes."""
    return msgspec.json.encode(record)


def decode(data: bytes, where: str = "record") -> BoardRecord:
    """Read a record.

    Raises:
        BadInputError: Not one.
    """
    if len(data) > MAX_RECORD:
        raise BadInputError(f"a record has at most {MAX_RECORD} bytes", where=where)
    try:
        return msgspec.json.decode(data, type=BoardRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"not a board's record: {error}"[:300], where=where) from None
