"""Grants that are too wide, in every kind of file, and near relatives that are not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.code.grants import grants
from mumetal.scan.code.scanner import CodeScanner


def policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}, indent=1)


ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: jobs\nrules:\n"
WIDE = [
    ("iam.json", policy(Action="*", Resource="*")),
    ("iam.json", policy(Action=["braket:*"], Resource=["*"])),
    ("bucket.json", policy(Action="s3:GetObject", Resource="arn:aws:s3:::results/*", Principal={"AWS": "*"})),
    ("p.cedar", "// all\npermit(principal, action, resource);\n"),
    ("role.yaml", ROLE + '- apiGroups: ["*"]\n  resources: ["*"]\n  verbs: ["*"]\n'),
    ("role.yml", ROLE + "- apiGroups:\n  - batch\n  resources:\n  - '*'\n  verbs:\n  - '*'\n"),
    ("bind.yaml", "kind: ClusterRoleBinding\nsubjects:\n- kind: User\n  name: system:anonymous\n"),
    ("queue.toml", '[partition.qpu]\nallow_users = ["*"]\n'),
    ("slurm.yaml", "partitions:\n  qpu:\n    allow_groups: ALL\n"),
    ("queue.json", '{"submit_acl": "everyone"}'),
]
NARROW = [
    ("iam.json", policy(Action=["braket:CreateQuantumTask"], Resource=["arn:aws:braket:::device/qpu/x"])),
    ("iam.json", policy(Action="braket:*", Resource="arn:aws:braket:us-east-1::device/qpu/x")),
    ("iam.json", json.dumps({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})),
    (
        "bucket.json",
        policy(
            Action="s3:GetObject", Resource="x", Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o"}}
        ),
    ),
    (
        "p.cedar",
        'permit(principal, action, resource) when { principal in Group::"ops" };\n// permit(principal, action, resource);\n',
    ),
    ("role.yaml", ROLE + '- resources: ["pods"]\n  verbs: ["*"]\n- resources: ["*"]\n  verbs: ["get"]\n'),
    ("ci.yaml", "on:\n  push:\n    branches: ['*']\n"),
    ("tsconfig.json", '{"paths": {"*": ["*"]}}'),
    ("queue.toml", 'allow_users = ["alice"]\nglob = "*"\n'),
]


@pytest.mark.parametrize(("uri", "text"), WIDE)
def test_wide_grants_are_found(uri: str, text: str) -> None:
    (found,) = CodeScanner().scan(Artefact(uri=uri, data=text.encode()))
    assert found.rule == "scan.code.grants"
    assert found.evidence[0].uri.startswith(f"file:{uri}#L")


@pytest.mark.parametrize(("uri", "text"), NARROW)
def test_narrow_grants_are_not(uri: str, text: str) -> None:
    assert list(CodeScanner().scan(Artefact(uri=uri, data=text.encode()))) == []


@given(st.binary(max_size=200), st.sampled_from(["queue.json", "queue.toml", "a.yaml", "a.cedar"]))
def test_any_bytes(data: bytes, uri: str) -> None:
    try:
        list(grants(uri, b'*"Statement"' + data))
    except BadInputError:
        return
