"""The scanner over source code: one parse for all rules, and only where a rule could match."""

import ast
from collections.abc import Iterator, Sequence

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.scan.code.grants import Grant, grants
from mumetal.scan.code.notebook import Joined, join
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.rules import CODE_RULES
from mumetal.scan.code.source import parse
from mumetal.scan.place import Place, time_of

MAX_FINDINGS = 500


class CodeScanner:
    """Finds unsafe loading, injection, loose modes and the like in Python files, cells and notebooks.

    Args:
        rules: Rules to apply; all of ``CODE_RULES`` when omitted.
    """

    info = PluginInfo(
        plugin_id="scan.code",
        title="Unsafe quantum and job-runtime code",
        reference="Syntax trees with origins of values; CWE-502, CWE-78, CWE-89, CWE-732, CWE-295",
        techniques=("execution.malicious_payload", "initial_access.token_theft"),
    )

    def __init__(self, rules: Sequence[CodeRule] | None = None) -> None:
        self._rules = tuple(rules) if rules is not None else tuple(rule for _, rule in CODE_RULES)

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what is wrong with one file, cell or notebook; besides Python only configuration with grants is read.

        Raises:
            BadInputError: It calls itself Python, a notebook or configuration and is not.
        """
        path = artefact.uri.partition("#")[0].lower()
        if path.endswith(".ipynb") and artefact.kind != "cell":
            joined = join(artefact.data, artefact.uri)
            yield from self._module(artefact, joined.text, joined)
        elif path.endswith((".py", ".pyi", ".pyw")) or artefact.kind == "cell":
            yield from self._module(artefact, artefact.data, None)
        elif artefact.kind == "payload":
            if _is_pickled(artefact.data):
                yield _pickled(artefact)
        elif artefact.kind in {"file", "blob"}:
            for number, grant in enumerate(grants(path, artefact.data)):
                if number >= MAX_FINDINGS:
                    return
                yield _too_wide(artefact, grant)

    def _module(self, artefact: Artefact, text: bytes, joined: Joined | None) -> Iterator[Finding]:
        rules = [r for r in self._rules if any(need in text for need in r.needs)]
        if not rules:
            return
        source = parse(text, artefact.uri)
        starts = _line_starts(text)
        told = 0
        for rule in rules:
            for hit in rule.look(source):
                yield _finding(artefact, rule, hit, starts, joined)
                told += 1
                if told >= MAX_FINDINGS:
                    return


def _line_starts(text: bytes) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _finding(artefact: Artefact, rule: CodeRule, hit: Hit, starts: list[int], joined: Joined | None) -> Finding:
    node = hit.node
    path, line = artefact.uri, node.lineno
    if joined is not None:
        cell, line = joined.place(node.lineno)
        path = f"{artefact.uri}#cell{cell}"
    end = node.end_col_offset if node.end_lineno == node.lineno and node.end_col_offset else 0
    place = Place(path=path, line=line, column=node.col_offset + 1, end=end + 1 if end else node.col_offset + 2)
    offset = starts[min(node.lineno, len(starts)) - 1] + node.col_offset
    t_ns = time_of(artefact)
    detail = f"{path}:{line}:{node.col_offset + 1}: {hit.detail} {rule.why}"
    return Finding(
        tenant=artefact.tenant,
        subject=Subject.path(artefact.uri),
        rule=rule.rule_id,
        identity=f"byte {offset}",
        title=rule.title,
        detail=detail[:4_000],
        remedy=rule.remedy,
        start_ns=t_ns,
        stop_ns=t_ns,
        severity=hit.severity or rule.severity,
        confidence=rule.confidence if hit.confidence is None else hit.confidence,
        techniques=rule.techniques,
        evidence=(Evidence(uri=place.uri, digest=artefact.digest, note=_note(node)),),
    )


def _is_pickled(data: bytes) -> bool:
    """Whether bytes are a pickle of protocol 2 to 5, or a NumPy array of objects, which holds one."""
    plain = data[:1] == b"\x80" and data[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"} and data.endswith(b".")
    return plain or (data.startswith(b"\x93NUMPY") and b"'|O'" in data[:512])


def _pickled(artefact: Artefact) -> Finding:
    t_ns = time_of(artefact)
    return Finding(
        tenant=artefact.tenant,
        subject=Subject.path(artefact.uri),
        rule="scan.code.pickled_payload",
        identity="payload",
        title="A job's payload holds a pickle",
        detail=f"{artefact.uri}: {len(artefact.data)} bytes that only a pickle loader reads. A pickle is a program.",
        remedy="Refuse the job; send circuits as OpenQASM or QPY 13+ and data as JSON or NumPy arrays without objects.",
        start_ns=t_ns,
        stop_ns=t_ns,
        severity=Severity.CRITICAL,
        confidence=0.9,
        techniques=("execution.malicious_payload",),
        evidence=(Evidence(uri=Place(path=artefact.uri, line=1).uri, digest=artefact.digest, note="pickled"),),
    )


def _too_wide(artefact: Artefact, grant: Grant) -> Finding:
    t_ns = time_of(artefact)
    return Finding(
        tenant=artefact.tenant,
        subject=Subject.path(artefact.uri),
        rule="scan.code.grants",
        identity=f"line {grant.line}",
        title="Grants more than any job needs",
        detail=f"{artefact.uri}:{grant.line}: {grant.detail} One stolen key or one hostile job then reaches everything (CWE-732)."[
            :4_000
        ],
        remedy="Name the actions, the resources and the people; keep job runtimes from identity, key and queue administration.",
        start_ns=t_ns,
        stop_ns=t_ns,
        severity=grant.severity,
        confidence=grant.confidence,
        techniques=("initial_access.token_theft", "impair.config_edit"),
        evidence=(
            Evidence(uri=Place(path=artefact.uri, line=grant.line).uri, digest=artefact.digest, note="granted here"),
        ),
    )


def _note(node: ast.expr | ast.stmt) -> str:
    return type(node).__name__.lower()
