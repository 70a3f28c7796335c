"""The hash of the running code: one number that says which program this terminal runs, and can be had without us.

In plain shell, in the program's folder (docs/devices.md says more):

    find app assets devices kiosk main.py offline_queue ui -type f ! -path '*/__pycache__/*' -print0 \\
      | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum

A packed program: the same with `find . -type f` in its folder.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

PARTS = ("app", "assets", "devices", "kiosk", "main.py", "offline_queue", "ui")
"""What a terminal runs. The sandbox, tests, benchmarks and documents are not part of it."""


def code_folder() -> Path:
    """Return where the program lies: the packed folder, or the source tree."""
    return Path(sys.executable).parent if getattr(sys, "frozen", False) else Path(__file__).resolve().parent.parent


def code_hash(folder: Path | None = None) -> str:
    """Return the SHA-256 over the sorted list `hash  name` of all files, as `sha256sum` prints it."""
    root = folder or code_folder()
    is_packed = folder is None and bool(getattr(sys, "frozen", False))
    parts = [root] if is_packed else [root / part for part in PARTS]
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*"))]
    prefix = "./" if is_packed else ""
    named = {
        f"{prefix}{file.relative_to(root)}".encode(): file
        for file in files
        if file.is_file() and not file.is_symlink() and "__pycache__" not in file.parts
    }
    whole = hashlib.sha256()
    for name in sorted(named):
        with named[name].open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(digest.encode() + b"  " + name + b"\n")
    return whole.hexdigest()
