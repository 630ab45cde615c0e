"""Instances, resource names and backends written into programs."""

import ast
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

RESOURCE = re.compile(
    r"crn:v1:[a-z0-9-]+:[a-z]+:quantum-computing:[^\s]{8,}|arn:aws:braket:[a-z0-9-]*:\d{12}:[^\s]+"
    r"|/subscriptions/[0-9a-f-]{36}/resourceGroups/[^\s/]+/providers/Microsoft\.Quantum/[^\s]+"
)
OWNER = {"instance", "channel_instance", "resource_id", "crn", "project_id", "hub_group_project"}
BACKEND = re.compile(
    r"ibm_[a-z]{4,}|ibmq_(?!qasm_simulator)[a-z]{3,}|ionq\.qpu[.\w-]*|quantinuum\.qpu[.\w-]*|rigetti\.qpu[.\w-]*"
)
GETTERS = (".backend", ".get_backend", ".get_device", ".target")


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        for argument in [*call.node.args, *(k.value for k in call.node.keywords)]:
            if (
                isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
                and RESOURCE.fullmatch(argument.value)
            ):
                yield Hit(
                    node=argument, detail="An account's resource name stands in the program.", severity=Severity.LOW
                )
        for keyword in call.node.keywords:
            value = keyword.value
            if (
                keyword.arg in OWNER
                and isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and call.name.endswith(("Service", "Provider", "Workspace", "Engine"))
                and len(value.value) > 8
                and not RESOURCE.fullmatch(value.value)
                and not value.value.startswith("<")
            ):
                yield Hit(
                    node=value, detail=f"{keyword.arg} is fixed in the program.", severity=Severity.LOW, confidence=0.6
                )
        if call.name.endswith(GETTERS) and call.node.args:
            first = call.node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and BACKEND.fullmatch(first.value):
                yield Hit(
                    node=first,
                    detail=f"The backend {first.value} is fixed in the program.",
                    severity=Severity.INFORMATIONAL,
                    confidence=0.6,
                )


RULE = CodeRule(
    rule_id="scan.code.fixed_target",
    title="Instance or backend is fixed in the program",
    why="It tells outsiders which account and device to aim at, and the job breaks or moves when the device retires.",
    bad="from qiskit_ibm_runtime import QiskitRuntimeService\nservice = QiskitRuntimeService()\nbackend = service.backend('ibm_kyiv')\n",
    good=(
        "import os\nfrom qiskit_ibm_runtime import QiskitRuntimeService\nservice = QiskitRuntimeService()\n"
        "backend = service.backend(os.environ['BACKEND'])\n"
    ),
    remedy="Take instance and backend from the environment or a configuration outside the repository.",
    reference="CWE-1051",
    severity=Severity.LOW,
    confidence=0.8,
    techniques=("discovery.device_fingerprint",),
    needs=(
        b"crn:v1",
        b"arn:aws:braket",
        b"Microsoft.Quantum",
        b"ibm_",
        b"ibmq_",
        b".qpu",
        b"instance",
        b"resource_id",
        b"project_id",
    ),
    look=_look,
)
