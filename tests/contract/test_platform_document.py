"""docs/openapi.json is drawn from the code, and a live platform answers as it says, whatever is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.central.answers import SCREEN_CODES
from kiosk.central.queries import DECLINES
from kiosk.trust.enrol import compose_digits
from kiosk.trust.signed import Purpose, decode_wire, verify
from offline_queue.api import CODES as TERMINAL_CODES
from offline_queue.api import Action
from sandbox import casework, enrolment, page, signed
from sandbox.api import cases, contents, described, errands, persons, public, words
from sandbox.api.contract import Auth
from sandbox.api.words import CODES
from sandbox.canonical import decode_b64url, encode_b64url
from sandbox.device_commands import OUTCOMES, WORDS, issue
from sandbox.documents import keep_document
from sandbox.keys import SIGNING_USES
from sandbox.openapi import PATH, compose_text, endpoints, problems_of
from tests.fixtures.citizen import WOMAN, file_submission, officers_hands
from tests.fixtures.platform import LivePlatform, enrolled_terminal, running_platform
from tests.fixtures.platform_terminal import TestTerminal, make_sid

IS_CHAOS = bool(os.environ.get("JINBAN_CHAOS"))
EXAMPLES = 60 if IS_CHAOS else 2
DOCUMENT = json.loads(PATH.read_text("utf-8"))
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
TUS = "/uploads"
MODULES = (words, described, contents, public, persons, cases, errands)
PDF = b"%PDF-1.7\nresult\n%%EOF\n"


@dataclass(frozen=True)
class World:
    """A platform with something of everything in it, and the credentials to ask."""

    platform: LivePlatform
    sender: TestTerminal
    ticket: str
    real: dict[str, str]  # path parameters that lead to something

    def headers(self, path: str, method: str) -> dict[str, str]:
        """Return credentials; a visit that is ended must be one that nobody else needs."""
        is_end = (path, method) == ("/persons/ticket", "delete")
        ticket = open_ticket(self.sender, str(uuid.uuid4())) if is_end else self.ticket
        return {"Authorization": f"Bearer {self.sender.token}", "Jinban-Ticket": ticket}


def open_ticket(sender: TestTerminal, session: str) -> str:
    identity = {"kind": "id_card", "name": "王秀英", "id_number": WOMAN.id_number.reveal()}
    body = {"identity": identity, "evidence": {"method": "card_read", "at": 1}, "session": session}
    return str(sender.ask("POST", "/v1/persons/ticket", json=body).json()["person_ticket"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        running_platform(tmp_path_factory.mktemp("platform")) as live,
        enrolled_terminal(live) as sender,
        officers_hands(live) as office,
    ):
        sender.beat()
        consignment = sender.pack({}, {"identity": {"kind": "id_card", "id_number": WOMAN.id_number.reveal()}})
        receipt = json.loads(decode_b64url(sender.put(consignment).json()["o"]))
        number = receipt["case_number"]
        kept = keep_document(office, number, "correction", PDF, dev=sender.dev, sid=consignment.sid)
        wanted = (casework.Wanted("M-BANK", "银行卡", "Bank card", "看不清"),)
        casework.ask_correction(
            office.store, number, officer="o", at=office.now(), seen=1, wanted=wanted, deadline="2099-12-31",
            document=kept,
        )  # fmt: skip
        issue(office, sender.dev, "refresh")
        ticket = open_ticket(sender, "visit")
        slots = sender.ask("GET", "/v1/appointments/slots?site=demo-town-hall").json()["slots"]
        more = {"Jinban-Ticket": ticket, "Idempotency-Key": str(uuid.uuid4())}
        order = sender.ask(
            "POST", "/v1/payments/orders", json={"channel": "pos", "case_number": number}, headers=more
        ).json()  # fmt: skip
        real = {
            "case_number": number, "doc": "correction-2", "sid": consignment.sid, "uuid": str(uuid.uuid4()),
            "order": json.loads(decode_b64url(order["o"]))["order"], "slot": slots[-1]["slot"],
        }  # fmt: skip
        yield World(live, sender, ticket, real)


@pytest.fixture(scope="module")
def schema(world: World) -> Any:
    import schemathesis  # heavy: only this file's tests pay

    schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.config.update(base_url=f"{world.platform.base_url}/v1")
    return loaded


# ── the document and the code ──────────────────────────────────────────────────────────────


def test_the_document_is_current():
    assert PATH.read_text("utf-8") == compose_text(), "run `python -m sandbox.openapi` and commit what it writes"


def test_every_route_is_in_the_document_and_nothing_else():
    listed = {(one.path, one.method.lower()) for one in endpoints()}
    assert listed == set(OPERATIONS)
    assert len({one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()}) == len(
        OPERATIONS
    )


def test_every_reference_of_the_document_leads_somewhere():
    text = json.dumps(DOCUMENT)
    wanted = {piece.split('"')[0] for piece in text.split('"$ref": "#/')[1:]}
    for reference in wanted:
        place = DOCUMENT
        for step in reference.split("/"):
            place = place[step]


def test_both_sides_hold_the_same_table_of_codes():
    assert set(TERMINAL_CODES) <= set(CODES)
    assert set(SCREEN_CODES) | DECLINES <= set(CODES)
    terminal = {code for code, action in TERMINAL_CODES.items() if action is Action.TERMINAL}
    assert all(set(CODES[code][0]) & {413, 422} for code in terminal)
    spoken = {code for one in endpoints() for codes in problems_of(one).values() for code in codes}
    assert spoken <= set(CODES)
    for one in endpoints():
        for status, codes in problems_of(one).items():
            assert all(status in CODES[code][0] for code in codes), (one.path, status, codes)


def test_closed_lists_are_the_same_in_types_and_code():
    fields = {one.name: one.type for one in msgspec.structs.fields(described.CommandObject)}
    assert get_args(fields["word"]) == WORDS
    outcomes = {one.name: one.type for one in msgspec.structs.fields(described.CommandResult)}
    assert get_args(outcomes["outcome"]) == OUTCOMES
    uses = {one.name: one.type for one in msgspec.structs.fields(described.PublicKey)}
    assert get_args(uses["use"]) == (*SIGNING_USES, "seal")


# ── the page for implementers ──────────────────────────────────────────────────────────────

PAGE = page.PATH.read_text("utf-8")
EXAMPLES_OF_THE_PAGE = re.findall(r"```json (\w+)\n(.*?)\n```", PAGE, re.DOTALL)


def types() -> dict[str, Any]:
    kinds = {kind.__name__: kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type)}
    return {name: kind for name, kind in kinds.items() if issubclass(kind, msgspec.Struct)}


def test_the_drawn_parts_of_the_page_are_current():
    assert page.fill(PAGE) == PAGE, "run `python -m sandbox.openapi` and commit what it writes"
    assert all(f"**{one.method} {one.path}**" in PAGE for one in endpoints())


@pytest.mark.parametrize(("name", "text"), EXAMPLES_OF_THE_PAGE, ids=[name for name, _ in EXAMPLES_OF_THE_PAGE])
def test_an_example_of_the_page_is_of_its_type(name: str, text: str) -> None:
    class_of_it = types()[name]
    value = msgspec.convert(json.loads(text), class_of_it)
    known = {field.encode_name for field in msgspec.structs.fields(class_of_it)}
    assert set(json.loads(text)) <= known | {class_of_it.__struct_config__.tag_field}
    assert value is not None


def test_the_signature_on_the_page_verifies_on_both_sides():
    wire = json.loads(dict(EXAMPLES_OF_THE_PAGE)["Signed"])
    receipt = json.loads(dict(EXAMPLES_OF_THE_PAGE)["Receipt"])
    spki = decode_b64url(re.findall(r"^`([A-Za-z0-9_-]{100,})`$", PAGE, re.MULTILINE)[0])
    key = serialization.load_der_public_key(spki)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert signed.open_object(wire, signed.RECEIPT, lambda _: key)[0] == receipt
    assert verify(decode_wire(wire), Purpose.RECEIPT, spki) == receipt


def test_the_six_digits_of_the_page_are_those_of_both_sides():
    code, nonce, told = re.findall(r"Code `(\w{12})`, nonce `(\w{32})`.*?\*\*(\d{6})\*\*", PAGE, re.DOTALL)[0]
    spki = decode_b64url(re.findall(r"^`([A-Za-z0-9_-]{100,})`$", PAGE, re.MULTILINE)[0])
    assert enrolment.digits({"code": code, "sas_nonce": nonce, "spki": spki}) == told
    assert compose_digits(code, nonce, spki) == told


# ── a live platform ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_every_answer_is_as_documented(schema: Any, world: World, path: str, method: str) -> None:
    import schemathesis
    from schemathesis import GenerationMode, checks

    operation = schema[path][method.upper()]
    promised = (
        checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_headers_conformance, checks.response_schema_conformance,
    )  # fmt: skip
    real = {name: world.real[name] for name in operation_parameters(path) if name in world.real}
    modes = [GenerationMode.POSITIVE]
    if operation.body or list(operation.iter_parameters()):
        modes.append(GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    with requests.Session() as session:

        @given(case=cases, is_real=st.booleans())
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=not IS_CHAOS,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case: schemathesis.Case, is_real: bool) -> None:
            if is_real and real:
                case.path_parameters = {**(case.path_parameters or {}), **real}
            answer = case.call(
                session=session, headers=world.headers(path, method), verify=str(world.platform.ca_path), timeout=20
            )
            case.validate_response(answer, checks=promised)

        ask()


def operation_parameters(path: str) -> list[str]:
    return [piece.strip("{}") for piece in path.split("/") if piece.startswith("{")]


def test_every_success_is_seen_and_as_documented(schema: Any, world: World) -> None:
    """Ask each endpoint properly: every documented success comes, and what is signed is what the document names."""
    seen: set[tuple[str, str, int]] = set()
    by_key = {(one.method, one.path): one for one in endpoints()}
    sender, real = world.sender, world.real

    def ask(method: str, path: str, status: int, **more: Any) -> requests.Response:
        address = path
        for name, value in {**real, **more.pop("at", {})}.items():
            address = address.replace(f"{{{name}}}", value)
        headers = {"Jinban-Ticket": world.ticket, **more.pop("headers", {})}
        answer = sender.ask(method, f"/v1{address}", headers=headers, **more)
        assert answer.status_code == status, (method, path, answer.text)
        schema[path][method].validate_response(answer)
        endpoint = by_key[method, path]
        yes = endpoint.answers[status]
        if yes.signs is not None:
            for wire in wires_of(answer, yes.body):
                msgspec.convert(json.loads(decode_b64url(wire["o"])), yes.signs)
        seen.add((method, path, status))
        return answer

    key = {"Idempotency-Key": str(uuid.uuid4())}
    ask("GET", "/time", 200, params={"nonce": "0" * 32})
    for path in ("/keys", "/catalogue", "/policy", "/notices"):
        etag = ask("GET", path, 200).headers["ETag"]
        assert ask("GET", path, 304, headers={"If-None-Match": f'"other", {etag}'}).content == b""
    ask("POST", "/token", 200, data={
        "grant_type": "client_credentials", "client_assertion": sender.assertion(),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    })  # fmt: skip
    body = sender.compose_beat(9, results=[{"id": "nobody-knows-it", "outcome": "done"}])
    beat = json.loads(decode_b64url(ask("POST", "/heartbeat", 200, json=sender.sign_object("kiosk/heartbeat/v1", body))
                                    .json()["o"]))  # fmt: skip
    assert beat["ack_results"] == ["nobody-knows-it"]
    msgspec.convert(json.loads(decode_b64url(beat["commands"][0]["o"])), described.CommandObject)

    code = world.platform.create_code()
    with_code = {"code": code, "csr": sender.csr(), "app": "test/1", "hw": {}}
    enrol_id = ask("POST", "/enrol", 202, json=with_code).json()["enrol_id"]
    proof = sender.sign_object("kiosk/enrol-pop/v1", {"enrol_id": enrol_id, "n": "0" * 32}, "new")
    ask("POST", "/enrol/{enrol_id}/status", 200, json=proof, at={"enrol_id": enrol_id})

    tus = {"Tus-Resumable": "1.0.0"}
    ask("OPTIONS", "/uploads", 204)
    parts = sender.pack({"m-bank-1": (b"\xff\xd8jpeg", "image/jpeg")}, {"identity": {"kind": "anonymous"}})
    sid = {"sid": parts.sid}
    put = {"envelope": sender.sign_object("kiosk/submit/v1", parts.envelope),
           "manifest": encode_b64url(parts.sealed_manifest)}  # fmt: skip
    ask("PUT", "/submissions/{sid}", 202, json=put, at=sid)
    blob = parts.sealed["m-bank-1"]
    made = sender.create_upload(parts.sid, "m-bank-1", parts.envelope["parts"][0]["sha256"], len(blob))
    schema["/uploads"]["POST"].validate_response(made)
    seen.add(("POST", "/uploads", 201))
    upload = {"upload_id": made.headers["Location"].rsplit("/", 1)[1]}
    ask("HEAD", "/uploads/{upload_id}", 200, headers=tus, at=upload)
    patch = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    ask("PATCH", "/uploads/{upload_id}", 204, headers=patch, data=blob, at=upload)
    ask("PUT", "/submissions/{sid}", 201, json=put, at=sid)
    ask("PUT", "/submissions/{sid}", 200, json=put, at=sid)
    ask("GET", "/submissions/{sid}", 200, at=sid)

    identity = {"kind": "id_card", "name": "王秀英", "id_number": WOMAN.id_number.reveal()}
    visit = {"identity": identity, "evidence": {"method": "card_read", "at": 1}, "session": "another"}
    other = ask("POST", "/persons/ticket", 200, json=visit).json()["person_ticket"]
    ask("DELETE", "/persons/ticket", 204, headers={"Jinban-Ticket": other})
    file_submission(sender, WOMAN, "consultation", text="怎么办?")
    ask("POST", "/cases/search", 200, json={})
    ask("GET", "/cases/{case_number}", 200)
    ask("GET", "/cases/{case_number}/correction", 200)
    assert ask("GET", "/cases/{case_number}/results/{doc}", 200).content == PDF
    assert ask("POST", "/consultations/search", 200, json={}).json()["questions"]
    ref = ask("POST", "/materials/search", 200, json={"codes": ["M-HUKOU"]}).json()["materials"][0]["ref"]
    ask("POST", "/materials/grants", 201, json={"refs": [ref], "notice_sha256": "ab" * 32}, headers=key)
    paid = {"channel": "alipay", "case_number": real["case_number"]}
    ask("POST", "/payments/orders", 201, json=paid, headers={"Idempotency-Key": str(uuid.uuid4())})
    ask("GET", "/payments/orders/{order}", 200)
    ask("POST", "/payments/orders/{order}/close", 200)
    for path, query in (("/appointments/sites", {}), ("/appointments/slots", {"site": "demo-town-hall"})):
        etag = ask("GET", path, 200, params=query).headers["ETag"]
        ask("GET", path, 304, params=query, headers={"If-None-Match": etag})
    booking = {"slot": real["slot"], "item": "SIM-YB-0001", "contact": "13800000000"}
    for status in (201, 200):
        ask("PUT", "/appointments/{uuid}", status, json=booking)
    ask("DELETE", "/appointments/{uuid}", 204)

    promised = {(one.method, one.path, status) for one in endpoints() for status in one.answers}
    elsewhere = {("POST", "/enrol/{enrol_id}/status", 202), ("POST", "/devices/self/certificate", 200)}
    assert promised - elsewhere == seen - elsewhere


def wires_of(answer: requests.Response, body: Any) -> list[dict[str, str]]:
    """Return the signed objects that an answer carries: itself, in a list, or in the header of a document."""
    if body is None:
        return [json.loads(decode_b64url(answer.headers["Jinban-Document"]))]
    value = answer.json()
    return list(value.get("notices", [value]))


@pytest.mark.parametrize("path", sorted({one.path for one in endpoints() if one.auth is not Auth.NONE}))
def test_nobody_is_answered_without_a_token(world: World, path: str) -> None:
    for one in endpoints():
        if one.path == path and one.auth is not Auth.NONE:
            address = path
            for name in operation_parameters(path):
                address = address.replace(f"{{{name}}}", world.real.get(name, make_sid()))
            answer = requests.request(
                one.method, f"{world.platform.base_url}/v1{address}", verify=str(world.platform.ca_path), timeout=20,
                headers={"Tus-Resumable": "1.0.0", "Jinban-Ticket": world.ticket, "Jinban-Request-Id": "r-1"},
            )  # fmt: skip
            assert answer.status_code == 401
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Jinban-Request-Id"] == "r-1"
            assert answer.headers["Date"]


BODIES = {
    b'{"page":1,"page":2}': 400,
    b'{"page":NaN}': 400,
    b'{"page":1e400}': 400,
    b'{"page":1.5}': 400,
    b'{"page":7.0}': 200,
    b'{"unknown":1}': 400,
    b"[]": 400,
    b"": 400,
    b"\xff": 400,
    b'{"item":"\\ud800"}': 400,
    b'{"item":"\\u0000"}': 400,
    b'{"item":' + b"[" * 40 + b"]" * 40 + b"}": 400,
    b"{" + b" " * 65_000 + b"}": 200,
    b"{" + b" " * 66_000 + b"}": 413,
    b"[" * 60_000: 400,
}


def test_json_is_read_strictly(world: World) -> None:
    headers = {**world.headers("", ""), "Content-Type": "application/json; charset=utf-8"}
    for body, status in BODIES.items():
        answer = world.sender.ask("POST", "/v1/cases/search", data=body, headers=headers)
        assert answer.status_code == status, body[:60]
    answer = world.sender.ask("POST", "/v1/cases/search", data=b"{}", headers={**headers, "Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "bad_request")


def test_a_refusal_repeats_no_personal_data(world: World) -> None:
    body = {"identity": {"kind": "id_card", "name": "欧阳娜娜", "id_number": "33040219450305002"}, "session": "s"}
    for evidence in ({"method": "card_read", "at": 1}, {"method": "staff", "at": 1}, {"method": "欧阳娜娜"}, {}):
        answer = world.sender.ask("POST", "/v1/persons/ticket", json={**body, "evidence": evidence})
        assert answer.status_code in (400, 403, 422)
        assert "欧阳" not in answer.text
        assert "330402" not in answer.text


def test_the_whole_tool_finds_nothing(world: World, tmp_path: Path) -> None:
    """The command line of schemathesis with its boundary values; more of them under JINBAN_CHAOS."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(_config(world, tmp_path)), "run",
        str(PATH), "--phases", "coverage,fuzzing" if IS_CHAOS else "coverage",
        "--max-examples", "20" if IS_CHAOS else "4",
        "--seed", "1", "--no-color", "--continue-on-failure", "--suppress-health-check", "all",
        *([] if IS_CHAOS else ["--include-operation-id", "post-consultations-search"]),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1500, check=False)
    tested = next(
        (line.strip() for line in done.stdout.splitlines() if " generated" in line and line.strip()[:1].isdigit()), ""
    )
    sys.stdout.write(f"chaos contract: {tested}\n")
    assert done.returncode == 0, done.stdout[-6000:]


