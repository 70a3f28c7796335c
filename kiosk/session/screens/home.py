"""Attract, home and guide: what can be done here, and what it takes."""

from __future__ import annotations

from devices.api import DeviceKind
from kiosk.services.catalogue import Material, ServiceItem
from kiosk.services.readiness import readiness_of
from kiosk.session.flow.route import can_apply
from kiosk.session.screens.frame import Scene, standard_actions
from kiosk.session.view import Action, Field, Note, Row, Tile, View

NEEDS_NETWORK = "home.needs_network"

WINDOW_ICONS = {
    "投资项目": "project",
    "不动产登记": "estate",
    "商事登记": "business",
    "社会事务": "social",
    "医保社保": "insurance",
    "公安服务": "police",
    "其他综合事务": "other",
}
LIFE_ICONS = {
    "教育": "education",
    "医疗": "medical",
    "社保": "insurance",
    "户籍": "household",
    "养老": "eldercare",
    "住房": "housing",
    "交通": "transport",
    "环保": "environment",
    "食品安全": "food",
    "公共服务": "public",
}


def attract(scene: Scene) -> View:
    """What this machine can do, in five seconds."""
    say = scene.say
    return View(
        screen="attract",
        key="attract",
        title=scene.station.site.name(scene.locale),
        lead=say("attract.lead"),
        picture="attract",
        notes=(
            Note(key="what", text=say("attract.what")),
            Note(key="bring", text=say("attract.bring")),
            Note(key="hours", text=say("attract.hours", hours=scene.station.site.hours(scene.locale))),
        ),
        actions=(Action(id="start", label=say("attract.start"), role="primary"),),
    )


def _reason(scene: Scene, item: ServiceItem) -> str:
    """Return why the item cannot be begun now, in words; "" when it can, or when its guide is all there is here."""
    session, station = scene.session, scene.station
    found = readiness_of(item, station, is_known=session.item is item and session.identity is not None)
    is_for_the_window = not can_apply(item) and found.text != NEEDS_NETWORK
    return "" if found.is_ready or is_for_the_window else scene.say(found.text, phone=station.site.phone)


def items_shown(scene: Scene) -> tuple[ServiceItem, ...]:
    """Return the items of this site that the filter or the search lets through."""
    session = scene.session
    kind, _, value = session.filter.partition(":")
    items = [item for item in session.catalogue.items if scene.station.site.site in item.sites]
    if kind == "window":
        return tuple(item for item in items if item.window_class == value)
    if kind == "life":
        return tuple(item for item in items if item.life_field == value)
    words = session.query.reveal().casefold().split()
    return tuple(
        item for item in items if words and all(w in f"{item.name_zh} {item.name_en}".casefold() for w in words)
    )


def _item_tile(scene: Scene, item: ServiceItem) -> Tile:
    reason = _reason(scene, item)
    return Tile(
        key=f"item:{item.item_code}",
        label=scene.of(item.name_zh, item.name_en),
        caption=reason or (scene.say("home.apply_here") if can_apply(item) else scene.say("home.guide_only")),
        icon=WINDOW_ICONS.get(item.window_class, "other"),
        badge=scene.word("visits", item.visits),
        is_enabled=not reason,
        leads_on=True,  # the guide can be read whatever is away
        reason=reason,
    )


def home(scene: Scene) -> View:
    """Seven classes, ten life fields and the search; or the items of one of them."""
    session, say = scene.session, scene.say
    if not session.filter:
        return View(
            screen="home",
            key="home",
            title=say("home.title"),
            lead=say("home.lead"),
            tiles=tuple(
                Tile(
                    key=f"window:{value}",
                    label=scene.word("window_class", value),
                    icon=WINDOW_ICONS[value],
                )
                for value in WINDOW_ICONS
            ),
            life_tiles=tuple(
                Tile(
                    key=f"life:{value}",
                    label=scene.word("life_field", value),
                    icon=LIFE_ICONS[value],
                )
                for value in LIFE_ICONS
            ),
            actions=standard_actions(
                scene, Action(id="choose", label=say("home.search"), role="primary", value="search:")
            ),
        )
    kind, _, value = session.filter.partition(":")
    tiles = tuple(_item_tile(scene, item) for item in items_shown(scene))
    is_search = kind == "search"
    query = session.query.reveal()
    notes: tuple[Note, ...] = ()
    if not tiles and not (is_search and not query):
        notes = (Note(key="none", text=say("home.nothing_found" if is_search else "home.none_here"), mood="care"),)
    title = say("home.search") if is_search else scene.word("window_class" if kind == "window" else "life_field", value)
    search = Field(
        key="search",
        label=say("home.search"),
        kind="text",
        display=query,
        hint=say("home.search_hint"),
        keyboard="pinyin" if scene.locale == "zh" else "english",
        is_focused=True,
    )
    return View(
        screen="home",
        key="home.search" if is_search else "home.items",
        title=title,
        lead=say("home.search_lead") if is_search else say("home.items_lead"),
        query=query,
        fields=(search,) if is_search else (),
        tiles=tiles,
        notes=notes,
        actions=standard_actions(scene),
    )


