"""``mumetal scan fix``: take secrets out of files, after showing what would change."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption

if TYPE_CHECKING:
    from mumetal.scan.api import FixPlan

RootArgument = Annotated[Path | None, typer.Argument(help="Folder to mend [default: this one].")]


def fix(
    root: RootArgument = None,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Write the changes; without it they are only shown.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back.")] = False,
    to: Annotated[Literal["env", "keyring"], typer.Option("--to", help="Where Python looks the secrets up.")] = "env",
    as_json: JsonOption = False,
) -> int:
    """Replace secrets in files by look-ups; shows what would change, or writes it with --apply. 1 when work is left."""
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import (
        Excluding,
        FixPlanner,
        SecretScanner,
        apply_fix,
        files_of,
        load_scan_settings,
        read_fixable,
        run_scan,
        scanners_of,
        undo_fix,
        work_tree,
    )

    folder = root or Path()
    if not folder.is_dir():
        raise BadInputError("this is no folder", where=str(folder))
    if undo:
        with _act(folder, "scan.undo", "the newest change is taken back"):
            restored = undo_fix(folder)
        typer.echo(
            msgspec.json.encode({"restored": restored}).decode()
            if as_json
            else "\n".join(f"restored {p}" for p in restored)
        )
        return 0
    clock = SystemClock()
    problems: list[Quarantined] = []
    chosen = load_scan_settings(folder)
    scanner = next(s for s in scanners_of(("secrets",)) if isinstance(s, SecretScanner))
    source = Excluding([work_tree(folder, chosen, problems.append)], chosen.exclude)
    found = run_scan(source, [scanner], clock=clock, problems=problems)
    whole, inside = files_of(found.entries)
    plan = FixPlanner(scanner, to).plan(*read_fixable(folder, whole))
    kept = None
    if apply and plan.changes:
        with _act(folder, "scan.fix", f"{len(plan.changes)} files: {', '.join(c.path for c in plan.changes)}"):
            kept = apply_fix(folder, plan.changes, clock.now_ns())
    if as_json:
        body = {
            "changes": [{"path": c.path, "notes": c.notes} for c in plan.changes],
            "left": plan.left,
            "archives": inside,
            "variables": plan.variables,
            "applied": kept is not None,
        }
        typer.echo(msgspec.json.encode(body).decode())
    else:
        _tell(plan, inside, kept)
    work_left = bool(plan.left or inside) or (bool(plan.changes) and not apply)
    return 1 if work_left else 0


@contextmanager
def _act(folder: Path, action: str, why: str) -> Iterator[None]:
    """Run the body as an act of the operating system's user, on a ledger in the folder's own ``.mumetal/scan``."""
    from mumetal.access.api import LocalOperator, os_user, person_scope
    from mumetal.core import LOCAL
    from mumetal.core.acts import Acts
    from mumetal.core.clock import SystemClock
    from mumetal.core.ports import Request
    from mumetal.core.subject import Subject
    from mumetal.trust.api import opened_ledger

    clock, who, place = SystemClock(), os_user(), folder / ".mumetal" / "scan"
    place.mkdir(parents=True, exist_ok=True)
    (place / ".gitignore").write_text("*\n")  # its key is nobody else's
    with opened_ledger(place, clock) as ledger:
        acts = Acts(ledger, LocalOperator(principal=who, tenant=LOCAL, actions=(action,)), clock)
        person, tree = person_scope(LOCAL, who).principal, Subject.path(str(folder.resolve()))
        with acts.act(Request(tenant=LOCAL, principal=person, action=action, resource=tree), why):
            yield


def _tell(plan: "FixPlan", inside: tuple[str, ...], kept: Path | None) -> None:
    from mumetal.scan.api import fix_diff, plain

    out = sys.stdout.write
    for change in plan.changes:
        out(f"{_lines(fix_diff(change))}\n")
        for note in change.notes:
            out(f"  note: {plain(change.path)}: {note}\n")
    for left in plan.left:
        out(f"by hand: {plain(left.where)}: {plain(left.reason)}\n")
    for path in inside:
        out(f"by hand: {plain(path)}: inside an archive\n")
    if not (plan.changes or plan.left or inside):
        out("No secret was found.\n")
        return
    if plan.variables:
        out(f"Set from now on: {', '.join(plan.variables)}\n")
    if plan.advice:
        out("A secret that was written down is known to others: revoke it first.\n")
    for vendor, revoke, rotate in plan.advice:
        out(f"  {vendor}: {revoke}{' ' + rotate if rotate else ''}\n")
    out("Git's history still holds what was committed; see `mumetal scan --history`. Rewriting it (git filter-repo\n")
    out("--replace-text) changes every commit after it and helps only after the secret is revoked.\n")
    if kept is not None:
        out(f"Written. The originals, secrets included, are in {kept}: `mumetal scan fix --undo` takes it all back;\n")
        out("delete that folder once you are content.\n")
    elif plan.changes:
        out("Nothing was written: add --apply.\n")


def _lines(text: str) -> str:
    from mumetal.scan.api import plain

    return "\n".join(plain(line) for line in text.split("\n"))
