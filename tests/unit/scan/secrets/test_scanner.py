"""Places, decoding, comments, baselines; both engines agree; nothing tells a secret."""

import base64
import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np
import pytest

from mumetal.core.artefact import Artefact
from mumetal.core.finding import Finding
from mumetal.scan.engine import Progress, ScanConfig, scan_blobs
from mumetal.scan.place import place_of
from mumetal.scan.secrets.mask import fingerprint, masked
from mumetal.scan.secrets.rule import shipped
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.scan.secrets.templates import fill
from mumetal.scan.sources import WorkTree

RE2 = SecretScanner(SecretConfig(engine="re2"))
KEY = fill("{github}", np.random.default_rng(1))
T = "1700000000000000000"


def art(text: str, uri: str = "src/a.py", **facts: str) -> Artefact:
    return Artefact(uri=uri, data=text.encode(), facts=tuple({"t_ns": T, **facts}.items()))


def scan(text: str, scanner: SecretScanner = RE2, uri: str = "src/a.py", **facts: str) -> list[Finding]:
    return list(scanner.scan(art(text, uri, **facts)))


def test_the_place_is_exact() -> None:
    (finding,) = scan(f"one\ntwo\n  key = '{KEY}'\n")
    place = place_of(finding.evidence[0].uri)
    assert (place.path, place.line, place.column, place.end) == ("src/a.py", 3, 10, 10 + len(KEY))
    assert finding.rule == "scan.secrets.github.token"
    assert finding.confidence > 0.9


def test_two_secrets_in_one_file_are_two_findings() -> None:
    other = fill("{github}", np.random.default_rng(2))
    assert len({f.finding_id for f in scan(f"a = '{KEY}'\nb = '{other}'\n")}) == 2


def test_a_wrong_checksum_is_believed_less() -> None:
    wrong = KEY[:-1] + ("a" if KEY[-1] != "a" else "b")
    (finding,) = scan(f"key = '{wrong}'")
    assert finding.confidence < scan(f"key = '{KEY}'")[0].confidence


@pytest.mark.parametrize(
    "hidden",
    [
        lambda s: base64.b64encode(f"github_token: {s}".encode()).decode(),
        lambda s: base64.b64encode(base64.b64encode(f"github_token: {s}".encode())).decode(),
        lambda s: base64.b64encode(
            gzip.compress(f"github_token: {s} and more, so that it pays".encode(), mtime=0)
        ).decode(),
        lambda s: f"github_token={s}".encode().hex(),
        lambda s: quote(f"token={s}", safe=""),
    ],
    ids=["base64", "twice", "gzip", "hex", "url"],
)
def test_encoded_secrets_are_found_where_they_stand(hidden: Callable[[str], str]) -> None:
    text = hidden(KEY)
    hits = RE2.hits(art(f"first\npayload {text}\n"))
    assert [(h.value, h.encoded) for h in hits if h.rule.id == "github.token"] == [(KEY.encode(), True)]
    (finding,) = [f for f in scan(f"first\npayload {text}\n") if f.rule.endswith("github.token")]
    assert place_of(finding.evidence[0].uri).line == 2
    assert "encoded" in finding.detail


def test_a_comment_with_a_reason_is_honoured_and_one_without_is_not() -> None:
    assert not scan(f"key = '{KEY}'  # mumetal: ignore[github.token] revoked in March")
    assert not scan(f"# mumetal: ignore[*] made up for the docs\nkey = '{KEY}'")
    assert scan(f"key = '{KEY}'  # mumetal: ignore[github.token]")
    assert scan(f"key = '{KEY}'  # mumetal: ignore[npm.*] another rule")


def test_output_and_pipelines_weigh_more_than_tests_and_docs() -> None:
    text = "password = 'Tr0ub4dor9'"
    belief = {uri: scan(text, uri=uri)[0].confidence for uri in ("src/a.py", "tests/a.py", ".github/workflows/a.yml")}
    assert belief["tests/a.py"] < belief["src/a.py"] < belief[".github/workflows/a.yml"]


@pytest.mark.parametrize(
    "text",
    [
        'instance = "crn:v1:bluemix:public:quantum-computing:us-east:a/{hex:32}:{uuid}::"',
        'arn = "arn:aws:braket:us-east-1:{digits:12}:quantum-task/{uuid}"',
        'expected_digest = "{hex:128}"  # sha512 of circuit.qpy',
        'pauli_key = "XXYZIIZXYIZZXYIZ"',
        'CIRCUIT_QPY_B64 = "UUlTS0lU{alnum:120}"',
        'EXPERIMENT_ID = "{uuid}"',
        'counts = {"1101001011110000": 512}  # token ring',
        "secret = measure key_register; // secret_key = hidden string",
        'token = os.environ["QISKIT_IBM_TOKEN"]',
        "password=os.getenv('PW')",
        "for pass_ in passes: run(pass_, key=lambda p: p.name)",
        'btype = "lowpass", ftype = "butter"',
    ],
)
def test_the_usual_false_alarms_of_quantum_code_stay_quiet(text: str) -> None:
    assert not scan(fill(text, np.random.default_rng(3)))


