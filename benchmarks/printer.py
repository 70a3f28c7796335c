"""What the receipt printer driver adds to the bare line: a slip through the driver vs its bytes at the line's speed.

The far end is a pty that hands bytes over no sooner than the line would have carried them: benchmarks/paced_printer.py.
Paper and blade take no time there, they are the printer's and not the driver's. The bare line carries the slip and the
status requests around it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from devices.api import Deadline, Strip, StripCode, StripGap, StripLine, StripRule
from devices.drivers.glyphs import rasterize
from devices.drivers.printer_escpos import EscposPrinter
from devices.wire.strip import encode_strip

BAUDS = (19200, 115200)
BITS = 10  # a byte on an 8N1 line
ROUNDS = 7
GOAL = "<= 1.10"
SLIP = Strip(
    (
        StripLine("收件凭证", scale=2, align="center", is_bold=True),
        StripLine("本凭证不代表已受理", scale=2, align="center", is_bold=True),
        StripRule(),
        StripLine("收件流水号:"),
        StripLine("K-000123-000042-X", scale=2, is_bold=True),
        StripRule(),
        StripLine("事项:高龄津贴申领(80-89周岁)"),
        StripLine("申请人:王*明"),
        StripLine("证件号:330402********0026"),
        StripLine("材料 2 份 1 页:"),
        StripLine("居民身份证 · 已采集"),
        StripLine("居民户口簿 · 可后补"),
        StripLine("本人银行卡/社保卡 1 页 · 已采集"),
        StripLine("签名时间:2026年11月23日 10:13"),
        StripRule(),
        StripLine("您的申请已加密存在本终端,尚未送达平台。有网后自动上报,无需重复办理。", is_bold=True),
        StripLine("办理时限自平台受理之日起算。"),
        StripLine("领取方式:直接发放到账户、自助打印。"),
        StripLine("预计还需到场 0 次。"),
        StripLine("平台收到后,可凭证件在任一终端查询。"),
        StripRule(),
        StripLine("需要帮助:凤桥镇庄史村便民服务站 代办员 陈阿姨 0573-8300 0000"),
        StripLine("JX-SIM-0001"),
        StripGap(),
        StripCode("K-000123-000042-X 1a2b3c"),
        StripGap(),
    )
)
RARE = Strip((*SLIP.parts[:7], StripLine("申请人:王𠮷明"), *SLIP.parts[8:]))  # one row as a picture


def run() -> dict[str, dict[str, object]]:
    """Return the figures: the median of some slips through driver and simulated line, over the line's own time."""
    figures: dict[str, dict[str, object]] = {}
    for baud in BAUDS:
        for name, strip in (("slip", SLIP), ("slip_with_a_rare_name", RARE)):
            slices = encode_strip(strip, rasterize)
            size, asks = sum(len(one.data) for one in slices), _status_bytes(len(slices))
            line_ms = (size + asks) * BITS / baud * 1000
            ours_ms = _median_ms(strip, baud)
            figures[f"{name}_{baud}"] = {
                "value": round(ours_ms / line_ms, 3),
                "unit": "x (of ms)",
                "ours": round(ours_ms, 1),
                "theirs": round(line_ms, 1),
                "peer": f"bare line, {size} bytes of slip and {asks} of status at {baud} 8N1",
                "goal": GOAL,
                "holds": ours_ms / line_ms <= 1.10,
            }
    return figures


def _status_bytes(slices: int) -> int:
    """All four before and after, two behind each slice; three bytes to ask and one to answer."""
    return (4 + 2 * slices + 4) * (3 + 1)


def _median_ms(strip: Strip, baud: int) -> float:
    times = []
    words = [sys.executable, "-m", "benchmarks.paced_printer", str(baud)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as far:
        assert far.stdin is not None
        assert far.stdout is not None
        link = f"serial:{far.stdout.readline().strip()}?baud={baud}"
        printer = EscposPrinter(link, mm_per_s=100_000.0, cut_s=0.0001)
        printer.open(Deadline(5))
        try:
            for _ in range(ROUNDS):
                started = time.perf_counter()
                printer.print(strip, Deadline(30))
                times.append((time.perf_counter() - started) * 1000)
        finally:
            printer.close()
            far.stdin.close()
    return statistics.median(times)
