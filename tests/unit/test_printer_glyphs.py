"""Characters drawn for a printer that lacks them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.api import Unsupported
from devices.drivers import glyphs


@pytest.mark.parametrize("scale", [1, 2])
def test_a_row_is_as_large_as_the_printers_own(scale):
    picture = glyphs.rasterize("王𠮷a ", scale)
    assert (picture.width_px, picture.height_px) == (72 * scale, 24 * scale)
    assert len(picture.data) == 9 * scale * 24 * scale


def _columns_with_ink(picture):
    stride = (picture.width_px + 7) // 8
    rows = [picture.data[y * stride : (y + 1) * stride] for y in range(picture.height_px)]
    bits = [f"{int.from_bytes(row, 'big'):0{stride * 8}b}" for row in rows]
    return [any(row[x] == "1" for row in bits) for x in range(picture.width_px)]


def test_each_character_stays_in_its_cell():
    inked = _columns_with_ink(glyphs.rasterize("王 𠮷", 1))
    assert any(inked[:24])
    assert not any(inked[24:36])
    assert any(inked[36:])


def test_a_character_no_font_has_is_the_mark_for_a_missing_one():
    assert glyphs.rasterize("\U0002ffff", 1) == glyphs.rasterize("〓", 1)
    assert glyphs.rasterize("𠮷", 1) != glyphs.rasterize("〓", 1)


def test_without_any_chinese_font_it_says_so(monkeypatch):
    monkeypatch.setattr(glyphs, "FONTS", ((Path("/nowhere/font.ttc"), "none"),))
    glyphs._fonts.cache_clear()
    try:
        with pytest.raises(Unsupported):
            glyphs.rasterize("𠮷", 1)
    finally:
        glyphs._fonts.cache_clear()
