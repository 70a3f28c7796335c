"""The A4 page of `print-test`: four corner marks, a ruler, rare characters and a code."""

from __future__ import annotations

from devices.api import Sheet
from kiosk.services.sheet import Paper, build_sheet

RULER_MM = 160
_MARK = '<div style="position:absolute;width:6mm;height:6mm;background:#000;{side}"></div>'


def build_test_page() -> Sheet:
    """Return the page. Its marks stand 10 mm from the paper's edges."""
    paper = Paper("zh", "打印测试 Print test")
    corners = ("left:-10mm;top:-10mm", "right:-10mm;top:-10mm", "left:-10mm;top:251mm", "right:-10mm;top:251mm")
    paper.drawing("".join(_MARK.format(side=side) for side in corners))
    paper.heading("打印测试", "Print test")
    paper.rule()
    paper.say("近办便民服务终端 Jinban self-service terminal")
    paper.say("常用标点:，。、；：？！“”（）《》【】—…￥ , . ; : ? ! ( ) € ¥")
    paper.say("生僻字 Rare characters: 𠮷 㛃 䶮 𬭎 𫖯 龘 喆 堃 镕")
    paper.say("大字 Large", "large")
    paper.drawing(_ruler())
    paper.say("尺子每格 10 毫米,全长 160 毫米。 Each step of the ruler is 10 mm, 160 mm in all.", "center")
    paper.code("JINBAN-PRINT-TEST")
    paper.say("四角方块完整、尺子量得准、二维码能扫,即为正常。", "center")
    paper.say(
        "All is well when the four corner marks are whole, the ruler is true and the code can be scanned.", "center"
    )
    paper.foot("JINBAN-PRINT-TEST")
    return build_sheet(paper, "print-test")


def _ruler() -> str:
    steps = "".join(
        f'<path d="M{at} 0V{6 if at % 10 == 0 else 4 if at % 5 == 0 else 2.5}"/>' for at in range(RULER_MM + 1)
    )
    size = f'width="{RULER_MM + 1}mm" height="8mm" viewBox="-0.5 0 {RULER_MM + 1} 8"'
    style = 'style="display:block;margin:4mm auto" stroke="#000" stroke-width="0.2"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}><path d="M0 0H{RULER_MM}"/>{steps}</svg>'
