"""Names in a job that become paths."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

OPENERS = {
    "open",
    "io.open",
    "os.remove",
    "os.unlink",
    "shutil.rmtree",
    "shutil.copy",
    "shutil.move",
    "os.makedirs",
    "numpy.save",
}
METHODS = (".write_bytes", ".write_text", ".read_bytes", ".read_text", ".unlink")
CHECKS = (
    "is_relative_to",
    "relative_to",
    "secure_filename",
    "safe_join",
    "commonpath",
    "basename",
    "fullmatch",
    "isalnum",
)


def _look(source: Source) -> Iterator[Hit]:
    if not source.is_runtime:
        return
    for call in source.calls:
        subject: ast.expr | None = None
        if call.name in OPENERS and call.node.args:
            subject = call.node.args[0]
        elif isinstance(call.node.func, ast.Attribute) and call.name.endswith(METHODS):
            subject = call.node.func.value
        if subject is None or call.origin(subject) is not Origin.JOB:
            continue
        called = call.flow.functions_called()
        if any(name.rsplit(".", 1)[-1] in CHECKS for name in called):
            continue
        if any(isinstance(node, ast.Attribute) and node.attr in {"file", "name_hash"} for node in ast.walk(subject)):
            continue
        yield Hit(node=call.node, detail="A path is built from a job's field and not checked to stay in its folder.")


RULE = CodeRule(
    rule_id="scan.code.path",
    title="Uses a job's field as a path",
    why="'../../etc/cron.d/x' in the field leaves the job's folder.",
    bad="def handle_job(job):\n    with open('/spool/' + job['name'], 'w') as out:\n        out.write('x')\n",
    good=(
        "from pathlib import Path\ndef handle_job(job):\n    root = Path('/spool')\n    path = (root / job['name']).resolve()\n"
        "    if not path.is_relative_to(root):\n        raise ValueError('outside')\n    path.write_text('x')\n"
    ),
    remedy="Name files yourself (a counter, a digest), or resolve and check is_relative_to before opening.",
    reference="CWE-22",
    severity=Severity.HIGH,
    confidence=0.75,
    techniques=("execution.malicious_payload",),
    needs=(b"open", b"write_", b"read_", b"rmtree", b"unlink", b"remove", b"shutil"),
    look=_look,
)
