"""T8: forged ledgers, held against a witness elsewhere and the public key kept elsewhere; and then started again."""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from bench.attack.ledger_forger import (
    EVERY_FILE,
    HAS_LOG_KEY,
    OLDER_TOO,
    ORIGIN,
    SIZES,
    WITHOUT_KEY,
    WITNESS_NAME,
    Attack,
    Forgery,
    Range,
    laid_out,
)
from bench.figure import Line, share_of
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.ledger import record
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.log import ACTOR, MerkleLedger
from mumetal.trust.ledger.rotation import log_keys
from mumetal.trust.ledger.witness import witnessed

ATTACKERS: dict[str, tuple[str, tuple[Attack, ...]]] = {
    "a": ("without the key", WITHOUT_KEY),
    "b": ("who writes every file but the witness's", EVERY_FILE),
    "c": ("who also puts older genuine files back", OLDER_TOO),
}


@dataclass(slots=True)
class Tally:
    """What came of the forgeries of one attacker.

    Args:
        tried: Forgeries that changed something.
        accepted: Those that verified although an entry below the witnessed checkpoint is not what it was.
        overstated: Those that verified with an entry after it that was changed and not called unproved.
        signed: Those after whose start a forged entry was signed by the log.
        passed: Which ones, by name, to look at.
    """

    tried: int = 0
    accepted: int = 0
    overstated: int = 0
    signed: int = 0
    passed: list[str] = field(default_factory=list)


def forge(around: Range, place: Path, who: str, count: int, seed: int) -> Tally:
    """Change a copy so many times as one attacker, and tell what verified and what a start signed."""
    chance, tally = random.Random(f"{who} {seed}"), Tally()
    before = _bytes(around.store)
    while tally.tried < count:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(around.store, place)
        attack = chance.choice(ATTACKERS[who][1])
        attack(Forgery(ledger=place / "ledger", around=around, chance=chance))
        if _bytes(place) == before:
            continue
        tally.tried += 1
        _judge(around, place, attack, tally)
    return tally


def _judge(around: Range, place: Path, attack: Attack, tally: Tally) -> None:
    whole, verified = _verified(around, place / "ledger")
    if verified is not None:
        first_wrong = next((n for n, (a, b) in enumerate(zip(whole, around.truth, strict=False)) if a != b), len(whole))
        wrong = whole != list(around.truth[: len(whole)])
        if len(whole) < SIZES[-1] or first_wrong < SIZES[-1]:
            tally.accepted += 1
            tally.passed.append(f"accepted: {attack.__name__}")
        elif wrong and first_wrong < verified:
            tally.overstated += 1
            tally.passed.append(f"overstated: {attack.__name__}")
    if attack not in HAS_LOG_KEY and _signs_forged(around, place / "ledger"):
        tally.signed += 1
        tally.passed.append(f"signed: {attack.__name__}")


def _verified(around: Range, ledger: Path) -> tuple[list[bytes], int | None]:
    """Return the entries, and how many of them an auditor holds for proved; None where the ledger is refused."""
    try:
        folder = LedgerFolder(ledger)
        keys = log_keys(ledger, ORIGIN, around.log.public)
        seen = witnessed([around.seen], name=WITNESS_NAME, public=around.witness.public, origin=ORIGIN, log_key=keys)
        found = examine(folder, public=around.log.public, witnessed=seen)
        found.refuse()
        return [data for _, data in folder.entries(0, 10**6)], found.count - found.unproved
    except (RejectedError, UnavailableError, BadInputError):
        return [], None


def _signs_forged(around: Range, ledger: Path) -> bool:
    """Start the log on what was forged, as a service does, and say whether it signed an entry that nobody made."""
    try:
        log = MerkleLedger(ledger, origin=ORIGIN, signer=around.log, clock=SystemClock())
    except (RejectedError, UnavailableError, BadInputError):
        return False
    try:
        log.publish()
        found = [e for _, e in log.entries(0, 10**6) if e.actor != ACTOR]
    finally:
        log.close()
    return [record.encode(e) for e in found] != list(around.truth[: len(found)])


def lines(place: Path, count: int) -> list[Line]:
    """Return the lines of T8: so many forgeries, a third by each attacker."""
    around = laid_out(place)
    told = []
    for number, (who, (says, _)) in enumerate(ATTACKERS.items()):
        share = count // 3 + (number < count % 3)
        tally = forge(around, place / "forged", who, share, seed=1)
        bad = tally.accepted + tally.overstated + tally.signed
        goal = "0 of 1,000" if count >= 1_000 else ""
        figure = share_of(
            "T8", f"({who}) forgeries that verified below the last witnessed checkpoint, were called proved after it, "
            "or were signed at the next start", bad, tally.tried, goal=goal, most=0.0 if goal or bad else None,
        )  # fmt: skip
        said = (
            f"{tally.tried} tried; {tally.accepted} accepted, {tally.overstated} called proved, {tally.signed} signed"
            f"{': ' + ', '.join(sorted(set(tally.passed))[:5]) if tally.passed else ''}"
        )
        told.append(Line(what=f"T8 ledgers forged by somebody {says}", said=said, figures=(figure,)))
    return told


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
