"""Against a real rsyslogd: what is sent arrives whole, over TCP and TLS, and survives the receiver's death."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.rsyslog import Certificates, Rsyslogd, free_port, tls_driver
from tests.needs import need
from tests.unit.connect.test_incident_store import ME, T0, a_finding, an_incident

from mumetal.access import scopes
from mumetal.connect.sinks import open_sink
from mumetal.connect.sinks.outbox import Outbox
from mumetal.connect.stores.records.opening import open_records
from mumetal.core.clock import ManualClock
from mumetal.core.errors import UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.core.subject import Subject

WHOLE = scopes.whole_stack("mumetal.outbox")
NASTY = 'a "quote", a \\ and a ]\nsecond line\x00 – ünïcode 🧊 <13>1 - forged'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Rsyslogd]:
    server = Rsyslogd(need("rsyslogd"), tmp_path)
    server.start()
    yield server
    server.kill()


def nasty(n: int) -> Finding:
    return Finding(
        subject=Subject.stream("qpu1", f"s{n}"),
        rule="watch.detectors.cusum",
        title=NASTY,
        start_ns=T0,
        stop_ns=T0 + 123_456_789,
        severity=Severity.CRITICAL,
        confidence=0.5,
    )


def event_of(line: str) -> dict[str, object]:
    _, bom, text = line.partition('"] \ufeff')
    assert bom, line
    decoded: dict[str, object] = json.loads(text)
    return decoded


def test_messages_arrive_whole_and_nothing_in_them_begins_another(server: Rsyslogd) -> None:
    sink = open_sink(f"syslog:127.0.0.1:{server.port}")
    sink.deliver([nasty(1), an_incident(5), nasty(2)])
    lines = server.lines()
    assert len(lines) == 3
    assert re.match(r"<106>1 2027-01-15T08:00:00\.123456Z \S+ mumetal - finding \[mumetal@32473 tenant=", lines[0])
    assert re.match(r"<107>1 \S+ \S+ mumetal - incident \[mumetal@32473 ", lines[1])
    first = event_of(lines[0])
    assert first["message"] == NASTY
    assert first["class_uid"] == 2004
    assert event_of(lines[1])["class_uid"] == 2005


def test_a_receiver_killed_and_restarted_again_and_again_loses_nothing(server: Rsyslogd, tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = open_records(tmp_path, sinks=["siem"])
    outbox = Outbox(store.outbox, "siem", open_sink(f"syslog:127.0.0.1:{server.port}"), clock, WHOLE, longest_s=4)
    for round_ in range(4):
        store.put(ME, [a_finding(1_000 * round_ + n) for n in range(300)], [])
        outbox.run_once()
        server.kill()
        assert outbox.run_once() == 0
        assert "receiver" in outbox.state().error
        clock.sleep(4)
        server.start()
        while outbox.state().waiting:
            clock.sleep(4)
            outbox.run_once()
    sent = [a_finding(1_000 * r + n).finding_id for r in range(4) for n in range(300)]
    received = [m[1] for line in server.lines() if (m := re.search(r' id="([0-9a-f]{24})"', line))]
    assert set(received) == set(sent)
    assert list(dict.fromkeys(received)) == sent, "first arrivals are in order"
    outbox.stop()
    store.close()


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[Rsyslogd, Certificates]]:
    program = need("rsyslogd") if tls_driver() else need("rsyslog-gnutls")
    certificates = Certificates(tmp_path / "pki")
    server = Rsyslogd(program, tmp_path, certificates)
    server.start()
    yield server, certificates
    server.kill()


def test_tls_with_certificates_on_both_sides(tls_server: tuple[Rsyslogd, Certificates], tmp_path: Path) -> None:
    server, c = tls_server
    spec = f"syslog+tls:localhost:{server.port}?ca={c.ca}&cert={c.client}&key={c.client_key}"
    sink = open_sink(spec)
    sink.deliver([nasty(n) for n in range(200)])
    sink.deliver([an_incident(1)])
    assert len(server.lines()) == 201
    server.kill()
    with pytest.raises(UnavailableError):
        sink.deliver([nasty(900)])
    server.start()
    sink.deliver([nasty(901)])
    assert len(server.lines()) == 202
    sink.close()


def test_tls_never_talks_to_who_it_cannot_verify(tls_server: tuple[Rsyslogd, Certificates], tmp_path: Path) -> None:
    server, c = tls_server
    other = Certificates(tmp_path / "other")
    mine = f"cert={c.client}&key={c.client_key}"
    with pytest.raises(UnavailableError, match="certificate does not verify"):
        open_sink(f"syslog+tls:localhost:{server.port}?ca={other.ca}&{mine}").deliver([nasty(1)])
    with pytest.raises(UnavailableError, match="certificate does not verify"):
        open_sink(f"syslog+tls:localhost:{server.port}?ca={c.ca}&{mine}&name=siem.example").deliver([nasty(1)])
    with pytest.raises(UnavailableError, match="certificate does not verify"):
        open_sink(f"syslog+tls:localhost:{server.port}?{mine}").deliver([nasty(1)])
    assert server.lines() == []


def test_a_receiver_that_wants_our_certificate_gets_nothing_counted_without_it(
    tls_server: tuple[Rsyslogd, Certificates],
) -> None:
    server, c = tls_server
    with pytest.raises(UnavailableError):
        open_sink(f"syslog+tls:localhost:{server.port}?ca={c.ca}").deliver([nasty(1)])
    assert server.lines() == []


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="syslog receiver"):
        open_sink(f"syslog:127.0.0.1:{free_port()}").deliver([nasty(1)])
