"""`audit verify` and `audit export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from app.commands.enrol import AUDIT, TRUST
from kiosk.station.audit_format import genesis_hash, lines, read_lines
from kiosk.station.audit_verify import AuditReport, SignatureCheck, verify
from kiosk.station.errors import ConfigError
from kiosk.trust.identity import Device, facts_of, load_device
from kiosk.trust.signed import TrustFault, signed_bytes, verify_signature
from offline_queue.api import SignedObject


def audit_verify(state: Path, *, path: Path | None = None, as_json: bool = False) -> int:
    """Return the exit code: 0 the log is whole, 1 something is wrong with it, 2 it cannot be read.

    `path` is an exported file or another folder of segments; default the terminal's own.
    """
    try:
        report = verify_log(state, path)
    except ConfigError as fault:
        return _refuse("; ".join(fault.mistakes))
    except OSError as fault:
        return _refuse(f"the audit log cannot be read: {type(fault).__name__}")
    facts = {
        "sound": report.is_sound,
        "lines": report.lines,
        "checkpoints": report.checkpoints,
        "unsigned": report.unsigned,
        "torn_tail": report.is_tail_torn,
        "head": {"n": report.head.n, "h": report.head.h},
        "findings": [{"line": finding.line, "word": finding.word} for finding in report.findings],
    }
    if as_json:
        print(json.dumps(facts))
    else:
        print(
            f"{'whole' if report.is_sound else 'BROKEN'}: {report.lines} lines, {report.checkpoints} checkpoints, "
            f"{report.unsigned} after the last"
        )
        for finding in report.findings:
            print(f"line {finding.line}: {finding.word}")
    return 0 if report.is_sound else 1


def audit_export(state: Path, *, path: Path | None = None, as_json: bool = False) -> int:
    """Return the exit code after writing every event to stdout: JSON lines as they stand, or one array."""
    try:
        source = _source(state, path)
        if as_json:
            print(json.dumps(list(read_lines(source))))
        else:
            for line, is_whole in lines(source):
                if is_whole:
                    print(line.decode("utf-8", "replace"))
    except (ConfigError, OSError, ValueError) as fault:
        return _refuse(f"the audit log cannot be read: {type(fault).__name__}")
    return 0


def verify_log(state: Path, path: Path | None = None) -> AuditReport:
    """Return what is wrong with the log. Raises: ConfigError for a terminal that is not enrolled, OSError."""
    device = load_device(state / TRUST)
    if device is None:
        raise ConfigError((f"state: {state} holds no enrolled terminal; allowed: a state folder after `enrol`",))
    genesis = genesis_hash(device.device_id, device.first_certificate, device.genesis)
    return verify(_source(state, path), signature_check(device), genesis)


def signature_check(device: Device) -> SignatureCheck:
    """Return a check of checkpoint signatures by the device's certificates, former ones included."""
    keys = dict(facts_of(certificate) for certificate in (*device.former, device.certificate))

    def is_signed(signed: SignedObject, purpose: str) -> bool:
        try:
            verify_signature(signed_bytes(purpose, signed.object), signed.signature, keys[signed.kid])
        except (KeyError, TrustFault):
            return False
        return True

    return is_signed


def _source(state: Path, path: Path | None) -> Path:
    source = path or state / AUDIT
    if not source.exists():
        raise FileNotFoundError(source)
    return source


def _refuse(text: str) -> int:
    print(text, file=sys.stderr)
    return 2
