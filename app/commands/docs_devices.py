"""docs/devices.md, drawn from the code: drivers, the contract matrix, what has not met hardware, the pages by hand.

The matrix is read from the tests themselves. A contract test promises something of the drivers that its parameters
name. Where they name none: of those that it, a fixture it takes or a helper it calls names, by name, class or link; and
where these name none, but make whatever drivers a kind has, of all of that kind. Nothing is run, and only a test whose
parameters must be worked out is imported, so drawing is quick.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path

import msgspec

from devices.api import DeviceKind
from devices.registry import DEFAULTS, DRIVERS, load_driver

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "devices"
WORDS = {
    DeviceKind.READER: "ID card readers",
    DeviceKind.CARD: "Chip cards",
    DeviceKind.CAMERA: "Cameras",
    DeviceKind.SCANNER: "Scanners",
    DeviceKind.BARCODE: "Code scanners",
    DeviceKind.PRINTER: "Receipt printers",
    DeviceKind.DOCUMENT_PRINTER: "Document printers",
    DeviceKind.AUXILIARIES: "Lights, power and sensors",
}
MET_HARDWARE: dict[str, str] = {}
"""Driver → which device it has met, where and when. Empty: all was proven against simulators and other programs."""


class Driver(msgspec.Struct, frozen=True):
    """One registered driver, as its source tells."""

    name: str
    cls: str
    kind: DeviceKind
    file: str
    about: str
    provisional: tuple[str, ...]

    @property
    def links(self) -> tuple[str, ...]:
        """Return the kinds of link that mean this driver when configuration names none."""
        return tuple(link for (kind, link), name in DEFAULTS.items() if name == self.name and kind is self.kind)


class Promise(msgspec.Struct, frozen=True):
    """One contract test, and the drivers it is run over."""

    text: str
    drivers: frozenset[str]


def compose_devices() -> str:
    """Return docs/devices.md."""
    from app.commands.docs import NOTE

    drivers, told = load_drivers(), promises()
    lines = [
        NOTE,
        "",
        "# Devices",
        "",
        "What a station can have, the driver of each, and what each driver promises. A driver is one file in",
        "`devices/drivers/` and one line in `devices/registry.py`; its far end is a simulator in a process of its own.",
        "",
        *_pages(),
        *_drivers(drivers),
        *_matrix(drivers, told),
        *_unmet(drivers),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _pages() -> list[str]:
    pages = [(path, _title(path)) for path in sorted(PAGES.glob("*.md"))]
    if not pages:
        return []
    return ["## Pages", "", *(f"- [{title}](devices/{path.name})" for path, title in pages), ""]


def _title(path: Path) -> str:
    lines = path.read_text("utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), path.stem)


def _drivers(drivers: tuple[Driver, ...]) -> list[str]:
    lines = ["## Drivers", "", "| kind | driver | links that mean it | what it is |", "|---|---|---|---|"]
    for driver in drivers:
        links = " ".join(f"`{link}:`" for link in driver.links) or "by name only"
        lines.append(f"| {driver.kind.value} | [`{driver.name}`](../{driver.file}) | {links} | {driver.about} |")
    return [*lines, ""]


def _matrix(drivers: tuple[Driver, ...], told: tuple[Promise, ...]) -> list[str]:
    lines = [
        "## What every driver promises",
        "",
        "One suite a kind (`tests/contract/`), run over each registered driver against its far end. ✓ = the test is",
        "run with that driver; – = it is not: its wire knows no such thing, or a suite of its own promises the like.",
        "",
    ]
    for kind, title in WORDS.items():
        own = [driver for driver in drivers if driver.kind is kind]
        names = {driver.name for driver in own}
        texts = dict.fromkeys(promise.text for promise in told if promise.drivers & names)
        rows = [Promise(text, _of_all(told, text)) for text in texts]  # two suites may promise the same
        if not own:
            continue
        lines += [f"### {title}", "", f"| promise | {' | '.join(f'`{driver.name}`' for driver in own)} |"]
        lines.append("|---" * (len(own) + 1) + "|")
        for promise in rows:
            lines.append(f"| {promise.text} | {' | '.join(_tick(driver, promise) for driver in own)} |")
        counts = [str(sum(driver.name in promise.drivers for promise in rows)) for driver in own]
        lines += [f"| **promises** | {' | '.join(counts)} |", ""]
    return lines


def _of_all(told: tuple[Promise, ...], text: str) -> frozenset[str]:
    return frozenset().union(*(promise.drivers for promise in told if promise.text == text))


def _tick(driver: Driver, promise: Promise) -> str:
    return "✓" if driver.name in promise.drivers else "–"


def _unmet(drivers: tuple[Driver, ...]) -> list[str]:
    lines = [
        "## What has not met hardware",
        "",
        "By name, so that nobody believes more than is known. *Provisional* is what a driver itself says no hardware",
        "has confirmed (`Capabilities.provisional`, also in `doctor`).",
        "",
        "| driver | met | provisional |",
        "|---|---|---|",
    ]
    for driver in drivers:
        features = " ".join(f"`{feature}`" for feature in driver.provisional) or "–"
        lines.append(f"| `{driver.name}` | {MET_HARDWARE.get(driver.name, 'no physical device')} | {features} |")
    return lines


# ── drivers, from their source ───────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def load_drivers() -> tuple[Driver, ...]:
    """Return every registered driver, by kind and name."""
    order = list(WORDS)
    return tuple(sorted((_driver(name) for name in DRIVERS), key=lambda one: (order.index(one.kind), one.name)))


def _driver(name: str) -> Driver:
    module, _, cls = DRIVERS[name].partition(":")
    file = module.replace(".", "/") + ".py"
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls)
    about = (ast.get_docstring(body) or ast.get_docstring(tree) or "").splitlines()[:1]
    return Driver(name, cls, load_driver(name).kind, file, "".join(about), _provisional(tree))


def _provisional(tree: ast.Module) -> tuple[str, ...]:
    """Return the words that stand in `provisional=`, wherever the module writes them."""
    named = {name: node.value for node in tree.body if isinstance(node, ast.Assign) for name in _targets(node)}
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "provisional":
            parts = [node.value, *(named[one.id] for one in ast.walk(node.value) if _is_name(one, named))]
            found += [text for part in parts for text in _texts(part)]
    return tuple(dict.fromkeys(found))


def _is_name(node: ast.AST, named: dict[str, ast.expr]) -> bool:
    return isinstance(node, ast.Name) and node.id in named


# ── promises, from the tests ─────────────────────────────────────────────────────────────


def promises(root: Path = ROOT) -> tuple[Promise, ...]:
    """Return every contract test that is about a driver, in the order of the files.

    “Every registered driver …” and its like guard the tests' own lists: they promise nothing.
    """
    shared = _Names(sorted((root / "tests" / "fixtures").glob("*.py")), None)
    found = []
    for path in sorted((root / "tests" / "contract").glob("test_*.py")):
        names = _Names([path], shared)
        for name in names.own:
            is_guard = name.startswith("test_every_") and "regist" in name
            if not name.startswith("test_") or is_guard:
                continue
            drivers = names.drivers(name)
            module = f"tests.contract.{path.stem}" if root == ROOT and len(drivers) > 1 else ""
            if drivers := _named_by_parameters(names.own[name], module) or drivers:
                found.append(Promise(name.removeprefix("test_").replace("_", " "), drivers))
    return tuple(found)


def _named_by_parameters(test: ast.stmt, module: str) -> frozenset[str]:
    """Return the drivers that a test's parameters name, as `DRIVER` or `DRIVER and how`; empty for none.

    Parameters that are worked out when the module is loaded are asked of the module; "" leaves them out.
    """
    marks = [one for one in getattr(test, "decorator_list", ()) if "parametrize" in ast.unparse(one)]
    values: list[object] = []
    for mark in marks:
        try:
            values.append(ast.literal_eval(mark.args[1]))
        except ValueError:
            loaded = getattr(import_module(module), getattr(test, "name", "")) if module else None
            values += [one.args[1] for one in getattr(loaded, "pytestmark", ()) if one.name == "parametrize"]
    return frozenset(text.partition(" ")[0] for text in _texts_in(values)) & frozenset(DRIVERS)


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts_in(one)


class _Names:
    """The functions, classes and values of test files, and which of them name which driver."""

    def __init__(self, files: list[Path], outer: _Names | None) -> None:
        self.own: dict[str, ast.stmt] = {}
        self._outer = outer
        for path in files:
            for node in ast.parse(path.read_text("utf-8")).body:
                for name in _targets(node):
                    self.own.setdefault(name, node)

    def drivers(self, name: str) -> frozenset[str]:
        """Return the drivers that a function names, itself or by what it takes and calls."""
        found: set[str] = set()
        kinds: set[DeviceKind] = set()
        by_link: set[DeviceKind] = set()
        links: set[str] = set()
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            node = self._find(now := ahead.pop())
            if node is None or now in seen:
                continue
            seen.add(now)
            told = _told(node)
            found.update(told.mentioned)
            kinds.update(told.made)
            by_link.update(told.by_link)
            links.update(told.links)
            ahead += told.referred
        found.update(name for (kind, link), name in DEFAULTS.items() if kind in by_link and link in links)
        named = {driver.kind for driver in load_drivers() if driver.name in found}
        return frozenset(found | {driver.name for driver in load_drivers() if driver.kind in kinds - named})

    def _find(self, name: str) -> ast.stmt | None:
        return self.own.get(name) or (self._outer._find(name) if self._outer is not None else None)


class _Told(msgspec.Struct, frozen=True):
    """What a piece of code names: drivers; kinds of which it makes a driver; links and who chooses a driver by them."""

    mentioned: tuple[str, ...]
    made: tuple[DeviceKind, ...]
    by_link: tuple[DeviceKind, ...]
    links: tuple[str, ...]
    referred: tuple[str, ...]


@cache
def _told(node: ast.AST) -> _Told:
    """Return what a piece of code names; a fixture is met on the way from many tests."""
    made = tuple(_made(node))
    links = {text.partition(":")[0] for text in _texts(node)} & {link for _, link in DEFAULTS}
    return _Told(
        tuple(_mentioned(node)),
        tuple(kind for kind, _ in made),
        tuple(kind for kind, is_by_link in made if is_by_link),
        tuple(links),
        tuple(_referred(node)),
    )


def _mentioned(node: ast.AST) -> Iterator[str]:
    classes = {spec.rpartition(":")[2]: name for name, spec in DRIVERS.items()}
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in classes:
            yield classes[one.id]
        elif isinstance(one, ast.Constant) and one.value in DRIVERS:
            yield str(one.value)


def _made(node: ast.AST) -> Iterator[tuple[DeviceKind, bool]]:
    """Yield the kinds of which a piece of code makes a driver, and whether it leaves the choice to the link."""
    for one in ast.walk(node):
        is_call = isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "make_device"
        if not is_call or not isinstance(one, ast.Call) or len(one.args) < 2:
            continue
        kind, driver = one.args[:2]
        if isinstance(kind, ast.Attribute) and kind.attr in DeviceKind.__members__:
            yield DeviceKind[kind.attr], isinstance(driver, ast.Constant) and driver.value == ""


def _referred(node: ast.AST) -> list[str]:
    """Return the names a piece of code uses: what it calls, and what a test or a fixture takes."""
    every = tuple(ast.walk(node))
    local = {one.arg for one in every if isinstance(one, ast.arg)}
    local |= {one.id for one in every if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    used = [one.id for one in every if isinstance(one, ast.Name) and one.id not in local]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        if node.name.startswith("test_") or any("fixture" in mark for mark in marks):
            used += [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        used += [text for mark in node.decorator_list if "usefixtures" in ast.unparse(mark) for text in _texts(mark)]
    return used


def _targets(node: ast.AST) -> tuple[str, ...]:
    """Return the names a statement gives."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return (node.name,)
    if isinstance(node, ast.AnnAssign):
        return (node.target.id,) if isinstance(node.target, ast.Name) else ()
    if isinstance(node, ast.Assign):
        return tuple(one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name))
    return ()


def _texts(node: ast.AST) -> tuple[str, ...]:
    return tuple(one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))
