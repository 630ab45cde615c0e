"""S3 for code rules: findings per 100,000 lines of honest trees, and how long it took."""

import collections
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench.figure import Figure, figure_of
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.scan.code.scanner import CodeScanner

SUFFIXES = {".py", ".ipynb", ".json", ".toml", ".yaml", ".yml", ".cedar"}


def run(roots: list[Path]) -> tuple[list[Finding], dict[str, float]]:
    """Scan every file of the kinds the rules read under ``roots``; returns the findings and the figures."""
    scanner = CodeScanner()
    findings: list[Finding] = []
    lines = files = refused = size = 0
    start = time.process_time()
    for root in roots:
        for path in sorted(p for p in root.rglob("*") if p.suffix in SUFFIXES and p.is_file()):
            data = path.read_bytes()
            files, size, lines = files + 1, size + len(data), lines + (data.count(b"\n") if path.suffix == ".py" else 0)
            try:
                findings += scanner.scan(Artefact(uri=str(path.relative_to(root.parent)), data=data))
            except BadInputError as error:
                refused += 1
                print(error, file=sys.stderr)
    spent = time.process_time() - start
    figures = {
        "files": files, "kloc": lines / 1e3, "refused": refused, "findings": len(findings),
        "findings_per_100kloc": len(findings) / max(lines, 1) * 1e5, "mb_per_cpu_s": size / 1e6 / spent,
    }  # fmt: skip
    return findings, figures


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("trees", type=Path, nargs="*", help="more trees, beside --data")


def run_bench(asked: Namespace) -> list[Figure]:
    """Scan the trees; print the findings, then the figures."""
    trees = [*([asked.data] if asked.data else []), *asked.trees]
    if not trees:
        raise BadInputError("there is no tree to scan", hint="name folders of honest sources")
    found, table = run(trees)
    for one in found:
        print(f"{one.severity.name:13} {one.confidence:.2f} {one.rule:24} {one.detail[:230]}")
    print(json.dumps(table | {"by_rule": collections.Counter(f.rule for f in found)}, indent=1))
    rate = table["findings_per_100kloc"]
    met = True if rate <= 1 else None  # above it, a reviewer says which are false
    return [
        figure_of(
            "S3", "code findings per 100,000 lines, before a reviewer looked", rate, n=round(1e3 * table["kloc"]),
            goal="≤ 1 false", met=met, ground="real",
        ),
        figure_of("S4", "code rules, MB per CPU-s", table["mb_per_cpu_s"], n=int(table["files"]), ground="real"),
    ]  # fmt: skip
