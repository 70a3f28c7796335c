"""The entry of the packed program: the command line, and the eye's own process, which has no interpreter to ask."""

from __future__ import annotations

import sys


def main() -> int:
    """Return the exit code of what this process was started as."""
    if sys.argv[1:2] == ["eye-worker"]:  # devices.imaging.eye.worker_command
        from devices.imaging.eye_worker import main as work

        return work(sys.argv[2:])
    if sys.argv[1:2] == ["camera-worker"]:  # devices.imaging.source
        from devices.imaging.source_worker import main as watch

        return watch(sys.argv[2:])
    from main import cli

    cli(prog_name="jinban")
    return 0


if __name__ == "__main__":
    sys.exit(main())
