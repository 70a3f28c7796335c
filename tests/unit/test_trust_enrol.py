"""Enrolment by one-time code: what is believed, what is refused, and that nothing is ever half-enrolled."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.central.enrolling import EnrolWire, await_device
from kiosk.trust.enrol import EnrolFault, Enrolment, compose_digits, normalise_code
from kiosk.trust.identity import KEY_FILE, load_device, store_device
from kiosk.trust.keys import FileKey
from kiosk.trust.signed import Purpose, decode_wire, verify
from offline_queue.api import Busy, Unreachable
from tests.fixtures.central import (
    DEVICE_ID,
    NOW_S,
    Asked,
    PlatformSigner,
    Say,
    answer,
    html,
    issue_certificate,
    issue_device,
    problem,
    spki_of,
)

CODE = "7K3M-9QWX-2ABC"
BEGUN = answer(202, {"enrol_id": "e-1", "sas_nonce": "0" * 32, "poll_s": 2})


@pytest.fixture
def key(tmp_path) -> FileKey:
    return FileKey(tmp_path / KEY_FILE, "development")


@pytest.fixture
def enrolment(tmp_path, key, signer, client, clock) -> Enrolment:
    return Enrolment(tmp_path, key, signer.ring(), EnrolWire(client), clock)


def issued(signer: PlatformSigner, spki: bytes, **changes: object) -> dict[str, str]:
    certificate, chain = issue_certificate(spki)
    value = {
        "device_id": DEVICE_ID,
        "cert": certificate.public_bytes(Encoding.PEM).decode(),
        "chain": [chain.public_bytes(Encoding.PEM).decode()],
        "policy": {"version": 1},
        "now": NOW_S,
        "nonce": "ab" * 16,
    }
    return signer.wire("enrolled", Purpose.ENROLLED, {**value, **changes})


def route(server, status_script) -> None:
    """The first POST begins, the others ask."""

    def script(asked: Asked) -> Say:
        if asked.path.endswith("/status"):
            return status_script(asked) if callable(status_script) else status_script
        return BEGUN

    server.say("POST", "enrol", script)


@pytest.mark.parametrize("typed", ["7k3m9qwx2abc", "7K3M-9QWX-2ABC", " 7k3m 9qwx 2abc "])
def test_a_code_is_read_as_people_type_it(typed):
    assert normalise_code(typed) == "7K3M9QWX2ABC"
    assert normalise_code("OIL" + "0" * 9) == "011" + "0" * 9


@pytest.mark.parametrize("typed", ["", "7K3M9QWX2AB", "7K3M9QWX2ABCD", "7K3M9QWX2ABU", "七K3M9QWX2ABC"])
def test_a_code_that_cannot_be_one_never_leaves(enrolment, server, tmp_path, typed):
    with pytest.raises(EnrolFault, match="bad_code"):
        enrolment.begin(typed, "0.1.0")
    assert server.asked == []
    assert not (tmp_path / KEY_FILE).exists()


def test_the_digits_are_those_of_the_reference():
    """SHA-256(`kiosk/enrol/v1` ‖ 00 ‖ code ‖ 00 ‖ nonce ‖ 00 ‖ SPKI), 8 bytes, modulo a million: computed by hand."""
    import hashlib

    covered = b"kiosk/enrol/v1\x007K3M9QWX2ABC\x00nonce\x00spki"
    expected = int(hashlib.sha256(covered).hexdigest()[:16], 16) % 10**6
    assert compose_digits("7K3M9QWX2ABC", "nonce", b"spki") == f"{expected:06d}"


def test_an_enrolment_ends_with_a_stored_identity(enrolment, server, signer, key, tmp_path):
    asked_status = []

    def status(asked: Asked) -> Say:
        proof = verify(decode_wire(json.loads(asked.body)), Purpose.ENROL_POP, key.spki())
        asked_status.append((asked.path, proof["enrol_id"], proof["n"]))
        return answer(202, {"state": "pending"}) if len(asked_status) == 1 else answer(200, issued(signer, key.spki()))

    route(server, status)
    pending = enrolment.begin(CODE, "0.1.0")
    assert pending.digits == compose_digits("7K3M9QWX2ABC", "0" * 32, key.spki())
    body = json.loads(server.asked[0].body)
    assert (body["code"], body["app"]) == ("7K3M9QWX2ABC", "0.1.0")
    assert enrolment.poll(pending) is None
    assert load_device(tmp_path) is None
    device = enrolment.poll(pending)
    assert load_device(tmp_path) == device
    assert (device.device_id, device.genesis) == (DEVICE_ID, "ab" * 16)
    assert device.serial == f"{int(device.serial, 16):x}"
    (path, named, first), (_, _, second) = asked_status
    assert (path, named) == ("/v1/enrol/e-1/status", "e-1")
    assert first != second
    assert "authorization" not in server.asked[0].headers


def test_an_enrolment_that_broke_off_goes_on_with_the_same_key(enrolment, server, signer, key):
    route(server, lambda _: answer(200, issued(signer, key.spki())))
    enrolment.begin(CODE, "0.1.0")
    before = key.spki()
    pending = enrolment.begin(CODE, "0.1.0")
    assert key.spki() == before
    assert enrolment.poll(pending).device_id == DEVICE_ID


def test_a_typing_slip_does_not_cost_the_key_of_an_enrolment_that_broke_off(enrolment, server, key):
    server.say("POST", "enrol", BEGUN, problem(403, "code_invalid"), BEGUN)
    digits = enrolment.begin(CODE, "0.1.0").digits
    with pytest.raises(EnrolFault, match="code_invalid"):
        enrolment.begin("0000-0000-0000", "0.1.0")
    assert enrolment.begin(CODE, "0.1.0").digits == digits


def test_an_enrolled_terminal_is_not_enrolled_again(enrolment, server, key, tmp_path):
    key.create()
    store_device(tmp_path, issue_device(key, "https://p"))
    with pytest.raises(EnrolFault, match="already_enrolled"):
        enrolment.begin(CODE, "0.1.0")
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "code"), [(400, "bad_csr"), (403, "code_invalid"), (409, "code_bound"), (410, "code_expired")]
)
def test_a_refused_code_leaves_a_blank_terminal(enrolment, server, tmp_path, status, code):
    server.say("POST", "enrol", problem(status, code))
    with pytest.raises(EnrolFault) as caught:
        enrolment.begin(CODE, "0.1.0")
    assert caught.value.code == code
    assert list(tmp_path.glob("*.*")) == []


@pytest.mark.parametrize(
    ("says", "code"),
    [(problem(403, "refused"), "refused"), (problem(410, "code_expired"), "code_expired")],
)
def test_digits_that_differ_leave_a_blank_terminal(enrolment, server, tmp_path, says, code):
    route(server, says)
    pending = enrolment.begin(CODE, "0.1.0")
    with pytest.raises(EnrolFault) as caught:
        enrolment.poll(pending)
    assert caught.value.code == code
    assert list(tmp_path.glob("*.*")) == []


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (html(), Unreachable),
        (Say(403), Unreachable),
        (Say(410), Unreachable),
        (Say(500), Unreachable),
        (problem(503, "busy"), Busy),
        (answer(202, {}), EnrolFault),
        (answer(202, {"enrol_id": "a/b", "sas_nonce": "0", "poll_s": 2}), EnrolFault),
        (answer(202, {"enrol_id": "a", "sas_nonce": "é", "poll_s": 2}), EnrolFault),
        (answer(202, {"enrol_id": "a", "sas_nonce": "0", "poll_s": "2"}), EnrolFault),
        (answer(200, {"enrol_id": "a", "sas_nonce": "0", "poll_s": 2}), EnrolFault),
    ],
)
def test_an_answer_that_is_none_keeps_the_key_for_another_try(enrolment, server, key, says, error):
    server.say("POST", "enrol", says)
    with pytest.raises(error):
        enrolment.begin(CODE, "0.1.0")
    assert key.exists()


def forge(name: str, signer: PlatformSigner, spki: bytes) -> dict[str, str]:
    stranger = spki_of(ec.generate_private_key(ec.SECP256R1()))
    other, _ = issue_certificate(spki)
    match name:
        case "another platform":
            return issued(PlatformSigner(), spki)
        case "certificate for another key":
            return issued(signer, stranger)
        case "certificate of another issuer":
            return issued(signer, spki, cert=other.public_bytes(Encoding.PEM).decode())
        case "time key":
            return signer.wire("time", Purpose.ENROLLED, {"now": NOW_S})
        case "no certificate":
            return issued(signer, spki, cert=None)
        case "garbage certificate":
            return issued(signer, spki, cert="-----BEGIN CERTIFICATE-----")
        case "no chain":
            return issued(signer, spki, chain=[])
        case "bad device id":
            return issued(signer, spki, device_id="K-../etc")
        case "no nonce":
            return issued(signer, spki, nonce="")
        case _:
            return {"hello": "world"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("another platform", "not_trusted"),
        ("certificate for another key", "not_trusted"),
        ("certificate of another issuer", "not_trusted"),
        ("time key", "not_trusted"),
        ("garbage certificate", "not_trusted"),
        ("unsigned", "not_trusted"),
        ("no certificate", "bad_answer"),
        ("no chain", "bad_answer"),
        ("bad device id", "bad_answer"),
        ("no nonce", "bad_answer"),
    ],
)
def test_an_answer_that_cannot_be_believed_enrols_nothing(enrolment, server, signer, key, tmp_path, name, code):
    route(server, lambda _: answer(200, forge(name, signer, key.spki())))
    pending = enrolment.begin(CODE, "0.1.0")
    with pytest.raises(EnrolFault) as caught:
        enrolment.poll(pending)
    assert caught.value.code == code
    assert load_device(tmp_path) is None


def test_waiting_goes_on_through_a_cut_and_ends_with_patience(enrolment, server, signer, key):
    says = [Say(500), answer(202, {"state": "pending"}), None]
    route(server, lambda _: says.pop(0) or answer(200, issued(signer, key.spki())))
    pending = enrolment.begin(CODE, "0.1.0")
    pauses: list[float] = []
    device = await_device(enrolment, pending, lambda seconds: bool(pauses.append(seconds)), patience_s=60)
    assert device.device_id == DEVICE_ID
    assert pauses == [2, 2]


@pytest.mark.parametrize(("patience_s", "is_stopped"), [(0, False), (60, True), (4, False)])
def test_waiting_ends_with_patience_or_when_told(enrolment, server, patience_s, is_stopped):
    route(server, answer(202, {"state": "pending"}))
    pending = enrolment.begin(CODE, "0.1.0")
    with pytest.raises(EnrolFault, match="not_approved"):
        await_device(enrolment, pending, lambda _: is_stopped, patience_s)


def test_a_platform_that_stays_away_is_named(enrolment, server):
    route(server, Say(502))
    pending = enrolment.begin(CODE, "0.1.0")
    with pytest.raises(Unreachable):
        await_device(enrolment, pending, lambda _: False, 2)
