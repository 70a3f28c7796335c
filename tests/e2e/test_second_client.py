"""A terminal by somebody else: made of docs/platform-api.md, docs/openapi.json and docs/sealed-format.md alone.

It shares no code with ours. Every body and every signed content it sends is held to the schemas of the document, so the
page stays enough to write it from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox import enrolment, store
from sandbox.main import Options, open_platform
from sandbox.platform import Platform
from tests.fixtures.console import serving

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text("utf-8"))
HYBRID, CHUNK = "hpke-xwing-sha256-aes256gcm", 262144
SCAN, SIGNED = b"\xff\xd8\xff a scan of one page", b"\x89PNG\r\n\x1a\n strokes"


def checked(name: str, value: Any) -> Any:
    """Return a value that is of a type of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(schema).validate(value)
    return value


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def extract(suite: bytes, salt: bytes, label: bytes, data: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + data, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return hmac.digest(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1", "sha256")[:size]


def wrap(public: bytes, file_key: bytes, info: bytes) -> bytes:
    """Return a file key for an X-Wing key, in HPKE base mode."""
    shared_pq, sealed = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    mine = x25519.X25519PrivateKey.generate()
    point = mine.public_key().public_bytes_raw()
    shared_x = mine.exchange(x25519.X25519PublicKey.from_public_bytes(public[1184:]))
    shared = hashlib.sha3_256(shared_pq + shared_x + point + public[1184:] + b"\\.//^\\").digest()
    suite = b"HPKE" + bytes.fromhex("647a00010002")
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = (expand(suite, secret, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12)))
    return sealed + point + AESGCM(key).encrypt(nonce, file_key, b"")


class SecondClient:
    """A key, a token, a running number."""

    def __init__(self, url: str, ca: Path) -> None:
        self.url = url
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.dev = self.kid = self.token = ""
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = str(ca), False

    def ask(self, method: str, path: str, body: tuple[str, Any] | None = None, **more: Any) -> requests.Response:
        headers = {"Jinban-Request-Id": secrets.token_hex(8), **more.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body:
            more["json"] = checked(*body)
        return self.session.request(method, f"{self.url}/v1{path}", headers=headers, timeout=45, **more)

    def raw_signature(self, message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign(self, purpose: str, name: str, value: Any) -> dict[str, str]:
        payload = canonical(checked(name, value))
        signature = self.raw_signature(purpose.encode() + b"\0" + payload)
        return {"o": text(payload), "kid": self.kid or "new", "sig": text(signature)}

    def begin(self, code: str) -> tuple[str, str]:
        """Return the enrolment's id and the six digits."""
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.key, hashes.SHA256())
        csr = request.public_bytes(serialization.Encoding.PEM).decode()
        begun = checked("EnrolBegun", self.ask("POST", "/enrol", ("EnrolRequest", {"code": code, "csr": csr})).json())
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        pieces = (
            b"kiosk/enrol/v1",
            code.encode(),
            begun["sas_nonce"].encode(),
            self.key.public_key().public_bytes(*form),
        )
        digest = hashlib.sha256(b"\0".join(pieces)).digest()
        return begun["enrol_id"], f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"

    def finish(self, enrol_id: str) -> int:
        """Ask once whether the digits were compared; return the status."""
        proof = self.sign("kiosk/enrol-pop/v1", "EnrolProof", {"enrol_id": enrol_id, "n": secrets.token_hex(16)})
        answer = self.ask("POST", f"/enrol/{enrol_id}/status", ("Signed", proof))
        if answer.status_code == 200:
            told = checked("Enrolled", json.loads(raw(answer.json()["o"])))
            self.dev = told["device_id"]
            self.kid = f"{x509.load_pem_x509_certificate(told['cert'].encode()).serial_number:x}"
        return answer.status_code

    def sign_in(self) -> None:
        now = int(time.time())
        claims = {"iss": self.dev, "sub": self.dev, "aud": f"{self.url}/v1/token", "iat": now, "exp": now + 60}
        pieces = (("AssertionHeader", {"alg": "ES256", "kid": self.kid}),
                  ("AssertionClaims", {**claims, "jti": secrets.token_hex(16)}))  # fmt: skip
        signed = ".".join(text(canonical(checked(*piece))) for piece in pieces)
        form = {
            "grant_type": "client_credentials",
            "client_assertion": f"{signed}.{text(self.raw_signature(signed.encode()))}",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }  # fmt: skip
        self.token = checked("TokenAnswer", self.ask("POST", "/token", data=checked("TokenRequest", form)).json())[
            "access_token"
        ]

    def seal(self, key: dict[str, Any], plain: bytes, **facts: Any) -> bytes:
        """Return KSB1."""
        header = canonical({"v": 1, "aead": "A256GCM", "chunk": CHUNK, "cat": "1", "ts": int(time.time()),
                            "dev": self.dev, "to": [{"kid": key["kid"], "suite": key["suite"]}], **facts})  # fmt: skip
        head = b"KSB1" + len(header).to_bytes(4, "big") + header
        head_hash, file_key = hashlib.sha256(head).digest(), secrets.token_bytes(32)
        wrapped = wrap(raw(key["pub"]), file_key, b"kiosk/ksb1/wrap\0" + head_hash)
        payload = AESGCM(HKDF(hashes.SHA256(), 32, head_hash, b"kiosk/ksb1/payload").derive(file_key))
        frames = [plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK)] or [b""]
        sealed = (payload.encrypt(n.to_bytes(11, "big") + bytes([n == len(frames) - 1]), frame, None)
                  for n, frame in enumerate(frames))  # fmt: skip
        return head + len(wrapped).to_bytes(2, "big") + wrapped + b"".join(sealed)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, SecondClient]]:
    """A platform where somebody compares the digits, and a client that it does not know yet."""
    platform = open_platform(Options(state=tmp_path_factory.mktemp("platform")))
    with serving(platform) as url:
        client = SecondClient(url, platform.keys.ca_path)
        yield platform, client
        client.session.close()
    platform.store.close()


