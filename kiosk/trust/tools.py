"""Tools that key backends run as processes: fixed argument lists, a small environment, a deadline, one error."""

from __future__ import annotations

import os
import subprocess

from offline_queue.api import QueueError

DEADLINE_S = 20.0  # a real TPM makes a P-256 key in well under a second; this is for one that hangs
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # not the caller's
PASSED_ON = ("SYSTEMD_CREDENTIAL_SECRET",)  # where the host secret lies, if not where systemd keeps it


def run_tool(arguments: tuple[str, ...], given: bytes = b"", **environment: str) -> bytes:
    """Return what a tool wrote to standard output. Secrets go through pipes, never through arguments.

    Raises: QueueError("signer_unavailable") if it is not installed, hangs or fails; its words are not passed on.
    """
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            arguments,
            input=given,
            capture_output=True,
            timeout=DEADLINE_S,
            check=True,
            env={"PATH": PATH, "LC_ALL": "C", **kept, **environment},
        )
    except subprocess.CalledProcessError as fault:
        raise QueueError("signer_unavailable", f"{_name(arguments)} failed with {fault.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise QueueError("signer_unavailable", f"{_name(arguments)}: {type(fault).__name__}") from None
    return done.stdout


def _name(arguments: tuple[str, ...]) -> str:
    return arguments[0].rpartition("/")[2]
