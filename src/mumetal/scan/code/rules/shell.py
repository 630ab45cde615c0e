"""Fields of a job in a shell command."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.rules.loading import is_true
from mumetal.scan.code.source import Source

ALWAYS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "commands.getoutput", "popen2.popen3",
}  # fmt: skip
WITH_SHELL = {f"subprocess.{verb}" for verb in ("run", "call", "check_call", "check_output", "Popen")}
SHELLS = {"sh", "bash", "/bin/sh", "/bin/bash", "zsh", "ssh", "cmd", "cmd.exe", "powershell"}


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if not call.node.args and not call.node.keywords:
            continue
        command = call.argument(0, "args")
        shell = call.name in ALWAYS or (call.name in WITH_SHELL and (is_true(call.keyword("shell")) or _shell(command)))
        if not shell or command is None:
            continue
        origin = call.origin(command)
        if origin >= Origin.NETWORK:
            yield Hit(node=call.node, detail=f"A shell command is built from {origin.words}.")
        elif origin > Origin.OWN and source.is_runtime and isinstance(command, ast.JoinedStr | ast.BinOp | ast.Call):
            yield Hit(
                node=call.node,
                detail=f"In a module that takes jobs, a shell command is built from {origin.words}.",
                severity=Severity.MEDIUM,
                confidence=0.5,
            )


def _shell(command: ast.expr | None) -> bool:
    """Whether a list of arguments starts a shell: ``["bash", "-c", …]``."""
    if not isinstance(command, ast.List | ast.Tuple) or len(command.elts) < 3:
        return False
    first, second = command.elts[:2]
    return (
        isinstance(first, ast.Constant)
        and first.value in SHELLS
        and isinstance(second, ast.Constant)
        and second.value in {"-c", "/c"}
    )


RULE = CodeRule(
    rule_id="scan.code.shell",
    title="Builds a shell command from a job",
    why="A name such as 'x; curl … | sh' in a job's field runs on the control host.",
    bad="import subprocess\ndef handle_job(job):\n    subprocess.run(f\"submit {job['name']}\", shell=True)\n",
    good="import subprocess\ndef handle_job(job):\n    subprocess.run(['submit', '--', job['name']], check=True)\n",
    remedy="Pass a list without a shell, with '--' before what is not yours; shlex.quote where a shell must be.",
    reference="CWE-78",
    severity=Severity.CRITICAL,
    confidence=0.9,
    techniques=("execution.malicious_payload",),
    needs=(b"subprocess", b"os.system", b"popen", b"getoutput", b"create_subprocess_shell", b"from os"),
    look=_look,
)
