import pytest

from mumetal.core.errors import BadInputError
from mumetal.formats.git_commit import read_commit

HEAD = f"""tree {"a" * 40}
parent {"b" * 40}
author Ana Ruiz <Ana@Lab> 1700000000 +0100
committer Hub <hub@lab> 1700000100 +0000
"""


def test_who_when_and_what_they_say() -> None:
    commit = read_commit(f"{HEAD}\nTune q2\n\nSome words.\n\nChange-Ticket: QC-1\nChannels: q2.*\n".encode())
    assert (commit.author, commit.committer, commit.seconds) == ("ana@lab", "hub@lab", 1_700_000_100)
    assert (commit.parents, commit.signature, commit.subject) == (("b" * 40,), "", "Tune q2")
    assert (commit.trailer("change-ticket"), commit.trailer("channels"), commit.trailer("none")) == ("QC-1", "q2.*", "")


def test_a_subject_is_no_trailer() -> None:
    assert not read_commit(f"{HEAD}\nChange-Ticket: QC-1\n".encode()).trailers


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("SSH SIGNATURE", "ssh"), ("PGP SIGNATURE", "openpgp"), ("SIGNED MESSAGE", "x509"), ("X", "unknown")],
)
def test_a_signature_is_told_and_not_believed(mark: str, kind: str) -> None:
    signed = HEAD + f"gpgsig -----BEGIN {mark}-----\n \n AAAA\n -----END {mark}-----\n"
    commit = read_commit(f"{signed}\nhello\n".encode())
    assert (commit.signature, commit.subject) == (kind, "hello")


def test_control_characters_do_not_reach_a_terminal() -> None:
    commit = read_commit(HEAD.replace("Ana@Lab", "a\x1b[2J@lab").encode() + b"\n\x1b]0;owned\x07 hi\xff\n")
    assert "\x1b" not in commit.author + commit.subject
    assert "\x07" not in commit.subject


@pytest.mark.parametrize(
    "data",
    [b"", b"tree x", HEAD.replace("author", "owner").encode(), HEAD.replace("b" * 40, "zz").encode(), b"x" * 2_000_000],
)
def test_what_is_no_commit_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        read_commit(data + b"\n\nm")
