"""Programs of others that run beside ours, installed once from their committed locks into build/peers."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
INSTALLED = SOURCES.parents[1] / "build" / "peers"
INSTALL_S = 300
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def install(name: str) -> Path | None:
    """Return the folder of peer `name` under node, installed if it is not yet; None where it cannot be had here."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    source, target = SOURCES / name, INSTALLED / name
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)
    wanted = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    mark = target / "installed"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        command = ["npm", "ci", "--omit=dev", "--omit=optional", "--prefer-offline", *QUIET]
        try:
            subprocess.run(command, check=True, cwd=target, capture_output=True, timeout=INSTALL_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        mark.write_text(wanted, encoding="utf-8")
    return target
