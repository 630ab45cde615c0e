"""Certificates that nobody checks."""

import ast
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.rules.loading import is_false
from mumetal.scan.code.source import Source

CLIENTS = re.compile(
    r"(?:requests|httpx)\..*|.*(?:QiskitRuntimeService|IBMProvider|IBMBackend|Session|Client|AsyncClient)(?:\(\))?(?:\..*)?"
    r"|aiohttp\..*|boto3\..*|.*\.(?:get|post|put|patch|delete|request)"
)
OPTION = re.compile(r"verif|insecure|check|cert|hostname|ssl", re.IGNORECASE)
LOOPBACK = re.compile(r"(?:https?://|dns:///|ipv[46]:)?(?:localhost|127\.|\[::1\]|unix:)")


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        verify = call.keyword("verify")
        if is_false(verify) and CLIENTS.fullmatch(call.name) and not _loopback(call.node):
            yield Hit(node=call.node, detail="verify=False accepts any certificate.")
        elif call.name.startswith("aiohttp.") and is_false(call.keyword("ssl")):
            yield Hit(node=call.node, detail="ssl=False accepts any certificate.")
        elif call.name == "ssl._create_unverified_context":
            yield Hit(node=call.node, detail="An unverified TLS context is made.")
        elif call.name == "grpc.insecure_channel" and not _loopback(call.node):
            yield Hit(node=call.node, detail="A gRPC channel has no TLS.", confidence=0.6)
        elif call.name == "paramiko.AutoAddPolicy":
            yield Hit(node=call.node, detail="SSH host keys are accepted unseen.", confidence=0.8)
    asked = _asked_for(source)
    for node, _ in source.of(ast.Assign):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Attribute):
            continue
        attribute = node.targets[0].attr
        if (attribute == "check_hostname" and is_false(node.value)) or (
            attribute == "verify_mode" and source.names.of(node.value).endswith("CERT_NONE")
        ):
            if node in asked:
                yield Hit(
                    node=node,
                    detail=f"{attribute} is switched off when the caller asks for it.",
                    severity=Severity.LOW,
                    confidence=0.5,
                )
            else:
                yield Hit(node=node, detail=f"{attribute} is switched off.")
        elif attribute == "verify" and is_false(node.value) and "requests" in source.names.imported:
            yield Hit(node=node, detail="A session's verify is switched off.")


def _asked_for(source: Source) -> set[ast.AST]:
    """Return the statements that stand under a condition which speaks of verification: an option, not a habit."""
    under: set[ast.AST] = set()
    for node, _ in source.of(ast.If):
        if isinstance(node, ast.If) and OPTION.search(ast.unparse(node.test)[:500]):
            under.update(inner for part in (*node.body, *node.orelse) for inner in ast.walk(part))
    return under


def _loopback(call: ast.Call) -> bool:
    return any(
        isinstance(a, ast.Constant) and isinstance(a.value, str) and LOOPBACK.match(a.value) is not None
        for a in call.args
    )


RULE = CodeRule(
    rule_id="scan.code.tls",
    title="Does not check a certificate",
    why="Whoever sits on the path reads the token and answers for the device or the queue.",
    bad="import requests\ndef jobs(url):\n    return requests.get(url, verify=False, timeout=5)\n",
    good="import requests\ndef jobs(url):\n    return requests.get(url, verify='/etc/lab-ca.pem', timeout=5)\n",
    remedy="Give the lab's own authority as the trust anchor instead of switching the check off.",
    reference="CWE-295",
    severity=Severity.HIGH,
    confidence=0.9,
    techniques=("initial_access.token_theft", "impair.provider_tampering"),
    needs=(
        b"verify",
        b"CERT_NONE",
        b"check_hostname",
        b"_create_unverified_context",
        b"insecure_channel",
        b"AutoAddPolicy",
        b"ssl=False",
    ),
    look=_look,
)
