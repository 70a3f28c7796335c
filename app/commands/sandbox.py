"""`sandbox`: the reference central platform on loopback."""

from __future__ import annotations

from pathlib import Path


def run_sandbox(db: str, blobs: str, port: int, state: Path, auto_approve: bool) -> int:
    """Serve until told to end."""
    from sandbox.main import main

    words = ["serve", "--state", str(state), "--port", str(port)]
    words += ["--db", db] if db else []
    words += ["--blobs", blobs] if blobs else []
    words += ["--auto-approve"] if auto_approve else []
    return main(words)
