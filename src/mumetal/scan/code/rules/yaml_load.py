"""yaml.load with a loader that builds objects."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

UNSAFE = {"yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name in {"yaml.load", "yaml.load_all"}:
            loader = call.argument(1, "Loader")
            name = source.names.of(loader) if loader is not None else ""
            bound = call.flow.bound_to(name) if loader is not None else ()
            if (
                any("Safe" in ast.dump(b) for b in bound)
                or "Safe" in name
                or name.endswith(("BaseLoader", "loader", "Loader_"))
                or call.unpacks
            ):
                continue
            said = name or "no loader"
        elif call.name in UNSAFE:
            said = call.name.rsplit(".", 1)[-1]
        else:
            continue
        first = call.argument(0, "stream")
        if isinstance(first, ast.Constant):
            continue
        foreign = call.origin(first) >= Origin.NETWORK
        yield Hit(
            node=call.node,
            detail=f"YAML is read with {said}.",
            severity=Severity.CRITICAL if foreign else Severity.MEDIUM,
            confidence=0.95 if foreign else 0.8,
        )


RULE = CodeRule(
    rule_id="scan.code.yaml_load",
    title="Reads YAML with a loader that builds Python objects",
    why="A tag such as !!python/object/apply runs a function of the author's choice.",
    bad="import yaml\ndef read(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n",
    good="import yaml\ndef read(stream):\n    return yaml.safe_load(stream)\n",
    remedy="Use yaml.safe_load.",
    reference="CWE-502; PyYAML documentation, CVE-2020-14343",
    techniques=("execution.malicious_payload",),
    needs=(b"yaml",),
    look=_look,
)
