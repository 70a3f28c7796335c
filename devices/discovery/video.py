"""Cameras: the video nodes of the kernel. No camera is opened, so that no lamp goes on."""

from __future__ import annotations

from pathlib import Path

from devices.api import DeviceKind
from devices.discovery import Scope, Seen, Sight, found_as


def find_video(scope: Scope) -> tuple[Sight, ...]:
    """Return each camera once: of a device's nodes the first gives pictures, the others tell about them."""
    folder = Path(scope.root) / "sys/class/video4linux"
    if not folder.is_dir():
        return (Sight("v4l2", Seen.ABSENT, "the kernel lists no camera"),)
    sights = []
    for node in sorted(folder.iterdir()):
        try:
            name, index = (node / "name").read_text("utf-8").strip()[:80], (node / "index").read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue
        if index == "0":
            path = f"/dev/{node.name}"
            clean = "".join(one for one in name if one.isprintable())
            sights.append(found_as(DeviceKind.CAMERA, f"v4l2:{path}", path, f"a camera, {clean}"))
    return tuple(sights)
