"""The documents drawn from the code are current, and every link of the others leads to a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.commands.docs import DOCS, PAGES, write_pages
from kiosk.session.flow.apply import EDGES, PLACES
from kiosk.station.audit_events import load_events
from kiosk.station.failures import FAILURES

ROOT = DOCS.parent
LINK = re.compile(r"\]\(([^)\s]+)\)")
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the pages as the code draws them now."""
    folder = tmp_path_factory.mktemp("docs")
    assert set(write_pages(folder)) == set(PAGES)
    return folder


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_drawn_from_the_code_is_current(name, drawn):
    now = (drawn / name).read_text("utf-8")
    assert (DOCS / name).read_text("utf-8") == now, "run `make docs` and commit what it writes"


def test_writing_twice_changes_nothing_the_second_time(drawn):
    assert write_pages(drawn) == ()


def test_the_flow_tells_every_place_and_every_edge(drawn):
    page = (drawn / "flow.md").read_text("utf-8")
    assert all(f"| {state.name} |" in page for state in PLACES)
    assert all(f"`{edge.on}`" in page for edge in EDGES)
    rows = [line for line in page.partition("## Edges")[2].splitlines() if line.startswith("| ") and "`" in line]
    own = sum(len(edge.at) if len(edge.at) < 3 else 1 for edge in EDGES)
    assert len(rows) == own


def test_failures_and_audit_events_are_all_told(drawn):
    failures = (drawn / "failures.md").read_text("utf-8")
    assert all(f"| {row.code} |" in failures for row in FAILURES)
    audit = (drawn / "audit.md").read_text("utf-8")
    assert all(f"`{event}`" in audit for event in load_events().kinds)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    lost = []
    for target in LINK.findall(text):
        path = target.partition("#")[0]
        if path and "://" not in target and not target.startswith("mailto:") and not (page.parent / path).exists():
            lost.append(target)
    assert lost == []