def test_nothing_said_of_a_finding_tells_the_secret() -> None:
    rng = np.random.default_rng(4)
    for rule in shipped().rules:
        for template in rule.match:
            artefact = art(fill(template, rng))
            values = [h.value for h in RE2.hits(artefact) if len(h.value) >= 8]
            said = msgspec.json.encode(list(RE2.scan(artefact))) + repr(RE2.hits(artefact)).encode()
            assert not [v for v in values if v in said or v[: len(v) // 2 + 1] in said], rule.id


def test_a_mask_shows_at_most_a_quarter() -> None:
    assert masked(b"abcdefgh") == "ab… (8 characters)"
    assert masked(b"abc") == "… (3 characters)"
    assert masked(b"\xff\x00" * 20).startswith("????…")
    assert fingerprint(b"a") != fingerprint(b"b") != fingerprint(b"b", b"salt")


def test_binary_files_are_searched_for_named_shapes_only() -> None:
    data = b"\x7fELF\0\0" + f" {KEY} password = 'Tr0ub4dor9' ".encode()
    assert [h.rule.id for h in RE2.hits(Artefact(uri="a.bin", data=data))] == ["github.token"]


def test_both_engines_find_the_same(tmp_path: Path) -> None:
    pytest.importorskip("hyperscan")
    rng = np.random.default_rng(5)
    lines = [fill(t, rng) for rule in shipped().rules for t in (*rule.match, *rule.benign)]
    fast = SecretScanner(SecretConfig(cache=tmp_path))
    texts = ["\n".join(lines), " ".join(lines[:200]), "x" * 5_000 + lines[0], *lines]
    for text in texts:
        assert [(h.rule.id, h.start, h.stop) for h in fast.hits(art(text))] == [
            (h.rule.id, h.start, h.stop) for h in RE2.hits(art(text))
        ], text[:80]


def test_a_cache_that_another_could_have_written_is_not_loaded(tmp_path: Path) -> None:
    fast = pytest.importorskip("mumetal.scan.secrets.fast")
    rules = shipped().rules[:3]
    cache = tmp_path / "cache"
    assert not fast.HyperscanPrefilter(rules, cache).cached
    assert fast.HyperscanPrefilter(rules, cache).cached
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    for place in (file, cache):
        mode = place.stat().st_mode
        place.chmod(mode | 0o022)
        assert not fast.HyperscanPrefilter(rules, cache).cached, place
        (file,) = cache.iterdir()
        place.chmod(mode)
    assert fast.HyperscanPrefilter(rules, cache).cached
    kept = file.rename(tmp_path / "elsewhere")
    file.symlink_to(kept)
    assert not fast.HyperscanPrefilter(rules, cache).cached


def test_a_database_of_fewer_rules_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    fast = pytest.importorskip("mumetal.scan.secrets.fast")
    rules = shipped().rules[:3]
    fast.HyperscanPrefilter(rules[:1], tmp_path)
    (few,) = tmp_path.iterdir()
    fast.HyperscanPrefilter(rules, tmp_path)
    (all_of_them,) = set(tmp_path.iterdir()) - {few}
    all_of_them.write_bytes(few.read_bytes())
    assert not fast.HyperscanPrefilter(rules, tmp_path).cached


def test_an_altered_cache_is_not_loaded(tmp_path: Path) -> None:
    fast = pytest.importorskip("mumetal.scan.secrets.fast")
    rules = shipped().rules[:3]
    assert not fast.HyperscanPrefilter(rules, tmp_path).cached
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert fast.HyperscanPrefilter(rules, tmp_path).cached
    raw = kept.read_bytes()
    kept.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert not fast.HyperscanPrefilter(rules, tmp_path).cached
    kept.write_bytes(raw)
    kept.chmod(0o666)
    assert not fast.HyperscanPrefilter(rules, tmp_path).cached
    assert not fast.HyperscanPrefilter(rules[:2], tmp_path).cached


def test_the_engine_reports_progress_and_stops_at_its_bound(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text(f"key = '{KEY}'\n")
    seen: list[Progress] = []
    problems: list[str] = []
    found = list(
        scan_blobs(
            WorkTree(tmp_path),
            [RE2],
            config=ScanConfig(max_findings=3, every=1),
            progress=seen.append,
            problem=lambda p: problems.append(p.reason),
        )
    )
    assert len(found) == 3
    assert seen[-1].findings == 3
    assert problems == ["stopped after 3 findings"]