def _config(world: World, folder: Path) -> Path:
    """Write what the tool must know: credentials, and which of its expectations are not ours.

    A request that is well formed can still be refused for what it says (400 and 422 of the older endpoints, 422 of
    the newer); tus answers 412 before anything else; a path that could be a booking's is looked up as one.
    """
    world.sender.fetch_token()  # the tests before may have used up most of the other's ten minutes
    token, ticket = world.sender.token, open_ticket(world.sender, "the-tool")
    headers = {"Authorization": f"Bearer {token}", "Jinban-Ticket": ticket}
    path = folder / "schemathesis.toml"
    path.write_text(
        f'base-url = "{world.platform.base_url}/v1"\n'
        f'tls-verify = "{world.platform.ca_path}"\n'
        "[generation]\nallow-x00 = false\n[headers]\n"
        + "".join(f'"{name}" = "{value}"\n' for name, value in headers.items())
        + '[checks.positive_data_acceptance]\nexpected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 422]\n'
        '[checks.negative_data_rejection]\nexpected-statuses = ["4xx"]\n'
        '[checks.missing_required_header]\nexpected-statuses = ["4xx"]\n'
        '[[operations]]\ninclude-path-regex = "^/(enrol|token|submissions|heartbeat)"\n'
        "checks.positive_data_acceptance.enabled = false\n"
        '[[operations]]\ninclude-path-regex = "^/uploads"\n'
        "checks.missing_required_header.enabled = false\nchecks.positive_data_acceptance.enabled = false\n"
        '[[operations]]\ninclude-path-regex = "^/(appointments/s|cases/search)"\n'
        "checks.unsupported_method.enabled = false\n"
        '[[operations]]\ninclude-name = "DELETE /persons/ticket"\nenabled = false\n'
        '[[operations]]\ninclude-name = "PATCH /uploads/{upload_id}"\nenabled = false\n'
    )
    return path