def test_the_pages_are_enough_to_hand_over_a_paper(place: tuple[Platform, SecondClient]) -> None:
    platform, client = place
    enrol_id, digits = client.begin(enrolment.create_code(platform.store, platform.now()))
    row = platform.store.one(sa.select(store.enrolment).where(store.enrolment.c.enrol_id == enrol_id))
    assert enrolment.digits(row) == digits, "both screens show the same"
    assert client.finish(enrol_id) == 202
    enrolment.decide(platform.store, enrol_id, is_same=True)
    assert client.finish(enrol_id) == 200
    client.sign_in()
    beat = {
        "v": 1, "typ": "heartbeat", "n": 1, "dev": client.dev, "app": "second/1", "cat": "1", "policy": 0,
        "queue": {"ready": 1, "dead": 0, "bytes": 9, "oldest": int(time.time())}, "paper": "full", "disk_free": 1,
        "devices": {}, "rss": 1, "clk_offset_ms": 0,
        "audit": {"n": 0, "h": ""}, "pause": "", "faults": [], "results": [],
    }  # fmt: skip
    assert (
        client.ask("POST", "/heartbeat", ("Signed", client.sign("kiosk/heartbeat/v1", "Beat", beat))).status_code == 200
    )
    bundle = checked("KeysBundle", json.loads(raw(client.ask("GET", "/keys").json()["o"])))
    seal_key = next(key for key in bundle["keys"] if key["use"] == "seal" and key.get("suite") == HYBRID)

    stamp = f"{int(time.time() * 1000):012x}"
    sid = f"{stamp[:8]}-{stamp[8:]}-7{secrets.token_hex(2)[1:]}-8{secrets.token_hex(2)[1:]}-{secrets.token_hex(6)}"
    plain = {"m" * 48: (SCAN, "image/jpeg"), "signature": (SIGNED, "image/png")}
    sealed = {
        part: client.seal(seal_key, data, typ="part", sid=sid, part=part, seq=1) for part, (data, _) in plain.items()
    }
    sums = {part: hashlib.sha256(blob).hexdigest() for part, blob in sealed.items()}
    manifest = {
        "v": 1, "sid": sid, "item": "SIM-MZ-0008", "identity": {"kind": "id_card", "name": "王秀英", "verified": False},
        "answers": [{"key": "phone", "label": {"zh": "联系电话"}, "value": "13805738899", "display": "138 0573 8899"}],
        "materials": [{"code": "M-BANK", "name": {"zh": "银行卡"}, "state": "scanned", "parts": ["m" * 48]}],
        "consents": [{"notice_sha256": "ab" * 32, "at": 1}],
        "signature": {"part": "signature", "at": 1, "clock_ok": True},
        "parts": [{"part": part, "sealed_sha256": sums[part], "plain_sha256": hashlib.sha256(data).hexdigest(),
                   "bytes": len(data), "mime": mime} for part, (data, mime) in plain.items()],
    }  # fmt: skip
    sealed_manifest = client.seal(seal_key, canonical(checked("Manifest", manifest)), typ="manifest", sid=sid,
                                  part="manifest", seq=1)  # fmt: skip
    manifest_sha256 = hashlib.sha256(sealed_manifest).hexdigest()
    envelope = {
        "v": 1, "typ": "submission", "sid": sid, "dev": client.dev, "seq": 1, "kind": "submission",
        "item": "SIM-MZ-0008", "cat": "1", "app": "second/1",
        "manifest": {"sha256": manifest_sha256, "bytes": len(sealed_manifest)},
        "parts": [{"part": part, "sha256": sums[part], "bytes": len(sealed[part])} for part in sorted(sealed)],
        "after": "", "void": [], "prev": "", "ts": int(time.time()), "clk": "ok", "cert": client.kid, "alg": "ES256",
    }  # fmt: skip
    wire = client.sign("kiosk/submit/v1", "Envelope", envelope)
    put = ("PutRequest", {"envelope": wire, "manifest": text(sealed_manifest)})
    first = client.ask("PUT", f"/submissions/{sid}", put)
    assert (first.status_code, checked("PartsMissing", first.json())["missing"]) == (202, sorted(sealed))
    for part, blob in sealed.items():
        pairs = ",".join(f"{key} {base64.b64encode(word.encode()).decode()}"
                         for key, word in (("sid", sid), ("part", part), ("sha256", sums[part])))  # fmt: skip
        tus = {"Tus-Resumable": "1.0.0"}
        made = client.ask(
            "POST", "/uploads", headers={**tus, "Upload-Length": str(len(blob)), "Upload-Metadata": pairs}
        )
        patch = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        location = made.headers["Location"].removeprefix("/v1")
        assert client.ask("PATCH", location, headers=patch, data=blob).status_code == 204
    receipt = client.ask("PUT", f"/submissions/{sid}", put)
    assert receipt.status_code == 201, receipt.text
    signer = next(key for key in bundle["keys"] if key["kid"] == receipt.json()["kid"] and key["use"] == "receipt")
    r, s = (int.from_bytes(half, "big") for half in (raw(receipt.json()["sig"])[:32], raw(receipt.json()["sig"])[32:]))
    key = serialization.load_der_public_key(raw(signer["pub"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    message = b"kiosk/receipt/v1\0" + raw(receipt.json()["o"])
    key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    told = checked("Receipt", json.loads(raw(receipt.json()["o"])))
    assert [told[name] for name in ("sid", "dev", "seq", "manifest_sha256")] == [sid, client.dev, 1, manifest_sha256]
