"""Bodies of findings and sightings from before a finding named its subject, put into today's form; every id stays.

A finding had a device and a stream, whatever it was said of, and one of a scan had a false time, which told it from
others. What was the start is its identity from now on.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Table, select, tuple_, update

from mumetal.connect.stores.records.tables import FINDINGS, OUTBOX, SIGHTINGS
from mumetal.core.subject import SubjectKind

BATCH = 500
BY_RULE = (
    ("scan.", SubjectKind.PATH),
    ("trust.models.", SubjectKind.MODEL),
    ("serve.source_", SubjectKind.SOURCE),
    ("serve.ledger_", SubjectKind.LEDGER),
    ("serve.maintenance_", SubjectKind.STORE),
)


def named(body: bytes) -> bytes:
    """Return a finding's body with its subject and identity; what is none, or has them already, stays as it is."""
    try:
        old = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        device, stream, rule = (msgspec.json.decode(old[key], type=str) for key in ("device", "stream", "rule"))
        start = msgspec.json.decode(old["start_ns"], type=int)
    except (msgspec.MsgspecError, KeyError):
        return body
    if "subject" in old:
        return body
    by_rule = next((kind for prefix, kind in BY_RULE if rule.startswith(prefix)), SubjectKind.STREAM)
    kind = by_rule if stream else SubjectKind.DEVICE
    del old["device"], old["stream"]
    old["subject"] = msgspec.Raw(msgspec.json.encode({"kind": kind.value, "name": stream or device, "device": device}))
    if kind is not SubjectKind.STREAM:
        old["identity"] = msgspec.Raw(msgspec.json.encode(str(start)))
    return msgspec.json.encode(old)


def with_identity(body: bytes) -> bytes:
    """Return a sighting's body with the identity that its finding has."""
    try:
        old = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        start = msgspec.json.decode(old["first_ns"], type=int)
    except (msgspec.MsgspecError, KeyError):
        return body
    old.setdefault("identity", msgspec.Raw(msgspec.json.encode(str(start))))
    return msgspec.json.encode(old)


def name_subjects(db: Connection) -> None:
    """Put every body there is into today's form."""
    _rewrite(db, FINDINGS, named)
    _rewrite(db, OUTBOX, named)  # an incident's body has no rule, and stays as it is
    _rewrite(db, SIGHTINGS, with_identity)


def _rewrite(db: Connection, table: Table, change: Callable[[bytes], bytes]) -> None:
    key = list(table.primary_key.columns)
    query = select(*key, table.c.body).order_by(*key).limit(BATCH)
    rows = db.execute(query).all()
    while rows:
        for row in rows:
            changed = change(row.body)
            if changed != row.body:
                same = [column == value for column, value in zip(key, row, strict=False)]
                db.execute(update(table).where(*same).values(body=changed))
        rows = db.execute(query.where(tuple_(*key) > tuple_(*rows[-1][: len(key)]))).all()
