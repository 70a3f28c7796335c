"""Who may import whom. The map is docs/architecture.md's; these few lines keep it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
API = ("devices.api", "offline_queue.api")
QUEUE_LIBRARIES = ("sqlite3", "sqlite_utils", "cryptography", "msgspec")

ALLOWED: dict[str, tuple[str, ...]] = {
    "kiosk/station": ("kiosk.station", *API),
    "kiosk/services": ("kiosk.services", "kiosk.station", *API),
    "kiosk/session": ("kiosk.session", "kiosk.services", "kiosk.station", *API),
    "kiosk/trust": ("kiosk.trust", "kiosk.station", "offline_queue.api"),
    "kiosk/central": ("kiosk.central", "kiosk.trust", "kiosk.services", "kiosk.station", "offline_queue.api"),
    "ui": ("ui", "kiosk.session.view", "kiosk.session.events"),
    "devices/drivers": (
        "devices.drivers",
        "devices.wire",
        "devices.links",
        "devices.imaging.eye",
        "devices.imaging.source",
        "devices.api",
    ),
    "devices/sim": ("devices.sim", "devices.wire", "devices.api"),
    "devices/wire": ("devices.wire", "devices.api"),
    "devices/links": ("devices.links", "devices.api"),
    "devices/imaging": ("devices.imaging", "devices.api"),
    "devices/api": ("devices.api",),
    "devices/discovery": (
        "devices.discovery",
        "devices.registry",
        "devices.wire",
        "devices.links",
        "devices.api",
    ),
    "devices/lane.py": ("devices.api",),
    "devices/ruler.py": ("devices.api",),
    "devices/selftest.py": ("devices.ruler", "devices.imaging", "devices.api"),
    "devices/registry.py": ("devices.api",),
    "offline_queue": ("offline_queue",),
    "sandbox": ("sandbox",),
}
OURS = ("kiosk", "devices", "offline_queue", "ui", "app", "sandbox", "benchmarks", "tests", "main")
VENDORS = {  # a vendor module is imported only inside the module that needs it
    "cv2": ("devices/imaging/", "devices/sim/", "benchmarks/"),
    "serial": ("devices/links/serial.py",),
    "smartcard": ("devices/links/pcsc.py",),
    "usb": ("devices/links/usb.py",),
    "hid": ("devices/links/hid.py",),
    "cups": ("devices/drivers/",),
    "zxingcpp": ("devices/imaging/", "benchmarks/"),
    "requests": ("kiosk/central/", "benchmarks/"),
    "PySide6": ("ui/", "app/", "main.py", "benchmarks/"),
}


@cache
def _files() -> list[Path]:
    tops = ("kiosk", "devices", "offline_queue", "ui", "app", "sandbox", "benchmarks")
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))] + [ROOT / "main.py"]


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement, however deep: an import is one, and never a part of an expression."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for name, value in ast.iter_fields(waiting.pop()):
            if name in ("body", "orelse", "finalbody", "handlers", "cases") and isinstance(value, list):
                waiting += value
                yield from (node for node in value if isinstance(node, ast.stmt))


@cache
def _imports(path: Path) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.extend((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            # `from kiosk.session import events` imports kiosk.session.events
            base = node.module or ""
            submodules = [
                f"{base}.{a.name}" for a in node.names if (ROOT / base.replace(".", "/") / f"{a.name}.py").exists()
            ]
            found.extend((node.lineno, name) for name in (submodules or [base]))
    return found


def _rule(name: str) -> tuple[str, ...] | None:
    best = max((key for key in ALLOWED if name == key or name.startswith(key + "/")), key=len, default="")
    return ALLOWED.get(best)


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in _files()}), ids=lambda f: f.relative_to(ROOT).as_posix()
)
def test_a_module_imports_only_what_its_layer_may(folder: Path) -> None:
    assert [wrong for path in _files() if path.parent == folder for wrong in _wrong_imports(path)] == []


def _wrong_imports(path: Path) -> Iterator[str]:
    name = str(path.relative_to(ROOT))
    allowed = _rule(name)
    for line, module in _imports(path):
        if allowed is not None and module.split(".")[0] in OURS:
            ok = any(module == a or module.startswith(a + ".") for a in allowed)
            if name == "kiosk/session/runner.py":
                ok = module.startswith(("kiosk.", *API))
            if not ok:
                yield f"{name}:{line} imports {module}"
        for vendor, places in VENDORS.items():
            if (module == vendor or module.startswith(vendor + ".")) and not name.startswith(places):
                yield f"{name}:{line} imports {vendor}"


def test_a_wrong_import_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_layers.ROOT", tmp_path)
    module = tmp_path / "sandbox" / "some.py"
    module.parent.mkdir()
    module.write_text(
        "import kiosk\nif True:\n    try:\n        from cv2 import imread\n    except OSError:\n        import json\n"
    )
    assert list(_wrong_imports(module)) == ["sandbox/some.py:1 imports kiosk", "sandbox/some.py:4 imports cv2"]


@pytest.mark.parametrize("name", ["devices/api", "offline_queue/api.py"])
def test_the_api_modules_import_msgspec_and_the_standard_library_only(name: str) -> None:
    import sys

    files = sorted((ROOT / name).glob("*.py")) or [ROOT / name]
    own = name.replace("/", ".")
    for path in files:
        for line, module in _imports(path):
            is_own = module == own or module.startswith(own + ".")
            is_allowed = is_own or module.split(".")[0] in {*sys.stdlib_module_names, "msgspec"}
            assert is_allowed, f"{path}:{line} imports {module}"


def test_the_queue_imports_only_its_libraries() -> None:
    import sys

    for path in (ROOT / "offline_queue").rglob("*.py"):
        for line, module in _imports(path):
            top = module.split(".")[0]
            assert top in {*sys.stdlib_module_names, *QUEUE_LIBRARIES, "offline_queue"}, (
                f"{path}:{line} imports {module}"
            )
