"""Pickle and its relatives: loading runs whatever the bytes say."""

from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.rules.loading import foreign
from mumetal.scan.code.source import Source

LOADERS = {
    f"{package}.{verb}"
    for package, verbs in {
        "pickle": ("load", "loads", "Unpickler"), "_pickle": ("load", "loads"), "cPickle": ("load", "loads"),
        "dill": ("load", "loads", "load_session", "load_module"), "cloudpickle": ("load", "loads"), "joblib": ("load",),
        "jsonpickle": ("decode",), "marshal": ("load", "loads"), "shelve": ("open",), "pandas": ("read_pickle",),
        "sklearn.externals.joblib": ("load",), "pickle5": ("load", "loads"),
    }.items()
    for verb in verbs
}  # fmt: skip


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name in LOADERS:
            yield from foreign(source, call, call.name, files=call.name not in {"shelve.open", "marshal.load"})


RULE = CodeRule(
    rule_id="scan.code.pickle",
    title="Unpickles foreign bytes",
    why="A pickle is a program: whoever writes it runs code with the rights of the job runtime.",
    bad="import pickle\ndef handle_job(job):\n    return pickle.loads(job['circuit'])\n",
    good="import json\ndef handle_job(job):\n    return json.loads(job['circuit'])\n",
    remedy="Take JSON, OpenQASM or QPY 13+ instead; where pickle must stay, verify a signature over the bytes first.",
    reference="CWE-502; Python documentation of pickle",
    severity=Severity.HIGH,
    techniques=("execution.malicious_payload",),
    needs=(b"pickle", b"dill", b"joblib", b"marshal", b"shelve"),
    look=_look,
)
