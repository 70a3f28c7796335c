"""One realistic view of every screen, in Chinese and English: the old-age allowance, with long texts."""

from __future__ import annotations

from typing import Literal

import msgspec

from kiosk.session.view import Top, View
from tests.ui.gallery.common import Say
from tests.ui.gallery.doors import doors
from tests.ui.gallery.ends import ends
from tests.ui.gallery.forms import fields, forms
from tests.ui.gallery.papers import papers

__all__ = ["fields", "views"]


def views(locale: Literal["zh", "en"]) -> dict[str, View]:
    """Return the views by name; the name begins with the screen's."""

    def say(zh: str, en: str) -> str:
        return en if locale == "en" else zh

    made = {
        **doors(say),
        **forms(say),
        **papers(say),
        **ends(say),
    }
    return {name: _complete(view, locale, say, is_offline=name in ("slip", "trouble")) for name, view in made.items()}


def _complete(view: View, locale: Literal["zh", "en"], say: Say, *, is_offline: bool) -> View:
    top = Top(
        station=say("新丰镇竹林村便民服务站", "Zhulin Village Service Station, Xinfeng"),
        clock="10:24",
        network=say("离线收件中", "Offline, still taking papers") if is_offline else say("在线", "Online"),
        is_online=not is_offline,
        notice=view.top.notice,
    )
    return msgspec.structs.replace(view, locale=locale, top=top)
