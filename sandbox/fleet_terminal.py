"""One simulated terminal: it enrols, beats and hands over sealed submissions until a receipt is verified."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox import signed
from sandbox.canonical import decode_b64url, encode_b64url, encode_canonical
from sandbox.fleet_line import Cut, Line, Reply
from sandbox.fleet_seal import Recipient, load_recipient, seal
from sandbox.keys import serial_of
from sandbox.reader import HYBRID

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PATCH_BYTES = 512 * 1024
ATTEMPTS = 40
BACKOFF_S = (0.05, 2.0)
TOKEN_MARGIN_S = 60
MAIL = ("/v1/uploads", "/v1/submissions")
TUS = {"Tus-Resumable": "1.0.0"}
ITEM, CATALOGUE = "SIM-MZ-0008", "fleet.1"


class GaveUp(Exception):
    """The platform said a final no, or nothing useful in all attempts. The word says where."""


@dataclass
class Tally:
    """What a fleet has seen. Times are seconds from asking to the verified answer, retries included."""

    beats: int = 0
    probes: int = 0
    submissions: int = 0
    sealed_bytes: int = 0
    repeats: int = 0  # PUTs sent again on purpose after their receipt
    mismatches: int = 0  # receipts that differ from the first, or do not verify: must stay 0
    cuts: int = 0
    connections: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    beat_s: list[float] = field(default_factory=list)
    submission_s: list[float] = field(default_factory=list)
    case_numbers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Load:
    """What each submission carries: plain parts, and the share of PUTs sent a second time."""

    parts: Sequence[bytes]
    repeat: float = 0.0


class Terminal:
    """A key, two lines and a sequence number: as at a real one, what is delivered has a connection of its own."""

    def __init__(self, url: str, line: Line, mail: Line, rng: random.Random, tally: Tally) -> None:
        self._url = url
        self._line = line
        self._mail = mail
        self._rng = rng
        self._tally = tally
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._token = ""
        self._token_until = 0.0
        self._speedup = 1.0
        self._first_share = rng.random()  # terminals that enrol together do not ask for tokens together
        self._receipt_keys: dict[str, ec.EllipticCurvePublicKey] = {}
        self._recipients: list[Recipient] = []
        self.dev = ""
        self._serial = ""
        self._seq = 0
        self._beat_n = 0
        self._heard_at = 0.0  # when the platform's signature was last seen

    def hurry(self, speedup: float) -> None:
        """Let tokens age so much faster, as the rest of the day does."""
        left_s = max(0.0, self._token_until - time.monotonic()) * self._speedup
        self._speedup = speedup
        self._token_until = time.monotonic() + left_s / speedup

    def hang_up(self) -> None:
        """Close the lines and hand in their figures."""
        for line in (self._line, self._mail):
            self._tally.cuts += line.cuts
            self._tally.connections += line.connections
            line.cuts = line.connections = 0
            line.close()

    # ── identity ───────────────────────────────────────────────────────────────────────────

    async def enrol(self, code: str) -> None:
        """Become a device; an officer may have to compare the digits first. Raises: GaveUp."""
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self._key, SHA256())
        csr = encode_b64url(request.public_bytes(serialization.Encoding.DER))
        body = {"code": code, "csr": csr, "hw": {"board": "fleet"}, "app": "fleet/1"}
        begun = (await self._settle("enrol", 202, lambda: self._send("POST", "/v1/enrol", body))).json()

        def poll() -> Any:
            proof = {"enrol_id": begun["enrol_id"], "n": secrets.token_hex(16)}
            wire = signed.sign_object(self._key, "new", signed.ENROL_POP, proof)
            return self._send("POST", f"/v1/enrol/{begun['enrol_id']}/status", wire)

        answer = json.loads(decode_b64url((await self._settle("enrol-status", 200, poll)).json()["o"]))
        self.dev = answer["device_id"]
        self._serial = serial_of(x509.load_pem_x509_certificate(answer["cert"].encode()))
        await self._fetch_keys()

    async def _fetch_keys(self) -> None:
        reply = await self._settle("keys", 200, lambda: self._send("GET", "/v1/keys"))
        for entry in json.loads(decode_b64url(reply.json()["o"]))["keys"]:
            if entry["use"] == "receipt":
                key = serialization.load_der_public_key(decode_b64url(entry["pub"]))
                if isinstance(key, ec.EllipticCurvePublicKey):
                    self._receipt_keys[entry["kid"]] = key
            elif entry["use"] == "seal" and entry["suite"] == HYBRID and entry.get("status") == "active":
                self._recipients = [load_recipient(entry)]

    async def _bearer(self, line: Line) -> dict[str, str]:
        if time.monotonic() >= self._token_until:
            now = int(time.time())
            claims = {
                "iss": self.dev, "sub": self.dev, "aud": f"{self._url}/v1/token",
                "jti": secrets.token_hex(16), "iat": now, "exp": now + 60,
            }  # fmt: skip
            head = encode_b64url(encode_canonical({"alg": "ES256", "kid": self._serial, "typ": "JWT"}))
            text = f"{head}.{encode_b64url(encode_canonical(claims))}"
            assertion = f"{text}.{encode_b64url(signed.sign_raw(self._key, text.encode()))}"
            form = (
                f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE.replace(':', '%3A')}"
                f"&client_assertion={assertion}"
            )
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = await line.ask("POST", "/v1/token", kind, form.encode())
            if reply.status != 200:
                raise Cut
            self._token = reply.json()["access_token"]
            life_s = (reply.json()["expires_in"] - TOKEN_MARGIN_S) / self._speedup
            self._token_until = time.monotonic() + life_s * self._first_share
            self._first_share = 1.0
        return {"Authorization": f"Bearer {self._token}"}

    # ── what it does all day ───────────────────────────────────────────────────────────────

    async def beat(self) -> None:
        """Send one heartbeat. Raises: GaveUp."""
        begun = time.perf_counter()

        def once() -> Any:
            self._beat_n += 1
            value = {
                "v": 1, "typ": "heartbeat", "n": self._beat_n, "dev": self.dev, "app": "fleet/1", "cat": CATALOGUE,
                "policy": 1, "queue": {"ready": 0, "dead": 0, "bytes": 0, "oldest": ""}, "paper": "full",
                "devices": {"reader": "online", "camera": "online", "printer": "online"}, "disk_free": 20_000_000_000,
                "rss": 180_000_000, "clk_offset_ms": 12, "audit": {"n": self._beat_n, "h": ""}, "pause": "",
                "faults": [], "results": [],
            }  # fmt: skip
            wire = signed.sign_object(self._key, self._serial, signed.HEARTBEAT, value)
            return self._send("POST", "/v1/heartbeat", wire, is_known=True)

        await self._settle("heartbeat", 200, once)
        self._heard_at = time.monotonic()
        self._tally.beats += 1
        self._tally.beat_s.append(time.perf_counter() - begun)

    async def look(self, quiet_s: float) -> None:
        """Ask for the signed time, as a terminal does that has heard nothing for a while. Raises: GaveUp."""
        if time.monotonic() - self._heard_at < quiet_s:
            return
        path = f"/v1/time?nonce={secrets.token_hex(16)}"
        await self._settle("time", 200, lambda: self._line.ask("GET", path, {}))
        self._heard_at = time.monotonic()
        self._tally.probes += 1

    async def submit(self, load: Load) -> None:
        """Hand over one submission, whatever the line does. Raises: GaveUp."""
        begun = time.perf_counter()
        self._seq += 1
        sid, parts, envelope, manifest = self._pack(load.parts)
        for part, blob in parts.items():
            await self._upload(sid, part, blob)
            self._tally.sealed_bytes += len(blob)
        wire = signed.sign_object(self._key, self._serial, signed.SUBMIT, envelope)
        body = {"envelope": wire, "manifest": encode_b64url(manifest)}
        receipt = await self._put(sid, body)
        self._check(receipt, envelope)
        self._heard_at = time.monotonic()
        self._tally.submissions += 1
        self._tally.submission_s.append(time.perf_counter() - begun)
        if self._rng.random() < load.repeat:
            self._tally.repeats += 1
            again = await self._put(sid, body)
            self._tally.mismatches += again != receipt

    def _pack(self, plains: Sequence[bytes]) -> tuple[str, dict[str, bytes], dict[str, Any], bytes]:
        raw = bytearray(int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))
        raw[6], raw[8] = 0x70 | raw[6] & 0x0F, 0x80 | raw[8] & 0x3F
        sid = str(uuid.UUID(bytes=bytes(raw)))
        facts = {"sid": sid, "dev": self.dev, "seq": self._seq, "ts": int(time.time()), "cat": CATALOGUE}
        parts, listed, sums = {}, [], []
        for number, plain in enumerate(plains, 1):
            part = f"m-scan-{number}"
            blob = parts[part] = seal({**facts, "part": part}, self._recipients, plain)
            sums.append({"part": part, "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob)})
            listed.append(
                {
                    "part": part, "sealed_sha256": sums[-1]["sha256"], "bytes": len(plain), "mime": "image/jpeg",
                    "plain_sha256": hashlib.sha256(plain).hexdigest(), "pages": 1, "dpi": 300,
                }
            )  # fmt: skip
        clear = encode_canonical({"v": 1, "sid": sid, "item": ITEM, "parts": listed, "answers": {}})
        manifest = seal({**facts, "part": "manifest"}, self._recipients, clear)
        envelope = {
            "v": 1, "typ": "submission", "sid": sid, "dev": self.dev, "seq": self._seq, "kind": "submission",
            "item": ITEM, "cat": CATALOGUE, "app": "fleet/1", "after": "", "void": [], "prev": "", "parts": sums,
            "manifest": {"sha256": hashlib.sha256(manifest).hexdigest(), "bytes": len(manifest)},
            "ts": facts["ts"], "clk": "ok", "cert": self._serial, "alg": "ES256",
        }  # fmt: skip
        return sid, parts, envelope, manifest

    async def _upload(self, sid: str, part: str, blob: bytes) -> None:
        pairs = {"sid": sid, "part": part, "sha256": hashlib.sha256(blob).hexdigest()}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        opening = {**TUS, "Upload-Length": str(len(blob)), "Upload-Metadata": metadata}
        made = await self._settle("create", 201, lambda: self._send("POST", "/v1/uploads", headers=opening))
        place, offset = made.headers["location"], 0
        view = memoryview(blob)

        async def move() -> Reply:
            nonlocal offset
            piece = bytes(view[offset : offset + PATCH_BYTES])
            headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            try:
                reply = await self._send("PATCH", place, piece, headers, is_known=True)
                if reply.status in (204, 409):
                    offset = int(reply.headers["upload-offset"])
                return reply
            except Cut:
                self._tally.retries["patch"] += 1
                here = await self._settle("head", 200, lambda: self._send("HEAD", place, headers=TUS, is_known=True))
                offset = int(here.headers["upload-offset"])
                return here

        while offset < len(blob):
            await self._settle("patch", (200, 204, 409), move)

    async def _put(self, sid: str, body: dict[str, Any]) -> dict[str, str]:
        """Return the receipt, asked for by status where the answer to the PUT was lost."""

        async def move() -> Reply:
            try:
                return await self._send("PUT", f"/v1/submissions/{sid}", body, is_known=True)
            except Cut:
                self._tally.retries["put"] += 1
                known = await self._send("GET", f"/v1/submissions/{sid}", is_known=True)
                receipt = (known.json() or {}).get("receipt") if known.status == 200 else None
                return Reply(200, {}, json.dumps(receipt).encode()) if receipt else Reply(503, {}, b"")

        return dict((await self._settle("put", (200, 201), move)).json())

    def _check(self, receipt: dict[str, str], envelope: dict[str, Any]) -> None:
        try:
            value, _, _ = signed.open_object(receipt, signed.RECEIPT, lambda kid: self._receipt_keys[kid])
        except signed.BadSignature:
            self._tally.mismatches += 1
            return
        named = ("sid", "dev", "seq")
        is_ours = all(value.get(key) == envelope[key] for key in named)
        is_new = value["case_number"] not in self._tally.case_numbers
        self._tally.mismatches += not (
            is_ours and is_new and value["manifest_sha256"] == envelope["manifest"]["sha256"]
        )
        self._tally.case_numbers.add(value["case_number"])

    # ── asking ─────────────────────────────────────────────────────────────────────────────

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        is_known: bool = False,
    ) -> Reply:
        named = dict(headers or {})
        if isinstance(body, dict):
            body, named["Content-Type"] = json.dumps(body).encode(), "application/json"
        line = self._mail if path.startswith(MAIL) else self._line
        if is_known or self._serial:
            named |= await self._bearer(line)
        return await line.ask(method, path, named, body)

    async def _settle(self, name: str, good: int | tuple[int, ...], act: Any) -> Reply:
        """Return the first good answer; ask again while it is worth it. Raises: GaveUp."""
        wanted = (good,) if isinstance(good, int) else good
        longest = BACKOFF_S[0]
        for _ in range(ATTEMPTS):
            try:
                reply: Reply = await act()
            except Cut:
                self._tally.retries[name] += 1
            else:
                if reply.status in wanted:
                    return reply
                if reply.status in (400, 403, 404, 410, 413, 415, 422):
                    raise GaveUp(f"{name} {reply.status} {(reply.json() or {}).get('code', '')}".strip())
                if reply.status == 401:
                    self._token_until = 0.0
                self._tally.retries[f"{name} {reply.status}"] += 1
            await asyncio.sleep(self._rng.uniform(0, longest))
            longest = min(longest * 2, BACKOFF_S[1])
        raise GaveUp(f"{name}: no useful answer")
