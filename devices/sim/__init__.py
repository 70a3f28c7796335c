"""The far ends of the wires, each a process of its own, with scripted faults.

Each simulator is a module with `main(arguments: Sequence[str]) -> int`, `words() -> Words` (its command line) and
`CONTROLS` (what it can be asked from outside its wire). It prints one line of JSON when it is ready:
`{"link": "serial:/dev/pts/3", "control": "unix:/…/reader.sock"}`.
"""

from __future__ import annotations

# name → module, imported only in the simulator's own process
SIMULATORS: dict[str, str] = {
    "reader": "devices.sim.reader",
    "camera": "devices.sim.camera",
    "printer": "devices.sim.printer",
    "auxiliaries": "devices.sim.auxiliaries",
    "barcode": "devices.sim.barcode",
    "rtsp": "devices.sim.rtsp",
    "line": "devices.sim.line",
    "pn532": "devices.sim.pn532",
    "card": "devices.sim.card",
}
