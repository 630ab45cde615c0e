"""Grants in configuration that are wider than any job needs: cloud policies, Cedar, Kubernetes roles, queue access lists.

JSON and TOML are decoded; of YAML only keys with lists or words are read, line by line, which is what a role needs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity

MAX_BYTES = 4 * 2**20
MAX_NODES = 200_000
EVERYONE = frozenset({"*", "all", "everyone", "anyone", "public", "any", "system:anonymous", "system:unauthenticated"})
ACCESS = re.compile(
    r"(?:allow(?:ed)?_?(?:users|groups|accounts|principals|hosts|submitters)|submit(?:ters|_users|_acl)?|acl|operators|admins)",
    re.IGNORECASE,
)
QUEUE_FILE = re.compile(r"queue|slurm|scheduler|partition|broker|backend|runtime|jobs?[._-]", re.IGNORECASE)
QUANTUM = re.compile(r"(?:braket|quantum|qiskit|s3|iam|sqs|lambda|ec2|secretsmanager|kms)?:?\*", re.IGNORECASE)
_CEDAR = re.compile(r"permit\s*\(\s*principal\s*,\s*action\s*,\s*resource\s*\)\s*(when|unless|;)", re.IGNORECASE)
_YAML = re.compile(r"(?P<indent>\s*)(?P<dash>-\s+)?(?P<key>[\w./-]{1,80})\s*:\s*(?P<value>[^#]*?)\s*(?:#.*)?")
_ITEM = re.compile(r"\s*-\s+[\"']?(?P<value>[^\"'#]{1,200}?)[\"']?\s*(?:#.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant that is too wide.

    Args:
        line: Where, from 1.
        detail: What is granted to whom.
        severity: How bad.
        confidence: Probability that it is meant for a live system, in [0, 1].
    """

    line: int
    detail: str
    severity: Severity
    confidence: float


def grants(path: str, data: bytes) -> Iterator[Grant]:
    """Yield the grants of a configuration file that are too wide; files of other kinds are passed over.

    Raises:
        BadInputError: JSON or TOML that cannot be read, or too large.
    """
    name = path.rsplit("/", 1)[-1].lower()
    wanted = name.endswith((".json", ".toml", ".yaml", ".yml", ".cedar"))
    if not wanted or not any(mark in data for mark in (b"*", b"permit", b"everyone", b"anyone", b"ALL", b"system:")):
        return
    if len(data) > MAX_BYTES:
        raise BadInputError(f"{len(data)} bytes are more than {MAX_BYTES}", where=path)
    text = data.decode("utf-8", "replace")
    if name.endswith(".cedar"):
        yield from _cedar(text)
    elif name.endswith((".yaml", ".yml")):
        yield from _yaml(text, name)
    elif b'"Statement"' in data or QUEUE_FILE.search(name):
        try:
            read: object = msgspec.json.decode(data) if name.endswith(".json") else msgspec.toml.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise BadInputError(f"cannot be read: {str(error)[:200]}", where=path) from None
        yield from _tree(read, text, name)


def _line(text: str, part: str) -> int:
    at = text.find(part)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _cedar(text: str) -> Iterator[Grant]:
    bare = re.sub(r"//[^\n]*", lambda m: " " * len(m[0]), text)
    for found in _CEDAR.finditer(bare):
        if found[1] == ";":
            yield Grant(
                line=bare.count("\n", 0, found.start()) + 1, detail="permit(principal, action, resource) lets anyone do anything.",
                severity=Severity.HIGH, confidence=0.9,
            )  # fmt: skip


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _tree(read: object, text: str, name: str) -> Iterator[Grant]:
    stack, seen = [read], 0
    while stack and seen < MAX_NODES:
        node = stack.pop()
        seen += 1
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            stack += node.values()
            if node.get("Effect") == "Allow":
                yield from _statement(node, text)
            for key, value in node.items():
                wide = [w for w in _words(value) if w.lower() in EVERYONE]
                if QUEUE_FILE.search(name) and isinstance(key, str) and ACCESS.fullmatch(key) and wide:
                    yield Grant(
                        line=_line(text, key),
                        detail=f"{key} is {wide[0]!r}: anyone may.",
                        severity=Severity.MEDIUM,
                        confidence=0.75,
                    )


def _statement(node: dict[str, object], text: str) -> Iterator[Grant]:
    actions = [a for a in _words(node.get("Action")) if a == "*" or QUANTUM.fullmatch(a)]
    everywhere = "*" in _words(node.get("Resource"))
    who = node.get("Principal")
    anyone = "*" in _words(who) or (isinstance(who, dict) and any("*" in _words(v) for v in who.values()))
    line = _line(text, f'"{actions[0]}"') if actions else _line(text, '"Principal"')
    if anyone and not node.get("Condition"):
        yield Grant(
            line=_line(text, '"Principal"'),
            detail="The policy names everyone as its principal.",
            severity=Severity.HIGH,
            confidence=0.85,
        )
    if actions and everywhere:
        worst = "*" in actions
        yield Grant(
            line=line, detail=f"{actions[0]} is allowed on every resource.",
            severity=Severity.HIGH if worst else Severity.MEDIUM, confidence=0.9 if not node.get("Condition") else 0.6,
        )  # fmt: skip


def _yaml(text: str, name: str) -> Iterator[Grant]:
    held: dict[str, tuple[set[str], int]] = {}
    key = ""
    role = False
    for number, line in enumerate([*text.splitlines()[:200_000], "---"], 1):
        if line.startswith("---"):
            held, role = {}, False
            continue
        found = _YAML.fullmatch(line)
        if found:
            key = found["key"]
            if found["dash"]:
                held = {}
            if key == "kind" and not found["indent"] and not found["dash"]:
                role = found["value"].strip("\"'") in {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
            words = {w.strip(" \"'") for w in found["value"].strip("[]").split(",")} - {""}
        elif item := _ITEM.fullmatch(line):
            words = {item["value"]}
        else:
            continue
        if key not in held:
            held[key] = (set(), number)
        held[key][0].update(words)
        if (
            role
            and key in {"verbs", "resources"}
            and words & {"*"}
            and all("*" in held.get(k, (set(), 0))[0] for k in ("verbs", "resources"))
        ):
            yield Grant(
                line=number,
                detail="A role may do everything to every resource.",
                severity=Severity.HIGH,
                confidence=0.9,
            )
        elif role and key == "name" and words & {"system:anonymous", "system:unauthenticated"}:
            yield Grant(
                line=number, detail=f"A role is bound to {min(words)}.", severity=Severity.HIGH, confidence=0.95
            )
        elif QUEUE_FILE.search(name) and ACCESS.fullmatch(key) and {w.lower() for w in words} & EVERYONE:
            yield Grant(
                line=number, detail=f"{key} is {min(words)!r}: anyone may.", severity=Severity.MEDIUM, confidence=0.75
            )
