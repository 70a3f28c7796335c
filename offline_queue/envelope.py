"""The envelope: what the device signs about a submission. Frozen at enqueue (queue-and-sync.md §8)."""

from __future__ import annotations

import hashlib

from offline_queue.api import EnvelopeFacts, PartFacts
from offline_queue.canonical import encode_canonical
from offline_queue.seal import SealHeader

PURPOSE = "kiosk/submit/v1"


def build_envelope(
    header: SealHeader,
    facts: EnvelopeFacts,
    parts: tuple[PartFacts, ...],
    manifest: bytes,
    serial: str,
    stale_kid: str = "",
) -> bytes:
    """Return the envelope's canonical JSON. `header` and `manifest` are the sealed manifest's; `serial` the signer's.

    An absent `after` or `prev` is `""`. `stale_kid` names the platform's key if it had run out, and stands there only
    then: the platform sees before it opens anything which terminals have not met a newer key.
    """
    return encode_canonical(
        {
            "v": 1,
            "typ": "submission",
            "sid": header.sid,
            "dev": header.dev,
            "seq": header.seq,
            "kind": facts.kind.value,
            "item": facts.item,
            "cat": facts.catalogue,
            "app": facts.app,
            "manifest": {"sha256": hashlib.sha256(manifest).hexdigest(), "bytes": len(manifest)},
            "parts": [
                {"part": part.name, "sha256": part.sealed_sha256, "bytes": part.sealed_bytes}
                for part in sorted(parts, key=lambda part: part.name)
            ],
            "after": facts.after_sid,
            "void": [],  # a number is reserved and used in one transaction, so none is ever void
            "prev": facts.audit_head,
            "ts": facts.ts,
            "clk": "ok" if facts.clock_ok else "unsure",
            "cert": serial,
            "alg": "ES256",
            **({"stale_kid": stale_kid} if stale_kid else {}),
        }
    )
