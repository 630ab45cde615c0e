"""Models and arrays that are pickles inside: torch.load and numpy.load."""

from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.rules.loading import foreign, is_false, is_true
from mumetal.scan.code.source import Source


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name == "torch.load":
            flag = call.keyword("weights_only")
            if is_false(flag):
                if call.origin(call.argument(0, "f")) > Origin.OWN:
                    yield Hit(node=call.node, detail="torch.load is told weights_only=False.", confidence=0.85)
            elif flag is None and not call.unpacks:
                yield from foreign(source, call, "torch.load without weights_only=True (the default before 2.6)")
        elif call.name == "numpy.load" and is_true(call.keyword("allow_pickle")):
            yield from foreign(source, call, "numpy.load with allow_pickle=True")


RULE = CodeRule(
    rule_id="scan.code.model_load",
    title="Loads a model or array that may be a pickle",
    why="Weights from a registry or a job then run code in the process that loads them.",
    bad="import numpy as np\ndef handle_job(job):\n    return np.load(job['file'], allow_pickle=True)\n",
    good="import numpy as np\ndef handle_job(job):\n    return np.load(job['file'], allow_pickle=False)\n",
    remedy="Use weights_only=True or safetensors for models, allow_pickle=False for arrays.",
    reference="CWE-502; PyTorch documentation of torch.load, CVE-2025-32434; CVE-2019-6446",
    severity=Severity.MEDIUM,
    techniques=("execution.malicious_payload",),
    needs=(b"torch", b"allow_pickle"),
    look=_look,
)
