"""Ways into what code scanners send and what `scanimage` says. Each checks what must hold whatever comes."""

from __future__ import annotations

from devices.api import WireFault
from tests.fuzz.ways import cut


def barcode(data: bytes) -> None:
    from devices.api import MAX_CODE_CHARS
    from devices.wire import barcode

    if not data:
        return
    suffix, charset = tuple(barcode.Suffix)[data[0] % 5], barcode.CHARSETS[data[0] // 5 % 3]
    decoder = barcode.Decoder(suffix)
    codes: list[bytes] = []
    for part in cut(data[1:]):
        codes += decoder.feed(part)
        if data[0] & 0x80:
            codes += decoder.silence()
    codes += decoder.silence()
    assert not decoder.is_midway
    assert sum(map(len, codes)) <= len(data)
    for code in codes:
        assert 0 < len(code) <= barcode.MAX_BYTES
        try:
            text = barcode.decode_code(code, charset)
        except WireFault:
            continue
        assert 0 < len(text) <= MAX_CODE_CHARS
        barcode.encode_code(text, suffix, charset)


def sane(data: bytes) -> None:
    from devices.api import DeviceError, ScanMode, ScanSettings, ScanSource, Unsupported
    from devices.wire import sane

    text = data.decode("utf-8", "replace")
    told = sane.error_of(data[0] % 14 if data else 0, text)
    assert told is None or isinstance(told, DeviceError)
    options = sane.decode_options(text)
    for source in ScanSource:
        for mode in ScanMode:
            try:
                words, dpi = sane.encode_settings(ScanSettings(source=source, mode=mode), options)
            except Unsupported:
                continue
            assert dpi > 0
            assert all(isinstance(word, str) for word in words)
