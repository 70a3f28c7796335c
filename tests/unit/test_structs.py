"""Once a program serves, msgspec meets no struct for the first time: two threads that did would end the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = """
from sandbox.api import SERVED, build_app
from sandbox.intake import Envelope
from sandbox.main import Options, open_platform
build_app(open_platform(Options(state=Path(sys.argv[1]))))
kinds = {Envelope, *(kind for one in SERVED for kind in (one.body, one.query) if kind is not None)}
"""
OPENED = """
from sandbox.evacuation import take_evacuation
from sandbox.intake import Envelope
from sandbox.main import Options, open_platform
open_platform(Options(state=Path(sys.argv[1])))
kinds = {Envelope}
"""
TERMINAL = """
from app.build import NotEnrolled, prepare
from kiosk.services.catalogue import ServiceItem
from kiosk.station.config import Config, StateConfig
from kiosk.station.texts import own_texts
from kiosk.trust.identity import Device
try:
    prepare(Config(station=None, state=StateConfig(folder=sys.argv[1])), own_texts())
except NotEnrolled:
    pass
kinds = {Config, Device, ServiceItem}
"""
MEET = """
import json, msgspec
met = []

def see(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "get_class_annotations":
        met.append(frame.f_locals["obj"].__name__)

class New(msgspec.Struct):
    one: int

sys.setprofile(see)
for kind in (*kinds, New):
    msgspec.json.Decoder(kind)
sys.setprofile(None)
print(json.dumps([len(kinds), met]))
"""


@pytest.mark.parametrize(
    ("program", "least"), [(PLATFORM, 3), (OPENED, 1), (TERMINAL, 3)], ids=["platform", "opened", "terminal"]
)
def test_a_struct_is_met_before_there_are_threads(program: str, least: int, tmp_path: Path) -> None:
    script = f"import sys\nfrom pathlib import Path\n{program}{MEET}"
    words = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    count, met = json.loads(done.stdout)
    assert count >= least
    assert met == ["New"]
