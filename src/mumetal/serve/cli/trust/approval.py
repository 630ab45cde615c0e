"""``mumetal keys approve`` and ``approved``: people's own word for one act on given bytes."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, seconds
from mumetal.serve.cli.trust.key_options import (
    PinOption,
    RootsOption,
    SignOption,
    read_bytes,
    root_versions,
    secrets,
    write_bytes,
)

ActionOption = Annotated[str, typer.Option("--action", help="The act, such as model.promote or firmware.install.")]
ResourceOption = Annotated[str, typer.Option("--resource", help="To what, as it will stand on the ledger.")]
BytesArgument = Annotated[Path, typer.Argument(help="The file that is acted on: a manifest, an image, a policy.")]
ApprovalOption = Annotated[Path | None, typer.Option("--approval", help="The approval [default: FILE.approval].")]


def _beside(path: Path, approval: Path | None) -> Path:
    return approval or path.with_name(path.name + ".approval")


def approve(
    path: BytesArgument,
    *,
    action: ActionOption,
    resource: ResourceOption,
    why: Annotated[str, typer.Option("--why", help="The reason, in one line.")],
    sign: SignOption,
    lasting: Annotated[str, typer.Option("--for", help="How long it counts.")] = "7d",
    approval: ApprovalOption = None,
    as_json: JsonOption = False,
) -> int:
    """Approve an act on a file with your own key; the next approver uses `mumetal keys countersign`."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import Approval, open_key, sign_approval

    now = SystemClock().now_ns()
    stop = now + round(seconds(lasting) * 1e9)
    said = Approval(action=action, resource=resource, why=why, start_ns=now, stop_ns=stop)
    place = _beside(path, approval)
    write_bytes(place, sign_approval(said, read_bytes(path), [open_key(uri, secrets()) for uri in sign]))
    text = f"{place}: {action} of {resource}, signed by {len(sign)}"
    typer.echo(msgspec.json.encode({"approval": str(place), "signers": len(sign)}).decode() if as_json else text)
    return 0


def approved(
    path: BytesArgument,
    *,
    action: ActionOption,
    resource: ResourceOption,
    role: Annotated[str, typer.Option("--role", help="Who must approve, a role of the trust root.")],
    roots: RootsOption,
    pin: PinOption,
    not_by: Annotated[list[str] | None, typer.Option("--not-by", help="Owner who may not: who made it.")] = None,
    approval: ApprovalOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check that an act on a file is approved by enough owners; ends with 4 and the step that failed when it is not."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import approval_approvers, load_roots, verify_approval

    now = SystemClock().now_ns()
    root = load_roots(root_versions(roots), pinned=pin, now_ns=now)
    envelope = read_bytes(_beside(path, approval))
    verify_approval(
        envelope,
        read_bytes(path),
        action=action,
        resource=resource,
        root=root,
        role=role,
        now_ns=now,
        not_by=not_by or (),
    )
    who = approval_approvers(envelope, root, role, now)
    text = f"{action} of {resource}: approved by {', '.join(who)}"
    typer.echo(msgspec.json.encode({"approved": True, "by": who}).decode() if as_json else text)
    return 0
