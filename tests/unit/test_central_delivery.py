"""Every row of the status table (queue-and-sync.md §10), with and without our problem code, over real HTTPS."""

from __future__ import annotations

import base64
import email.utils
import json
import threading
from pathlib import Path

import msgspec
import pytest

from kiosk.central.answers import PROBLEM
from kiosk.central.heartbeat import Heartbeat, Pulse
from kiosk.central.pieces import PIECE_START as PATCH_BYTES
from kiosk.station.audit_format import Head
from kiosk.trust.signed import Purpose, decode_wire, from_base64url, verify, verify_signature
from offline_queue.api import (
    PARTS_MAX,
    AnswerFault,
    Busy,
    Consignment,
    PartUpload,
    PauseReason,
    QueueError,
    QueueStats,
    Refused,
    Unauthorised,
    Unreachable,
)
from tests.fixtures.central import DEVICE_ID, NOW_S, RECEIPT, SID, Asked, Say, answer, html, problem

SIZE = 2 * PATCH_BYTES + 1000
CONTENT = (bytes(range(251)) * (SIZE // 251 + 1))[:SIZE]


@pytest.fixture
def consignment(link) -> Consignment:
    envelope = link.signer.sign("kiosk/submit/v1", b'{"sid":"x"}')
    return Consignment(
        sid=SID,
        seq=42,
        intake_number="K-000123-000042-A",
        envelope=envelope,
        manifest=b"sealed manifest",
        manifest_sha256=RECEIPT["manifest_sha256"],
        parts=(),
        sent_once=False,
    )


@pytest.fixture
def part(tmp_path) -> PartUpload:
    path = tmp_path / "blob.ksb1"
    path.write_bytes(CONTENT)
    return PartUpload("id-front", str(path), SIZE, "ab" * 32)


class Progress:
    """What the store would have written down."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def __call__(self, url: str, offset: int) -> None:
        self.seen.append((url.rpartition("/v1")[2], offset))


# ── PUT and status ─────────────────────────────────────────────────────────────────────────


def test_a_put_gives_the_wait_for_its_answer_away(link, server, signer, consignment):
    used = threading.Semaphore(0)

    def answer_late(asked: Asked) -> Say:
        assert used.acquire(timeout=45), "the answer waits for whoever uses the wait"
        return answer(201, signer.receipt())

    server.say("PUT", "submissions", answer_late)
    assert link.delivery.put(consignment, used.release).state == "committed"
    while used.acquire(blocking=False):
        pass  # while the connection was made, too
    assert link.delivery.put(consignment, used.release).state == "committed"
    server.say("GET", "submissions", problem(404, "unknown_submission"))
    assert link.delivery.status(SID).state == "unknown"
    assert not used.acquire(blocking=False), "once for an answer, and not for somebody else's"


@pytest.mark.parametrize("status", [200, 201])
def test_a_put_brings_the_signed_receipt_and_carries_what_the_contract_says(link, server, signer, consignment, status):
    receipt = signer.receipt()
    server.say("PUT", "submissions", answer(status, receipt))
    brought = link.delivery.put(consignment)
    assert (brought.state, brought.status) == ("committed", status)
    assert brought.receipt == decode_wire(receipt)
    (asked,) = server.seen("PUT", "submissions")
    body = json.loads(asked.body)
    assert asked.path == f"/v1/submissions/{SID}"
    assert asked.headers["idempotency-key"] == SID
    assert asked.headers["authorization"] == "Bearer token-1"
    assert from_base64url(body["manifest"]) == b"sealed manifest"
    assert decode_wire(body["envelope"]) == consignment.envelope


def test_a_put_kept_but_not_committed_names_what_is_missing(link, server, consignment):
    waiting = answer(202, {"state": "parts_missing", "missing": ["id-front"]}, **{"Retry-After": "7"})
    server.say("PUT", "submissions", waiting, answer(202, {"state": "processing", "missing": []}))
    brought = link.delivery.put(consignment)
    assert (brought.state, brought.missing, brought.retry_after_s) == ("parts_missing", ("id-front",), 7)
    assert link.delivery.put(consignment).state == "processing"


def test_as_many_parts_as_a_submission_may_have_may_be_missing(link, server, consignment):
    names = [f"m-{number:046d}" for number in range(PARTS_MAX)]
    says = [answer(202, {"state": "parts_missing", "missing": missing}) for missing in (names, [*names, "x"])]
    server.say("PUT", "submissions", *says)
    assert link.delivery.put(consignment).missing == tuple(names)
    with pytest.raises(AnswerFault, match="unexpected_answer"):
        link.delivery.put(consignment)


def tomorrow(seconds: int) -> str:
    return email.utils.formatdate(NOW_S + seconds, usegmt=True)


ROWS = [
    # 2xx without a receipt is never delivered
    ("2xx, empty object", answer(200, {}), AnswerFault, "no_receipt"),
    ("2xx, no JSON", Say(201, b"ok", {"Content-Type": "text/plain"}), AnswerFault, "not_json"),
    ("2xx, a key twice", Say(200, b'{"o":"","o":""}', {"Content-Type": "application/json"}), AnswerFault, "not_json"),
    ("2xx, too deep", Say(200, b'{"o":' + b"[" * 40 + b"]" * 40 + b"}"), AnswerFault, "not_json"),
    ("204", Say(204), AnswerFault, "unexpected_answer"),
    ("202 of a stranger", answer(202, {"hello": 1}), AnswerFault, "unexpected_answer"),
    # pause and token
    ("403 suspended", problem(403, "device_suspended"), Unauthorised, "device_suspended"),
    ("403 revoked", problem(403, "device_revoked"), Unauthorised, "device_revoked"),
    ("403 without code", Say(403), Unreachable, "gateway"),
    ("403 with an unknown code", problem(403, "blocked_by_waf"), Unreachable, "gateway"),
    ("401 suspended", problem(401, "device_suspended"), Unauthorised, "device_suspended"),
    # wait
    ("409 in_progress", problem(409, "in_progress", **{"Retry-After": "9"}), Busy, "in_progress"),
    ("409 without code", Say(409), Busy, "in_progress"),
    ("423", Say(423), Busy, "busy"),
    ("429", Say(429), Busy, "busy"),
    ("503 busy", problem(503, "busy"), Busy, "busy"),
    ("503 with a page", html(503), Busy, "busy"),
    ("429 with a page", html(429), Busy, "busy"),
    # terminal only by our code
    ("422 hash_mismatch", problem(422, "hash_mismatch"), Refused, "hash_mismatch"),
    ("422 id_reused", problem(422, "id_reused"), Refused, "id_reused"),
    ("422 bad_signature", problem(422, "bad_signature"), Refused, "bad_signature"),
    ("422 unreadable", problem(422, "unreadable"), Refused, "unreadable"),
    ("422 seq_reused", problem(422, "seq_reused"), Refused, "seq_reused"),
    ("422 refused", problem(422, "refused"), Refused, "refused"),
    ("422 correction_closed", problem(422, "correction_closed"), Refused, "correction_closed"),
    ("422 already_rated", problem(422, "already_rated"), Refused, "already_rated"),
    ("413 too_large", problem(413, "too_large"), Refused, "too_large"),
    ("422 with an unknown code", problem(422, "out_of_fashion"), Unreachable, "gateway"),
    ("422 with a retry code", problem(422, "busy"), Unreachable, "busy"),
    ("422 without code", Say(422), Unreachable, "gateway"),
    ("413 without code", Say(413), Unreachable, "gateway"),
    ("422, our code as plain JSON", answer(422, {"code": "refused"}), Unreachable, "gateway"),
    ("400 with a terminal code", problem(400, "refused"), Unreachable, "refused"),
    ("500 with a terminal code", problem(500, "hash_mismatch"), Unreachable, "hash_mismatch"),
    ("422, a problem that is no JSON", Say(422, b"{", {"Content-Type": PROBLEM}), Unreachable, "gateway"),
    ("422, a problem that is a list", Say(422, b"[]", {"Content-Type": PROBLEM}), Unreachable, "gateway"),
    ("422, a number as code", Say(422, b'{"code":NaN}', {"Content-Type": PROBLEM}), Unreachable, "gateway"),
    # transient
    ("400", Say(400), Unreachable, "gateway"),
    ("404", Say(404), Unreachable, "gateway"),
    ("408", Say(408), Unreachable, "gateway"),
    ("412", problem(412, "config_outdated"), Unreachable, "gateway"),
    ("500", Say(500), Unreachable, "server_error"),
    ("502 with a page", html(502), Unreachable, "server_error"),
    ("504", Say(504), Unreachable, "server_error"),
    ("507 storage_full", problem(507, "storage_full"), Unreachable, "storage_full"),
    ("507 without code", Say(507), Unreachable, "server_error"),
    ("cut", Say(200, b"x" * 100, cut_after=3), Unreachable, "cut"),
]


@pytest.mark.parametrize(("says", "error", "code"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_answer_to_a_put_is_the_error_of_its_row(link, server, consignment, says, error, code):
    server.say("PUT", "submissions", says)
    with pytest.raises(QueueError) as caught:
        link.delivery.put(consignment)
    assert type(caught.value) is error
    assert caught.value.code == code
    assert getattr(caught.value, "pause", PauseReason.NONE) is PauseReason.NONE
    if error is not AnswerFault and says.cut_after is None:
        assert caught.value.status == says.status


PORTALS = [html(200), html(201), html(404), html(401), html(403), html(409), Say(302), Say(307), Say(304), Say(511)]
SLY = Say(200, b"  <!doctype HTML><p>login", {"Content-Type": "application/json"})


@pytest.mark.parametrize("says", [*PORTALS, SLY], ids=lambda says: f"{says.status} {says.headers.get('Content-Type')}")
def test_a_page_or_redirect_pauses_the_queue_as_a_portal(link, server, consignment, says):
    server.say("PUT", "submissions", says)
    server.say("GET", "submissions", says)
    for ask in (lambda: link.delivery.put(consignment), lambda: link.delivery.status(SID)):
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.pause is PauseReason.PORTAL
    assert server.tokens == 1


@pytest.mark.parametrize(
    ("header", "is_trusted", "expected"),
    [
        ("7", True, 7),
        ("7", False, 7),
        ("0", True, 0),
        ("99999", True, 3600),
        (tomorrow(90), True, 90),
        (tomorrow(-90), True, 0),
        (tomorrow(86400), True, 3600),
        (tomorrow(90), False, None),
        ("soon", True, None),
        ("-5", True, None),
        ("9" * 40, True, None),
        (None, True, None),
    ],
)
def test_how_long_to_wait_is_capped_and_dates_need_a_sure_clock(
    link, server, clock, consignment, header, is_trusted, expected
):
    clock.trusted = is_trusted
    server.say("PUT", "submissions", problem(503, "busy", **({"Retry-After": header} if header else {})))
    with pytest.raises(Busy) as caught:
        link.delivery.put(consignment)
    assert caught.value.retry_after_s == expected


def test_a_status_that_is_no_object_is_no_answer(link, server):
    server.say("GET", "submissions", Say(200, b"[1]", {"Content-Type": "application/json"}))
    with pytest.raises(AnswerFault, match="not_json"):
        link.delivery.status(SID)


def test_a_conflict_without_a_time_waits_five_seconds(link, server, consignment):
    server.say("PUT", "submissions", problem(409, "in_progress"), problem(409, "in_progress", **{"Retry-After": "9"}))
    for expected in (5, 9):
        with pytest.raises(Busy) as caught:
            link.delivery.put(consignment)
        assert caught.value.retry_after_s == expected


def test_a_manifest_too_large_for_the_contract_is_refused_here(link, server, consignment):
    with pytest.raises(Refused, match="too_large"):
        link.delivery.put(msgspec.structs.replace(consignment, manifest=bytes(1_000_000)))
    assert server.asked == []


def test_the_status_question_tells_every_state(link, server, signer):
    server.say(
        "GET",
        "submissions",
        answer(200, {"state": "committed", "missing": [], "receipt": signer.receipt()}),
        answer(200, {"state": "processing", "missing": []}),
        answer(200, {"state": "parts_missing", "missing": ["a", "b"]}),
        problem(404, "unknown_submission"),
    )
    assert link.delivery.status(SID).receipt.kid == "receipt-1"
    assert link.delivery.status(SID).state == "processing"
    assert link.delivery.status(SID).missing == ("a", "b")
    assert link.delivery.status(SID).state == "unknown"


@pytest.mark.parametrize(
    ("says", "error", "code"),
    [
        (answer(200, {"state": "refused", "code": "unreadable"}), Refused, "unreadable"),
        (answer(200, {"state": "refused", "code": "no_such_word"}), AnswerFault, "unexpected_answer"),
        (answer(200, {"state": "refused"}), AnswerFault, "unexpected_answer"),
        (answer(200, {"state": "committed"}), AnswerFault, "no_receipt"),
        (answer(200, {"state": "parts_missing", "missing": "a"}), AnswerFault, "unexpected_answer"),
        (answer(200, {"state": "parts_missing", "missing": [7]}), AnswerFault, "unexpected_answer"),
        (answer(200, {"state": "parts_missing", "missing": ["a"] * 257}), AnswerFault, "unexpected_answer"),
        (Say(404), Unreachable, "gateway"),
        (problem(404, "no_such_word"), Unreachable, "gateway"),
    ],
)
def test_a_status_that_does_not_hold_is_its_error(link, server, says, error, code):
    server.say("GET", "submissions", says)
    with pytest.raises(error) as caught:
        link.delivery.status(SID)
    assert caught.value.code == code


# ── token ──────────────────────────────────────────────────────────────────────────────────


def test_the_assertion_names_the_device_for_a_minute(link, server, device_key, consignment, signer):
    server.say("PUT", "submissions", answer(200, signer.receipt()))
    link.delivery.put(consignment)
    (asked,) = server.seen("POST", "token")
    form = dict(pair.split("=", 1) for pair in asked.body.decode().split("&"))
    assert form["grant_type"] == "client_credentials"
    head, claims, signature = form["client_assertion"].split(".")
    verify_signature(f"{head}.{claims}".encode(), from_base64url(signature), device_key.spki())
    assert json.loads(from_base64url(head)) == {"alg": "ES256", "kid": link.signer.certificate_serial, "typ": "JWT"}
    told = json.loads(from_base64url(claims))
    assert (told["iss"], told["sub"], told["aud"]) == (DEVICE_ID, DEVICE_ID, f"{server.url}/v1/token")
    assert (told["iat"], told["exp"]) == (NOW_S, NOW_S + 60)


def test_a_token_serves_until_it_nears_its_end(link, server, clock, consignment, signer):
    server.say("PUT", "submissions", answer(200, signer.receipt()))
    for seconds, tokens in ((0, 1), (569, 1), (1, 2)):
        clock.advance(seconds)
        link.delivery.put(consignment)
        assert server.tokens == tokens


def test_an_expired_token_is_renewed_once_within_the_request(link, server, consignment, signer):
    server.say("PUT", "submissions", problem(401, "token_expired"), answer(200, signer.receipt()))
    assert link.delivery.put(consignment).state == "committed"
    assert [asked.headers["authorization"] for asked in server.seen("PUT", "submissions")] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


@pytest.mark.parametrize(
    ("says", "code"), [(problem(401, "token_expired"), "token_expired"), (Say(401), "unauthorised")]
)
def test_a_second_401_is_the_answer(link, server, consignment, says, code):
    server.say("PUT", "submissions", says)
    with pytest.raises(Unauthorised) as caught:
        link.delivery.put(consignment)
    assert caught.value.code == code
    assert len(server.seen("PUT", "submissions")) == 2


@pytest.mark.parametrize("code", ["bad_assertion", "device_suspended", "device_revoked"])
def test_no_token_is_unauthorised_with_the_reason(link, server, consignment, code):
    server.say("POST", "token", problem(401, code))
    with pytest.raises(Unauthorised) as caught:
        link.delivery.put(consignment)
    assert caught.value.code == code
    assert len(server.seen("POST", "token")) == 1
    assert server.seen("PUT", "submissions") == []


def test_a_wrong_clock_takes_the_signed_time_and_tries_once_more(link, server, clock, consignment, signer):
    clock.wall = NOW_S - 10 * YEAR
    server.say("PUT", "submissions", answer(200, signer.receipt()))
    server.say("POST", "token", problem(401, "clock_skew"), TOKEN)
    assert link.delivery.put(consignment).state == "committed"
    assert clock.offset_s == 10 * YEAR
    last = server.seen("POST", "token")[-1].body.decode().partition("client_assertion=")[2].split("&")[0]
    assert json.loads(from_base64url(last.split(".")[1]))["iat"] == NOW_S


def test_a_clock_that_stays_wrong_is_unauthorised(link, server, consignment):
    server.say("POST", "token", problem(401, "clock_skew"))
    with pytest.raises(Unauthorised, match="clock_skew"):
        link.delivery.put(consignment)
    assert len(server.seen("POST", "token")) == 2


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"access_token": "", "expires_in": 600},
        {"access_token": "a b", "expires_in": 600},
        {"access_token": "a\r\nX: y", "expires_in": 600},
        {"access_token": "é", "expires_in": 600},
        {"access_token": "a" * 5000, "expires_in": 600},
        {"access_token": "a", "expires_in": "600"},
        {"access_token": "a", "expires_in": True},
        {"access_token": "a", "expires_in": 0},
        {"access_token": "a", "expires_in": 10**9},
    ],
)
def test_a_token_that_is_none_is_refused(link, server, consignment, value):
    server.say("POST", "token", answer(200, value))
    with pytest.raises(AnswerFault, match="bad_token"):
        link.delivery.put(consignment)


YEAR = 365 * 86400
TOKEN = answer(200, {"access_token": "late", "token_type": "Bearer", "expires_in": 600})

# ── tus ────────────────────────────────────────────────────────────────────────────────────


class TusFarEnd:
    """A tus server behind the scripted one: holds the bytes of one upload."""

    def __init__(self, server) -> None:
        self.data = bytearray()
        server.say("POST", "uploads", Say(201, b"", {"Location": "/v1/uploads/u1"}))
        server.say("PATCH", "uploads", self.patch)
        server.say("HEAD", "uploads", self.head)

    def patch(self, asked: Asked) -> Say:
        if asked.headers["upload-offset"] != str(len(self.data)):
            return Say(409)
        self.data += asked.body
        return self.head(asked, 204)

    def half(self, asked: Asked) -> Say:
        """Keep half of a piece, and cut the line before answering."""
        self.data += asked.body[: len(asked.body) // 2]
        return Say(200, b"x" * 10, cut_after=1)

    def head(self, asked: Asked, status: int = 200) -> Say:
        return Say(status, b"", {"Upload-Offset": str(len(self.data)), "Tus-Resumable": "1.0.0"})


@pytest.fixture
def tus(server) -> TusFarEnd:
    return TusFarEnd(server)


def resumed(part: PartUpload, url: str, acked: int = 0) -> PartUpload:
    return msgspec.structs.replace(part, upload_url=url, acked_offset=acked)


def test_a_part_goes_up_in_pieces_and_every_step_is_written_down(link, server, tus, part):
    progress = Progress()
    link.delivery.upload(SID, part, progress)
    steps = [0, PATCH_BYTES, 2 * PATCH_BYTES, SIZE]
    assert progress.seen == [("/uploads/u1", step) for step in steps]
    assert bytes(tus.data) == Path(part.path).read_bytes()
    (created,) = server.seen("POST", "uploads")
    assert created.headers["upload-length"] == str(SIZE)
    metadata = dict(pair.split(" ") for pair in created.headers["upload-metadata"].split(","))
    told = {key: base64.b64decode(value).decode() for key, value in metadata.items()}
    assert told == {"sid": SID, "part": "id-front", "sha256": "ab" * 32}
    patches = server.seen("PATCH", "uploads")
    assert {asked.headers["tus-resumable"] for asked in [created, *patches]} == {"1.0.0"}
    assert {asked.headers["content-type"] for asked in patches} == {"application/offset+octet-stream"}
    assert {asked.headers["authorization"] for asked in patches} == {"Bearer token-1"}


def test_the_address_is_written_down_before_the_first_piece(link, server, tus, part):
    def stop(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(QueueError):
        link.delivery.upload(SID, part, stop)
    assert server.seen("PATCH", "uploads") == []


def test_after_a_cut_the_platform_says_where_to_go_on(link, server, tus, part):
    progress = Progress()
    server.say("PATCH", "uploads", tus.patch, tus.half, tus.patch)
    with pytest.raises(Unreachable):
        link.delivery.upload(SID, part, progress)
    url, acked = progress.seen[-1]
    assert acked == PATCH_BYTES
    kept = len(tus.data)
    assert kept == PATCH_BYTES + PATCH_BYTES // 2
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1{url}", acked), progress)
    assert bytes(tus.data) == Path(part.path).read_bytes()
    assert progress.seen[-1] == ("/uploads/u1", SIZE)
    assert len(server.seen("POST", "uploads")) == 1
    sent = sum(len(asked.body) for asked in server.seen("PATCH", "uploads"))
    assert sent - SIZE <= PATCH_BYTES  # a cut costs at most one piece


def test_a_part_that_is_there_already_is_not_sent_again(link, server, tus, part):
    tus.data += Path(part.path).read_bytes()
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/u1"), Progress())
    assert server.seen("PATCH", "uploads") == []
    link.delivery.upload(SID, part, Progress())  # a lost address: created again, same place, one harmless piece
    assert len(server.seen("PATCH", "uploads")) == 1
    assert len(tus.data) == SIZE


@pytest.mark.parametrize("gone", [Say(404), Say(410), problem(404, "not_found")])
def test_a_forgotten_upload_begins_again_at_nought(link, server, tus, part, gone):
    server.say("HEAD", "uploads", gone)
    progress = Progress()
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/old", 300), progress)
    assert progress.seen[0] == ("/uploads/u1", 0)
    assert bytes(tus.data) == Path(part.path).read_bytes()


def test_an_upload_lost_under_way_begins_again_once(link, server, tus, part):
    server.say("PATCH", "uploads", Say(410), tus.patch)
    link.delivery.upload(SID, part, Progress())
    assert bytes(tus.data) == Path(part.path).read_bytes()
    server.say("PATCH", "uploads", Say(404))
    with pytest.raises(Unreachable, match="upload_gone"):
        link.delivery.upload(SID, part, Progress())


def test_a_wrong_offset_is_asked_for_and_followed(link, server, tus, part):
    tus.data += Path(part.path).read_bytes()[:1234]  # a piece whose answer was lost with the address
    progress = Progress()
    link.delivery.upload(SID, part, progress)
    assert bytes(tus.data) == Path(part.path).read_bytes()
    assert ("/uploads/u1", 1234) in progress.seen


def test_a_platform_that_never_agrees_is_left_alone_for_a_while(link, server, tus, part):
    server.say("PATCH", "uploads", Say(409))
    with pytest.raises(Unreachable, match="upload_stuck"):
        link.delivery.upload(SID, part, Progress())
    assert len(server.seen("PATCH", "uploads")) == 3


def test_a_platform_that_acknowledges_too_much_is_not_believed(link, server, tus, part):
    boast = Say(204, b"", {"Upload-Offset": str(SIZE)})
    server.say("PATCH", "uploads", boast, tus.patch)
    link.delivery.upload(SID, part, Progress())
    assert bytes(tus.data) == Path(part.path).read_bytes()


@pytest.mark.parametrize("url", ["https://evil.example/v1/uploads/u1", "http://127.0.0.1/v1/uploads/u1"])
def test_an_address_of_somebody_else_never_sees_our_token(link, server, tus, part, url):
    link.delivery.upload(SID, resumed(part, url), Progress())
    assert bytes(tus.data) == Path(part.path).read_bytes()
    server.say("POST", "uploads", Say(201, b"", {"Location": url}))
    with pytest.raises(AnswerFault, match="no_location"):
        link.delivery.upload(SID, part, Progress())


UPLOAD_ROWS = [
    ("POST", Say(201), AnswerFault, "no_location"),
    ("POST", problem(413, "too_large"), Refused, "too_large"),
    ("POST", Say(413), Unreachable, "gateway"),
    ("POST", problem(507, "storage_full"), Unreachable, "storage_full"),
    ("POST", Say(412), Unreachable, "gateway"),
    ("POST", Say(404), Unreachable, "gateway"),
    ("POST", html(), Unreachable, "portal"),
    ("PATCH", Say(423, b"", {"Retry-After": "3"}), Busy, "busy"),
    ("PATCH", problem(422, "hash_mismatch"), Refused, "hash_mismatch"),
    ("PATCH", Say(415), Unreachable, "gateway"),
    ("PATCH", Say(500), Unreachable, "server_error"),
    ("PATCH", Say(200), AnswerFault, "unexpected_answer"),
    ("PATCH", Say(204), AnswerFault, "bad_offset"),
    ("PATCH", html(404), Unreachable, "portal"),
    ("PATCH", html(409), Unreachable, "portal"),
    ("HEAD", Say(200), AnswerFault, "bad_offset"),
    ("HEAD", Say(200, b"", {"Upload-Offset": "-1"}), AnswerFault, "bad_offset"),
    ("HEAD", Say(200, b"", {"Upload-Offset": str(SIZE + 1)}), AnswerFault, "bad_offset"),
    ("HEAD", Say(403), Unreachable, "gateway"),
    ("HEAD", Say(302), Unreachable, "portal"),
    ("HEAD", Say(429), Busy, "busy"),
]


@pytest.mark.parametrize(("method", "says", "error", "code"), UPLOAD_ROWS)
def test_each_answer_to_an_upload_is_the_error_of_its_row(link, server, tus, part, method, says, error, code):
    server.say(method, "uploads", says)
    known = resumed(part, f"{server.url}/v1/uploads/u1") if method == "HEAD" else part
    with pytest.raises(QueueError) as caught:
        link.delivery.upload(SID, known, Progress())
    assert type(caught.value) is error
    assert caught.value.code == code


def test_a_blob_that_is_gone_or_short_is_our_own_fault(link, server, tus, part):
    with pytest.raises(QueueError, match="blob_unreadable"):
        link.delivery.upload(SID, msgspec.structs.replace(part, path=part.path + "x"), Progress())
    with pytest.raises(QueueError, match="shorter"):
        link.delivery.upload(SID, msgspec.structs.replace(part, size=SIZE + 1), Progress())


# ── probe, keys, heartbeat ─────────────────────────────────────────────────────────────────


def test_a_signed_time_is_the_only_proof_of_being_online(link, clock):
    clock.wall = NOW_S - 30
    link.delivery.probe()
    assert clock.offset_s == 30


@pytest.mark.parametrize(
    "says",
    [html(), Say(302), Say(511), answer(200, {}), answer(200, {"o": "e30", "kid": "time-1", "sig": "A" * 86})],
    ids=["page", "redirect", "511", "empty", "forged"],
)
def test_a_probe_answered_by_somebody_else_is_a_portal(link, server, clock, says):
    server.say("GET", "time", says)
    with pytest.raises(Unreachable) as caught:
        link.delivery.probe()
    assert caught.value.pause is PauseReason.PORTAL
    assert clock.offset_s == 0


def test_an_old_signed_time_is_no_proof(link, server, signer):
    server.say("GET", "time", answer(200, signer.time("0" * 32)))
    with pytest.raises(Unreachable, match="portal"):
        link.delivery.probe()


def test_a_busy_platform_is_not_a_portal(link, server):
    server.say("GET", "time", Say(429))
    with pytest.raises(Busy):
        link.delivery.probe()


SEAL_KEY = {
    "kid": "p-1", "use": "seal", "suite": "hpke-x25519-sha256-aes256gcm", "pub": "A" * 43, "nbf": 1, "naf": 0,
    "status": "active",
}  # fmt: skip


def test_keys_are_fetched_once_and_then_only_asked_after(link, server, signer):
    server.say("GET", "keys", answer(200, signer.bundle(1, [SEAL_KEY]), ETag='"one"'), Say(304, b"", {"ETag": '"one"'}))
    assert link.refresh.refresh()
    assert [key.kid for key in link.sealing.recipients()] == ["p-1"]
    assert not link.refresh.refresh()
    assert server.seen("GET", "keys")[1].headers["if-none-match"] == '"one"'


def test_keys_that_do_not_verify_are_refused(link, server, signer):
    server.say("GET", "keys", answer(200, signer.time("0" * 32)))
    with pytest.raises(AnswerFault, match="bundle_unverified"):
        link.refresh.refresh()
    server.say("GET", "keys", Say(304))
    with pytest.raises(Unreachable, match="portal"):  # we named no ETag, so nobody of ours says 304
        link.refresh.refresh()


PULSE = Pulse(
    app="0.1.0",
    catalogue="2017.1",
    queue=QueueStats(ready=2, sending=1, delivered=0, shredded=0, dead=1, bytes_waiting=900, oldest_wall=""),
    audit=Head(7, "ab" * 32),
    devices={"reader": "online"},
)


def test_a_heartbeat_is_signed_numbered_and_answered_with_time(link, server, signer, clock, device_key):
    told = []

    def beat(asked: Asked) -> Say:
        value = verify(decode_wire(json.loads(asked.body)), Purpose.HEARTBEAT, device_key.spki())
        told.append(value)
        reply = {"typ": "heartbeat", "n": value["n"], "now": NOW_S + 60, "commands": []}
        return answer(200, signer.wire("time", Purpose.TIME, reply))

    server.say("POST", "heartbeat", beat)
    assert link.heartbeat.send(PULSE)["commands"] == []
    link.heartbeat.send(PULSE)
    first, second = told
    assert second["n"] == first["n"] + 1
    assert (first["dev"], first["queue"]["ready"], first["audit"]["n"]) == (DEVICE_ID, 3, 7)
    assert clock.offset_s == 60


def test_heartbeat_numbers_rise_over_a_restart(link, server, signer, device_key, tmp_path):
    numbers = []

    def beat(asked: Asked) -> Say:
        value = verify(decode_wire(json.loads(asked.body)), Purpose.HEARTBEAT, device_key.spki())
        numbers.append(value["n"])
        reply = {"typ": "heartbeat", "n": value["n"], "now": NOW_S}
        return answer(200, signer.wire("time", Purpose.TIME, reply))

    server.say("POST", "heartbeat", beat)
    for _ in range(3):
        Heartbeat(link.authorised, link.signer, signer.ring(), link.time, tmp_path).send(PULSE)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("change", [{"n": 999}, {"typ": "time"}, {"now": "1"}, {"now": None}])
def test_a_heartbeat_answer_that_is_not_ours_teaches_nothing(link, server, signer, clock, change):
    reply = {"typ": "heartbeat", "n": 1, "now": NOW_S + 60, **change}
    server.say("POST", "heartbeat", answer(200, signer.wire("time", Purpose.TIME, reply)))
    with pytest.raises(AnswerFault, match="heartbeat_unverified"):
        link.heartbeat.send(PULSE)
    assert clock.offset_s == 0
