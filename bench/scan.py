"""S1, S2, S4 and S5: secrets against labelled samples, quantum templates of another hand, a peer's speed, and the start.

``python -m bench.scan --data FOLDER [--tree FOLDER] [--repo FOLDER] [--peer PATH/TO/kingfisher] [--json]``. The data are
third-party test material: only counts leave this program.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from mumetal.core.artefact import Artefact
from mumetal.scan.engine import Progress, scan_blobs
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.scan.sources import History, WorkTree

ALNUM = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
HEX = list("0123456789abcdef")
# Written from the vendors' quick starts, apart from the rules: (vendor word expected in rule or title, template).
QUANTUM = (
    ("ibm", 'service = QiskitRuntimeService(\n    channel="ibm_quantum_platform",\n    token="{a44}",\n)'),
    ("ibm", "env:\n  QISKIT_IBM_TOKEN: {a44}\n"),
    ("ibm", "provider = IBMQ.enable_account('{h128}', hub='ibm-q')"),
    ("ibm", 'ibmcloud login --apikey "{a44}"  # IBM_CLOUD_API_KEY={a44}'),
    ("dwave", 'client = Client(endpoint="https://cloud.dwavesys.com/sapi", token="DEV-{h40}")'),
    ("dwave", "[defaults]\ntoken = DEV-{h40}\n"),
    ("ionq", 'service = cirq_ionq.Service(api_key="{a32}")'),
    ("ionq", "export IONQ_API_KEY={a32}"),
    ("ionq", 'os.environ["IONQ_API_KEY"] = "{a32}"'),
    (
        "azure",
        'workspace = Workspace.from_connection_string("SubscriptionId={u};ResourceGroupName=r;WorkspaceName=w;ApiKey={a84};")',
    ),
    ("rigetti", '[credentials.default.token_payload]\naccess_token = "{a43}"\nscope = "openid"'),
    ("iqm", "IQM_TOKEN={a64}"),
    ("iqm", 'IQMProvider("https://resonance.meetiqm.com/", token="{a64}")'),
    ("quantinuum", 'api = QuantinuumAPI(); api.login(user="me", password="{a16}")'),
    ("oqc", 'OQC_PASSWORD="{a20}"'),
    ("pasqal", 'PasqalCloud(username="me@lab.org", password="{a20}", project_id="{u}")'),
    ("xanadu", 'XANADU_CLOUD_REFRESH_TOKEN="{a64}"'),
    ("qbraid", 'provider = QbraidProvider(api_key="{a40}")'),
    ("aqt", 'provider = AQTProvider("{a40}")'),
    ("quandela", 'pcvl.save_token("{a48}")  # quandela'),
    ("bluequbit", "BLUEQUBIT_API_TOKEN={a32}"),
    ("origin", 'QCloudService("{h96}")'),
    ("qctrl", "QCTRL_API_KEY={a48}"),
    ("superstaq", 'SuperstaqProvider(api_key="{a60}")'),
    ("classiq", 'CLASSIQ_REFRESH_TOKEN="{a48}"'),
    ("strangeworks", "strangeworks.authenticate('{a40}')"),
    ("quantum-inspire", 'QUANTUM_INSPIRE_TOKEN="{h40}"'),
    ("alice", 'provider = AliceBobRemoteProvider(api_key="{a44}")'),
    ("planqk", "planqk login -t plqk_{a50}"),
    ("covalent", 'cc.save_api_key("{a44}")'),
    ("bluefors", 'BLUEFORS_API_KEY="{u}"'),
    ("aws", "aws_secret_access_key={a40}"),
    ("scaleway", 'SCW_SECRET_KEY="{u}"'),
    ("mqtt", 'client.username_pw_set(username="cryo", password="{a14}")'),
    ("influx", 'InfluxDBClient(url="http://db:8086", org="lab", token="{a86}==")'),
    ("grafana", "Authorization: Bearer glsa_{a32}_{h8}"),
)
HONEST = (
    'service = QiskitRuntimeService(channel="ibm_cloud", instance="crn:v1:bluemix:public:quantum-computing:us-east:a/{h32}:{u}::")',
    'job = service.job("{l20}")', "qc_digest = '{h64}'", "sha512 = '{h128}'  # of circuit.qpy", 'observable = SparsePauliOp("XXIYZZIX")',
    'device = AwsDevice("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet")', 'CIRCUIT = "UUlTS0lU{a200}"', 'run_id: {u}',
    'token = getpass.getpass("IonQ key: ")', "IQM_TOKENS_FILE=/home/me/.cache/tokens.json", 'api_key=os.environ["BLUEQUBIT_API_TOKEN"]',
    "qiskit==2.1.0 --hash=sha256:{h64}", 'counts = {{"0110{b60}": 511}}', "password = keyring.get_password('oqc', user)",
    "QCTRL_API_KEY: ${{{{ secrets.QCTRL_API_KEY }}}}", 'provider = AQTProvider("<your token>")', "token ring of {d12} qubits",
    "secret = '{b64}'  # Bernstein-Vazirani hidden bits", "git+https://github.com/rigetti/pyquil@{h40}", 'key = ("q0", "q1", {d3})',
)  # fmt: skip


def drawn(template: str, rng: np.random.Generator) -> str:
    """Fill ``{a32}`` (alphanumeric), ``{h40}`` (hex), ``{l20}``, ``{d12}``, ``{b60}`` (bits) and ``{u}`` (UUID)."""
    import re

    sets = {"a": ALNUM, "h": HEX, "l": ALNUM[:26], "d": list("123456789"), "b": ["0", "1"]}

    def one(match: "re.Match[str]") -> str:
        kind, length = match[1], match[2]
        if kind == "u":
            return "-".join("".join(rng.choice(HEX, n)) for n in (8, 4, 4, 4, 12))
        return "".join(rng.choice(sets[kind], int(length)))

    return re.sub(r"(?<!\{)\{([ahldbu])(\d*)\}", one, template).replace("{{", "{").replace("}}", "}")


def wilson(k: int, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    mid, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n),
    )
    return mid - half, mid + half


def labelled(scanner: SecretScanner, data: Path) -> dict[str, object]:
    """S1: one label per small file; found when anything is found in it."""
    count: Counter[tuple[bool, bool]] = Counter()
    for line in (data / "labels.jsonl").read_text().splitlines():
        label = json.loads(line)
        artefact = Artefact(uri=label["file"], data=(data / "files" / label["file"]).read_bytes())
        count[label["is_secret"], bool(scanner.hits(artefact))] += 1
    tp, fn, fp, tn = (count[k] for k in ((True, True), (True, False), (False, True), (False, False)))
    return {
        "recall": round(tp / (tp + fn), 3), "recall 95%": wilson(tp, tp + fn), "precision": round(tp / (tp + fp), 3),
        "precision 95%": wilson(tp, tp + fp), "f1": round(2 * tp / (2 * tp + fp + fn), 3), "tp": tp, "fp": fp, "fn": fn, "tn": tn,
    }  # fmt: skip


def quantum(scanner: SecretScanner, seeds: int = 20) -> dict[str, object]:
    """S2: templates of another hand, fresh fakes; the vendor must be named in the rule or the title."""
    found = named = false = 0
    missed: Counter[str] = Counter()
    for seed in range(seeds):
        rng = np.random.default_rng(1_000 + seed)
        for vendor, template in QUANTUM:
            findings = list(scanner.scan(Artefact(uri="lab/run.py", data=drawn(template, rng).encode())))
            found += bool(findings)
            said = any(
                vendor in f"{f.rule} {f.title}".lower().replace("-", "" if vendor == "dwave" else "-") for f in findings
            )
            named += said
            if not findings:
                missed[template[:40]] += 1
        for template in HONEST:
            false += bool(scanner.hits(Artefact(uri="lab/run.py", data=drawn(template, rng).encode())))
    n, m = seeds * len(QUANTUM), seeds * len(HONEST)
    return {
        "recall": round(found / n, 3), "recall 95%": wilson(found, n), "vendor named": round(named / n, 3), "n": n,
        "false": round(false / m, 3), "false 95%": wilson(false, m), "n honest": m, "vendors": len({v for v, _ in QUANTUM}),
        "missed": dict(missed),
    }  # fmt: skip


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def speed(kind: str, root: Path, cache: Path) -> dict[str, object]:
    """S4: MB per CPU-second of a whole scan in a fresh process, Git's own included."""
    before = cpu(resource.RUSAGE_CHILDREN)
    told = subprocess.run(
        [sys.executable, "-m", "bench.scan", "--one", kind, "--tree", str(root), "--cache", str(cache)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    used = cpu(resource.RUSAGE_CHILDREN) - before
    one = json.loads(told)
    return {"MB/CPU-s": round(one["bytes"] / 1e6 / used, 1), "CPU-s": round(used, 2), **one}


def peer_speed(peer: str, root: Path, kind: str, size: int) -> dict[str, object]:
    """The same bytes through Kingfisher, without validation over the network."""
    before = cpu(resource.RUSAGE_CHILDREN)
    history = ["--git-history", "full"] if kind == "history" else ["--git-history", "none"]
    done = subprocess.run(
        [peer, "scan", str(root), "--no-validate", "--format", "json", "--no-update-check", *history],
        check=False,
        capture_output=True,
    )
    used = cpu(resource.RUSAGE_CHILDREN) - before
    return {"MB/CPU-s": round(size / 1e6 / used, 1), "CPU-s": round(used, 2), "exit": done.returncode}


def one_scan(kind: str, root: Path, cache: Path) -> None:
    last: list[Progress] = []
    source = History(root) if kind == "history" else WorkTree(root, ignored=True)
    found = sum(1 for _ in scan_blobs(source, [SecretScanner(SecretConfig(cache=cache))], progress=last.append))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {"bytes": last[-1].size, "artefacts": last[-1].artefacts, "findings": found, "peak MiB": round(peak)}
        )
    )