def guide(scene: Scene) -> View:
    """Conditions, materials, limits, fee and how the result comes, in words; then one door: apply."""
    session, say = scene.session, scene.say
    item = session.item
    if item is None:
        return home(scene)
    rows = guide_rows(scene, item)
    actions: tuple[Action, ...] = ()
    if can_apply(item):
        reason = _reason(scene, item)
        perhaps = readiness_of(item, scene.station).perhaps
        if perhaps and not reason:
            text = say("readiness.perhaps", why=say(perhaps))
            rows.insert(0, Row(key="perhaps", label=text, icon="care", mood="care"))
        actions = (Action(id="apply", label=say("guide.apply"), role="primary", is_enabled=not reason, reason=reason),)
    else:
        rows.insert(0, Row(key="not_here", label=say("guide.not_here"), icon="care", mood="care"))
    return View(
        screen="guide",
        key="guide",
        title=scene.of(item.name_zh, item.name_en),
        lead=scene.word("visits", item.visits),
        rows=(*_list_rows(scene), *rows),
        actions=standard_actions(scene, *_list_action(scene), *actions),
    )


def _list_action(scene: Scene) -> tuple[Action, ...]:
    """Return the button for the list on paper where there is an A4 printer; grey while it is not ready or at work."""
    if DeviceKind.DOCUMENT_PRINTER not in scene.station.devices:
        return ()
    reason = "" if scene.station.has(DeviceKind.DOCUMENT_PRINTER) else scene.say("failures.sheet_away")
    if scene.session.sheet == "printing":
        reason = scene.say("guide.list_printing")
    label = scene.say("guide.print_list")
    return (Action(id="print_list", label=label, is_enabled=not reason, reason=reason),)


def _list_rows(scene: Scene) -> tuple[Row, ...]:
    """Return one line on what became of the list that was asked for."""
    sheet = scene.session.sheet
    if sheet not in ("printed", "failed"):
        return ()
    if sheet == "printed":
        return (Row(key="list", label=scene.say("guide.list_printed"), icon="check"),)
    return (Row(key="list", label=scene.say("guide.list_failed"), icon="care", mood="care"),)


def _need_of(material: Material) -> str:
    """Return the text that says in plain words what to do about a material."""
    if material.source == "id_card_read":
        return "guide.need_card"
    if material.source == "generated_form" and material.signature == "applicant":
        return "guide.need_signed"
    return {"必要": "guide.need_always", "容缺": "guide.need_later"}.get(material.necessity, "guide.need_perhaps")


def guide_rows(scene: Scene, item: ServiceItem) -> list[Row]:
    """Return the guide, line by line, under its headings."""
    say, label = scene.say, scene.session.catalogue.label
    # with the lines and not beside the title: the longest of them would not fit there in the elder scale
    rows = [Row(key="offline", label=scene.of(item.offline.note_zh, item.offline.note_en), icon="plain")]
    if scene.session.catalogue.notice_zh:
        rows.append(Row(key="illustrative", label=say("guide.illustrative"), icon="plain"))
    rows += [
        Row(key=f"condition{n}", section=say("guide.conditions"), label=scene.of(c.zh, c.en), icon="check")
        for n, c in enumerate(item.accept_conditions)
    ]
    for material in item.materials:
        rows.append(
            Row(
                key=f"material{material.code}",
                section=say("guide.materials"),
                label=scene.of(material.name_zh, material.name_en),
                value=say(_need_of(material)),
                icon="document",
            )
        )
    unit = label("time_unit", item.time.unit, scene.locale)
    rows.append(
        Row(
            key="time",
            section=say("guide.time_and_fee"),
            label=say("guide.promised"),
            value=say("guide.at_once") if not item.time.promised_limit else f"{item.time.promised_limit} {unit}",
            icon="clock",
        )
    )
    rows.append(
        Row(
            key="fee",
            section=say("guide.time_and_fee"),
            label=say("guide.fee"),
            value=label("fee_kind", item.fee.kind, scene.locale),
            icon="money",
        )
    )
    rows.extend(
        Row(
            key=f"delivery{way}",
            section=say("guide.delivery"),
            label=label("delivery", way, scene.locale),
            icon="place",
        )
        for way in item.delivery
    )
    return rows
