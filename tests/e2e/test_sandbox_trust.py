"""Enrolment, tokens, keys, time and heartbeat of the platform, over real HTTPS."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.canonical import decode_b64url
from sandbox.signed import BUNDLE, ENROLLED, TIME, open_object
from tests.fixtures.platform import LivePlatform, console_command, enrolled_terminal, running_platform
from tests.fixtures.platform_terminal import TestTerminal, b64url, canonical

NewTerminal = Callable[[], TestTerminal]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file: every test has codes and terminals of its own."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def known(platform: LivePlatform) -> Iterator[TestTerminal]:
    """One terminal for tests that leave it as it is."""
    with enrolled_terminal(platform) as made:
        yield made


def verified(platform: LivePlatform, wire: dict, purpose: str) -> dict:
    """Return a platform object that a pinned key signed."""
    pins = {pin["kid"]: pin for pin in json.loads(platform.pins_path.read_text())["keys"]}

    def key_of(kid: str) -> ec.EllipticCurvePublicKey:
        key = serialization.load_der_public_key(decode_b64url(pins[kid]["pub"]))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    return open_object(wire, purpose, key_of)[0]


def refusal(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# ── enrolment ──────────────────────────────────────────────────────────────────────────────


def test_a_code_and_a_key_become_a_device(platform: LivePlatform, new_sender: NewTerminal) -> None:
    new, code = new_sender(), platform.create_code()
    assert len(code) == 12
    begun = new.begin_enrolment(code.lower())
    assert begun.status_code == 202
    assert set(begun.json()) == {"enrol_id", "sas_nonce", "poll_s"}
    assert new.begin_enrolment(code).json() == begun.json()
    done = new.poll_enrolment(begun.json()["enrol_id"])
    assert done.status_code == 200
    assert new.poll_enrolment(begun.json()["enrol_id"]).content == done.content
    answer = verified(platform, done.json(), ENROLLED)
    assert set(answer) == {"device_id", "cert", "chain", "policy", "now", "nonce"}
    certificate = x509.load_pem_x509_certificate(answer["cert"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(answer["chain"][0].encode()))
    assert certificate.public_key() == new.key.public_key()
    assert abs(certificate.not_valid_after_utc.timestamp() - time.time() - 365 * 86400) < 86400
    assert platform.device_state(answer["device_id"]) == "pending"


def test_the_first_heartbeat_makes_the_device_active_and_closes_the_enrolment(
    platform: LivePlatform, new_sender: NewTerminal
) -> None:
    new, code = new_sender(), platform.create_code()
    new.enrol(code)
    answer = new.beat(5, queue={"ready": 3})
    value = verified(platform, answer.json(), TIME)
    assert (value["typ"], value["n"], value["commands"]) == ("heartbeat", 5, [])
    assert "nonce" not in value
    assert platform.device_state(new.dev) == "active"
    assert platform.heartbeat(new.dev)["queue"]["ready"] == 3
    assert new.beat(4, queue={"ready": 9}).status_code == 200
    assert platform.heartbeat(new.dev)["queue"]["ready"] == 3
    begun = new.begin_enrolment(code)
    assert refusal(new.poll_enrolment(begun.json()["enrol_id"])) == (410, "code_expired")


def test_heartbeats_of_strangers_or_of_another_kind_are_refused(
    sender: TestTerminal, new_sender: NewTerminal, platform: LivePlatform
) -> None:
    other = new_sender()
    other.enrol(platform.create_code())
    body = {"n": 1, "dev": sender.dev}
    assert refusal(sender.ask("POST", "/v1/heartbeat", json=other.sign_object("kiosk/heartbeat/v1", body)))[0] == 403
    assert refusal(sender.ask("POST", "/v1/heartbeat", json=sender.sign_object("kiosk/submit/v1", body)))[0] == 403
    wrong = sender.sign_object("kiosk/heartbeat/v1", {"n": 1, "dev": other.dev})
    assert refusal(sender.ask("POST", "/v1/heartbeat", json=wrong)) == (400, "bad_request")
    assert refusal(sender.ask("POST", "/v1/heartbeat", data=b" " * 20_000)) == (413, "too_large")


@pytest.mark.parametrize("code", ["", "0000000000", "000000000000", "unknown"])
def test_a_wrong_code_is_refused(new_sender: NewTerminal, code: str) -> None:
    assert refusal(new_sender().begin_enrolment(code)) == (403, "code_invalid")


def test_a_used_code_belongs_to_the_first_key_and_burns_after_five_tries(
    platform: LivePlatform, new_sender: NewTerminal
) -> None:
    code, first = platform.create_code(), new_sender()
    assert first.begin_enrolment(code).status_code == 202
    for _ in range(5):
        assert refusal(new_sender().begin_enrolment(code)) == (409, "code_bound")
    assert refusal(new_sender().begin_enrolment(code)) == (403, "code_invalid")
    assert sum(kind == "code_bound" for _, kind, _ in platform.notes()) >= 5


def test_the_wrong_key_learns_nothing_of_an_enrolment(platform: LivePlatform, new_sender: NewTerminal) -> None:
    first, thief = new_sender(), new_sender()
    enrol_id = first.begin_enrolment(platform.create_code()).json()["enrol_id"]
    assert refusal(thief.poll_enrolment(enrol_id)) == (403, "bad_signature")
    other = first.begin_enrolment(platform.create_code()).json()["enrol_id"]
    proof = first.sign_object("kiosk/enrol-pop/v1", {"enrol_id": other, "n": "x"})
    assert refusal(first.ask("POST", f"/v1/enrol/{enrol_id}/status", json=proof)) == (403, "bad_signature")
    assert refusal(first.poll_enrolment("nobody")) == (404, "not_found")


def csr_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def test_bad_requests_for_a_certificate_are_refused(platform: LivePlatform, new_sender: NewTerminal) -> None:
    new, code = new_sender(), platform.create_code()
    good = csr_of(ec.generate_private_key(ec.SECP256R1()))
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    other_curve = csr_of(ec.generate_private_key(ec.SECP384R1()))
    for csr in ("", "x", "-----BEGIN", b64url(b"0"), b64url(flipped), b64url(other_curve)):
        answer = new.ask("POST", "/v1/enrol", json={"code": code, "csr": csr, "hw": {}, "app": "t"})
        assert refusal(answer) == (400, "bad_csr")
    assert refusal(new.ask("POST", "/v1/enrol", json={"code": 1, "csr": "", "app": ""})) == (400, "bad_request")
    pem = x509.load_der_x509_csr(good).public_bytes(serialization.Encoding.PEM).decode()
    assert new.ask("POST", "/v1/enrol", json={"code": code, "csr": pem, "hw": {}, "app": "t"}).status_code == 202


def test_an_officer_compares_the_digits(start_platform: Callable[..., LivePlatform], tmp_path: object) -> None:
    live = start_platform("careful", "--port", "0")
    for is_same in (True, False):
        new = TestTerminal(live.base_url, live.ca_path)
        code = live.create_code()
        begun = new.begin_enrolment(code).json()
        assert new.poll_enrolment(begun["enrol_id"]).status_code == 202
        text = b"\0".join([b"kiosk/enrol/v1", code.encode(), begun["sas_nonce"].encode(), new.spki()])
        digits = f"{int.from_bytes(hashlib.sha256(text).digest()[:8], 'big') % 1_000_000:06d}"
        assert live.command("waiting") == [{"enrol_id": begun["enrol_id"], "digits": digits}]
        live.command("approve" if is_same else "reject", begun["enrol_id"])
        answer = new.poll_enrolment(begun["enrol_id"])
        if is_same:
            assert answer.status_code == 200
        else:
            assert refusal(answer) == (403, "refused")
            assert refusal(new.begin_enrolment(code)) == (403, "code_invalid")
        new.close()
    with pytest.raises(Exception, match="exit status 1"):
        live.command("approve", "nobody")


# ── tokens ─────────────────────────────────────────────────────────────────────────────────


def test_a_token_lasts_ten_minutes_and_opens_the_door(known: TestTerminal) -> None:
    answer = known.ask_token(known.assertion())
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "now"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 600)
    assert answer.headers["Cache-Control"] == "no-store"
    assert known.ask("OPTIONS", "/v1/uploads").status_code == 204
    for wrong in ("", "Bearer", "Bearer x", "Basic eDp5"):
        refused = known.ask("OPTIONS", "/v1/uploads", headers={"Authorization": wrong})
        assert refusal(refused) == (401, "token_expired")
        assert "WWW-Authenticate" in refused.headers


def test_an_assertion_is_good_once(known: TestTerminal) -> None:
    assertion = known.assertion()
    assert known.ask_token(assertion).status_code == 200
    assert refusal(known.ask_token(assertion)) == (401, "bad_assertion")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "K-999999"}, {"sub": "K-999999"}, {"aud": "https://elsewhere.example/v1/token"}, {"aud": None},
        {"aud": ["http://127.0.0.1/v1/token"]}, {"jti": ""}, {"jti": 5}, {"jti": "x" * 200}, {"iat": "now"},
        {"exp": int(time.time()) + 10_000}, {"exp": True}, {"iat": None},
    ],
)  # fmt: skip
def test_assertions_that_say_the_wrong_thing_are_refused(known: TestTerminal, changes: dict) -> None:
    assert refusal(known.ask_token(known.assertion(**changes))) == (401, "bad_assertion")


@pytest.mark.parametrize("offset_s", [-86_400, 86_400])
def test_a_wrong_clock_is_told_so(known: TestTerminal, offset_s: int) -> None:
    now = int(time.time()) + offset_s
    assert refusal(known.ask_token(known.assertion(iat=now, exp=now + 60))) == (401, "clock_skew")


def test_assertions_of_other_keys_and_algorithms_are_refused(
    platform: LivePlatform, sender: TestTerminal, new_sender: NewTerminal
) -> None:
    thief = new_sender()
    thief.dev, thief.serial = sender.dev, sender.serial
    assert refusal(sender.ask_token(thief.assertion())) == (401, "bad_assertion")
    _, claims, _ = sender.assertion().split(".")
    none = b64url(canonical({"alg": "none", "kid": sender.serial}))
    for text in (f"{none}.{claims}.", f"{none}.{claims}", "x", "a.b.c", f"{b64url(b'[]')}.{claims}.{claims}"):
        assert refusal(sender.ask_token(text)) == (401, "bad_assertion")
    assert refusal(sender.ask("POST", "/v1/token", data="x")) == (400, "bad_request")
    assert refusal(sender.ask("POST", "/v1/token", data={"grant_type": "password"})) == (400, "bad_request")


def test_a_suspended_device_may_only_drain_and_a_revoked_one_nothing(
    platform: LivePlatform, sender: TestTerminal
) -> None:
    consignment = sender.pack({"signature": (b"ink", "image/png")})
    platform.command("device", sender.dev, "suspended")
    sender.fetch_token()
    sender.upload(consignment)
    assert sender.put(consignment).status_code == 201
    assert sender.beat().status_code == 200
    assert platform.device_state(sender.dev) == "suspended"
    late = sender.pack({"signature": (b"ink", "image/png")})
    sender.upload(late)  # whoever uploads is remembered for a moment: what follows must ask anew all the same
    platform.command("device", sender.dev, "revoked")
    assert refusal(sender.put(late)) == (403, "device_revoked")
    assert refusal(sender.beat()) == (403, "device_revoked")
    assert platform.commits(late.sid) == 0
    assert refusal(sender.status(consignment.sid)) == (403, "device_revoked")
    assert refusal(sender.ask_token(sender.assertion())) == (401, "device_revoked")
    with pytest.raises(Exception, match="exit status 1"):
        platform.command("device", "K-999999", "active")
    for word in ("active", "suspended"):  # revoked is for good
        done = console_command("device", "--state", str(platform.state), sender.dev, word)
        assert (done.returncode, "allowed: nothing" in done.stderr) == (1, True)
    assert platform.command("device", sender.dev, "revoked") == {"dev": sender.dev, "state": "revoked"}
    assert platform.device_state(sender.dev) == "revoked"
    assert platform.command("record")["rows"] >= 3


# ── time, keys, common rules ───────────────────────────────────────────────────────────────


def test_time_is_signed_with_the_nonce(platform: LivePlatform, new_sender: NewTerminal) -> None:
    new, nonce = new_sender(), secrets.token_hex(16)
    value = verified(platform, new.ask("GET", f"/v1/time?nonce={nonce}").json(), TIME)
    assert value.keys() == {"nonce", "now"}
    assert value["nonce"] == nonce
    assert abs(value["now"] - time.time()) < 600  # the same machine's clock; no figure is judged
    for wrong in ("", "?nonce=short", "?nonce=" + "x" * 65):
        assert refusal(new.ask("GET", f"/v1/time{wrong}")) == (400, "bad_request")


def test_the_key_bundle_is_signed_once_and_has_an_etag(platform: LivePlatform, known: TestTerminal) -> None:
    first, second = known.ask("GET", "/v1/keys"), known.ask("GET", "/v1/keys")
    assert first.content == second.content
    bundle = verified(platform, first.json(), BUNDLE)
    assert (bundle["v"], bundle["typ"], bundle["version"]) == (1, "keys", 1)
    pins = json.loads(platform.pins_path.read_text())["keys"]
    assert [key for key in bundle["keys"] if key["use"] != "seal"] == pins
    again = known.ask("GET", "/v1/keys", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_answers_keep_the_common_rules(known: TestTerminal) -> None:
    answer = known.ask("GET", "/v1/nowhere", headers={"Jinban-Request-Id": "abc-1"})
    assert refusal(answer) == (404, "not_found")
    assert answer.headers["Jinban-Request-Id"] == "abc-1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Date"]
    assert "Server" not in answer.headers
    assert refusal(known.ask("DELETE", "/v1/token")) == (405, "method_not_allowed")


def test_nothing_is_said_without_tls_or_to_those_who_do_not_know_us(platform: LivePlatform) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(platform.base_url.replace("https:", "http:") + "/v1/time", timeout=5)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(platform.base_url + "/v1/time", timeout=5)
