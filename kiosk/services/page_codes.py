"""What codes on scanned papers fill into the form: a field names its paper, and its own grammar decides.

A code fills an empty field and nothing else. Two codes that both fit fill nothing: nobody can tell which was meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from devices.api import Page, Private
from kiosk.services.catalogue import Field, ServiceItem
from kiosk.services.catalogue_types import PAGE_CODE
from kiosk.services.codes import CodeRefused, accept_for_field
from kiosk.services.fields import Answers, FormContext, text_of, visible_leaves


def coded_materials(items: Iterable[ServiceItem]) -> frozenset[str]:
    """Return the codes of all materials on whose pages a code may stand that some form asks for."""
    return frozenset(
        field.prefill.removeprefix(PAGE_CODE)
        for item in items
        for field in item.form
        if field.prefill.startswith(PAGE_CODE)
    )


def fill_from_page(item: ServiceItem, answers: Answers, context: FormContext, page: Page) -> Answers:
    """Return the answers with empty, visible fields filled that ask for a code of this page's material."""
    filled = dict(answers)
    for leaf in visible_leaves(item, answers, context):
        if _is_of(leaf.field, page) and not text_of(answers, leaf.key) and (text := _only_fit(leaf.field, page)):
            filled[leaf.key] = Private(text)
    return filled


def empty_of_page(item: ServiceItem, answers: Answers, page: Page, keys: Collection[str]) -> Answers:
    """Return the answers without what a page that is let go had filled into `keys`, where it still stands."""
    emptied = dict(answers)
    for field in item.form:
        if field.key in keys and _is_of(field, page) and text_of(answers, field.key) == _only_fit(field, page):
            emptied[field.key] = Private("")
    return emptied


def _is_of(field: Field, page: Page) -> bool:
    return field.prefill == f"{PAGE_CODE}{page.material}"


def _only_fit(field: Field, page: Page) -> str:
    """Return the one text among the page's codes that the field's grammar allows, nothing for none or several."""
    fits = set()
    for code in page.codes:
        try:
            fits.add(accept_for_field(code, field).value.reveal())
        except CodeRefused:
            continue
    return fits.pop() if len(fits) == 1 else ""