def start() -> dict[str, float]:
    """S5: wall and CPU seconds of a scan of one small folder, empty and warm cache."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        small, cache = Path(folder, "small"), Path(folder, "cache")
        small.mkdir()
        Path(small, "a.py").write_text("x = 1\n")
        for name in ("empty cache", "warm cache"):
            before, clock = cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "bench.scan", "--one", "tree", "--tree", str(small), "--cache", str(cache)],
                check=True, capture_output=True,
            )  # fmt: skip
            figures[f"{name}, wall s"] = round(time.perf_counter() - clock, 2)
            figures[f"{name}, CPU s"] = round(cpu(resource.RUSAGE_CHILDREN) - before, 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--repo", type=Path)
    parser.add_argument("--peer", default="")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / f"mumetal-bench-{os.getuid()}")
    parser.add_argument("--one", choices=("tree", "history"))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.one:
        one_scan(asked.one, asked.tree, asked.cache)
        return
    scanner = SecretScanner(SecretConfig(cache=asked.cache))
    table: dict[str, dict[str, object]] = {"S2 quantum": quantum(scanner), "S5 start": dict(start())}
    if asked.data:
        table["S1 labelled"] = labelled(scanner, asked.data)
    for kind, root in (("tree", asked.tree), ("history", asked.repo)):
        if root:
            ours = table[f"S4 {kind}"] = speed(kind, root, asked.cache)
            if asked.peer:
                table[f"S4 {kind}, Kingfisher"] = peer_speed(asked.peer, root, kind, int(str(ours["bytes"])))
    if asked.json:
        print(json.dumps(table, indent=2))
        return
    for name, row in table.items():
        print(name)
        for key, value in row.items():
            print(f"  {key:22} {value}")


if __name__ == "__main__":
    main()
