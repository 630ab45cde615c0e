import json

import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.formats.ocsf import from_event, read_event

T0 = 1_772_434_800 * 10**9


def job() -> Event:
    return Event(
        tenant="lab-b",
        device="ibm_test",
        event_id="e-1",
        t_ns=T0 + 123,
        event_class=EventClass.API_ACTIVITY,
        activity="RunJob",
        actor="alice",
        resource="backend/ibm_test",
        status=Status.SUCCESS,
        source_ip="10.0.0.7",
        job_id="j-9",
        circuit_digest="ab" * 32,
        shots=4000,
        uses_pulse=True,
        attributes=(("instance", "crn:1"), ("mode", "session")),
        provenance="f:1",
    )


@pytest.mark.parametrize("event", [job(), Event(event_id="x", t_ns=T0, activity="calibration.write", device="q-1")])
def test_an_event_goes_out_and_comes_back(event: Event) -> None:
    assert read_event(from_event(event), tenant=event.tenant, where=event.provenance) == event


def test_a_cloudtrail_record() -> None:
    record = {
        "eventID": "450230d4", "eventTime": "2026-03-02T07:00:00Z", "eventName": "CreateQuantumTask", "eventType": "AwsApiCall",
        "eventSource": "braket.amazonaws.com", "sourceIPAddress": "10.0.0.9", "userIdentity": {"arn": "arn:aws:iam::1:user/bob"},
        "requestParameters": {"deviceArn": "arn:aws:braket:::device/qpu/x/y", "shots": 250},
        "responseElements": {"quantumTaskArn": "arn:task/7"}, "errorCode": None,
    }  # fmt: skip
    event = read_event(json.dumps(record).encode(), where="t.json#0")
    assert (event.event_id, event.activity, event.actor) == ("450230d4", "CreateQuantumTask", "arn:aws:iam::1:user/bob")
    assert (event.device, event.job_id, event.shots) == ("arn:aws:braket:::device/qpu/x/y", "arn:task/7", 250)
    assert (event.t_ns, event.status, event.event_class) == (T0, Status.SUCCESS, EventClass.API_ACTIVITY)
    assert event.attribute("eventSource") == "braket.amazonaws.com"
    denied = read_event(json.dumps(record | {"errorCode": "AccessDenied", "eventName": "ConsoleLogin"}).encode())
    assert (denied.status, denied.event_class) == (Status.FAILURE, EventClass.AUTHENTICATION)


def test_an_unknown_class_is_a_base_event_that_keeps_its_number() -> None:
    event = read_event(b'{"class_uid": 4001, "time": 1772434800000, "activity_name": "Open"}')
    assert event.event_class == EventClass.BASE
    assert event.attribute("class_uid") == "4001"


def test_an_event_without_an_id_gets_the_digest_of_its_content() -> None:
    one = read_event(
        b'{"class_uid": 6003, "time": 1772434800000, "activity_name": "a", "unmapped": {"n": 99999999999999999999}}'
    )
    two = read_event(
        b'{"time": 1772434800000, "class_uid": 6003, "activity_name": "a", "unmapped": {"n": 99999999999999999999}}'
    )
    other = read_event(b'{"time": 1772434800001, "class_uid": 6003, "activity_name": "a"}')
    assert one.event_id == two.event_id != other.event_id


def test_further_fields_are_bounded_and_counted() -> None:
    record = {
        "class_uid": 6003,
        "time": 1772434800000,
        "activity_name": "a",
        "unmapped": {f"k{i}": "v" * 9_000 for i in range(100)},
    }
    event = read_event(json.dumps(record).encode())
    assert len(event.attributes) == 64
    assert event.attributes[-1] == ("mumetal.facts_left_out", "37")
    assert max(len(value) for _, value in event.attributes) == 4_000


@pytest.mark.parametrize(
    "raw",
    [b"", b"5", b"[]", b"{}", b'{"class_uid":6003}', b'{"class_uid":6003,"time":5,"activity_name":"a"}',
     b'{"class_uid":6003,"time":1772434800000,"activity_name":"a","unmapped":{"quantum":{"shots":"many"}}}',
     b'{"class_uid":6003,"time":1772434800000,"activity_name":"a","unmapped":{"quantum":{"shots":-1}}}',
     b'{"eventName":"a","eventTime":"soon"}', b'{"a":' * 50 + b"1" + b"}" * 50, b'{"a":"' + b"x" * 2**20 + b'"}'],
)  # fmt: skip
def test_what_is_no_event_is_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInputError) as caught:
        read_event(raw, where="f:7")
    assert caught.value.where == "f:7"
