"""What the catalogue says of a service item, typed: every key of `assets/services/*.yaml`.

`Meta(extra=…)` names what a text must be (a value of a vocabulary, a condition, a department); the types
are the one schema, read by msgspec when loading and by `catalogue_check` when looking for mistakes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Locale = Literal["zh", "en"]

Text = Annotated[str, Meta(min_length=1)]
Key = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
ConditionText = str  # kiosk.services.expressions
Bound = int | str
Count = Annotated[int, Meta(ge=0)]

WindowClass = Annotated[str, Meta(extra={"vocabulary": "window_class"})]
LifeField = Annotated[str, Meta(extra={"vocabulary": "life_field"})]
GrassRoots = Annotated[str, Meta(extra={"vocabulary": "grass_roots_system"})]
Visits = Annotated[str, Meta(extra={"vocabulary": "visits"})]
TaskType = Annotated[str, Meta(extra={"vocabulary": "task_type"})]
ServiceObject = Annotated[str, Meta(extra={"vocabulary": "service_object"})]
Site = Annotated[str, Meta(extra={"vocabulary": "site"})]
Channel = Annotated[str, Meta(extra={"vocabulary": "channel"})]
IdentityLevel = Annotated[str, Meta(extra={"vocabulary": "identity_level"})]
SituationMode = Annotated[str, Meta(extra={"vocabulary": "situation_mode"})]
ProjectType = Annotated[str, Meta(extra={"vocabulary": "project_type"})]
TimeUnit = Annotated[str, Meta(extra={"vocabulary": "time_unit"})]
Necessity = Annotated[str, Meta(extra={"vocabulary": "necessity"})]
MaterialSource = Annotated[str, Meta(extra={"vocabulary": "material_source"})]
MaterialOffline = Annotated[str, Meta(extra={"vocabulary": "material_offline"})]
ReuseScope = Annotated[str, Meta(extra={"vocabulary": "reuse_scope"})]
OriginalForm = Annotated[str, Meta(extra={"vocabulary": "original_form"})]
Signature = Annotated[str, Meta(extra={"vocabulary": "signature"})]
FieldGroup = Annotated[str, Meta(extra={"vocabulary": "field_group"})]
Prefill = Annotated[str, Meta(extra={"vocabulary": "prefill"})]
DataSource = Annotated[str, Meta(extra={"vocabulary": "data_source"})]
Mask = Annotated[str, Meta(extra={"vocabulary": "mask"})]
InputMethod = Annotated[str, Meta(extra={"vocabulary": "input_method"})]
Keypad = Annotated[str, Meta(extra={"vocabulary": "keypad"})]
Pattern = Annotated[str, Meta(extra={"vocabulary": "pattern"})]
Charset = Annotated[str, Meta(extra={"vocabulary": "charset"})]
Checksum = Annotated[str, Meta(extra={"vocabulary": "checksum"})]
CrossCheck = Annotated[str, Meta(extra={"vocabulary": "cross_check"})]
PlatformCheck = Annotated[str, Meta(extra={"vocabulary": "platform_check"})]
CheckRule = Annotated[str, Meta(extra={"vocabulary": "check_rule"})]
CheckOnFail = Annotated[str, Meta(extra={"vocabulary": "check_on_fail"})]
FeeKind = Annotated[str, Meta(extra={"vocabulary": "fee_kind"})]
PayAt = Annotated[str, Meta(extra={"vocabulary": "pay_at"})]
PayChannel = Annotated[str, Meta(extra={"vocabulary": "pay_channel"})]
PaymentItem = Annotated[str, Meta(extra={"vocabulary": "payment_item"})]
Delivery = Annotated[str, Meta(extra={"vocabulary": "delivery"})]
ResultType = Annotated[str, Meta(extra={"vocabulary": "result_type"})]
OfflineMode = Annotated[str, Meta(extra={"vocabulary": "offline_mode"})]
KioskStep = Annotated[str, Meta(extra={"vocabulary": "kiosk_step"})]

PAGE_CODE = "page_code."
"""How a field's `prefill` begins that a code on a scanned paper may fill; the material's code follows."""

SCANNED_SOURCES = frozenset({"scan", "camera", "library", "e_licence", "agent_upload", "witness_statement"})
"""What ends in a scan for now: library and licences are not asked yet, photographs are laid on the desk."""


class FieldType(StrEnum):
    """The 25 kinds of form field (vocabulary `field_type`)."""

    NAME = "name"
    TEXT = "text"
    ID_NUMBER = "id_number"
    ID_OR_USCC = "id_or_uscc"
    USCC = "uscc"
    PHONE = "phone"
    DATE = "date"
    MONTH = "month"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    ENUM = "enum"
    MULTI_ENUM = "multi_enum"
    ENUM_TREE = "enum_tree"
    BOOL = "bool"
    ADDRESS = "address"
    REGION = "region"
    BANK_ACCOUNT = "bank_account"
    REPEAT = "repeat"
    GROUP = "group"
    CONSENT = "consent"
    DELIVERY_CHOICE = "delivery_choice"
    SITE_CHOICE = "site_choice"
    APPOINTMENT_SLOT = "appointment_slot"
    AGENT_REF = "agent_ref"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of all parts of the catalogue: unknown keys are mistakes."""


class Labelled(Part, frozen=True, kw_only=True):
    """Something with a name in both languages, `zh` and `en`."""

    zh: Text
    en: Text

    def label(self, locale: str) -> str:
        """Return the name in the locale."""
        return self.en if locale == "en" else self.zh


class Named(Part, frozen=True, kw_only=True):
    """Something with a name in both languages, `name_zh` and `name_en`."""

    name_zh: Text
    name_en: Text

    def name(self, locale: str) -> str:
        """Return the name in the locale."""
        return self.name_en if locale == "en" else self.name_zh


class Region(Named, frozen=True, kw_only=True):
    """A county or the city, by its division code."""

    code: Annotated[str, Meta(pattern=r"^\d{6}(\d{3}|\d{6})?$")]


class Department(Named, frozen=True, kw_only=True):
    """Who decides."""

    code: Key


class Word(Labelled, frozen=True, kw_only=True):
    """One value of a vocabulary."""

    value: Text
    basis: str = ""
    regex: str = ""  # vocabulary `pattern` only
    offline: Annotated[str, Meta(extra={"vocabulary": "check_offline"})] = ""  # vocabulary `check_rule` only


class Rule(Labelled, frozen=True, kw_only=True):
    """A rule of the catalogue in words, for people who read it."""

    code: Key


class Option(Labelled, frozen=True, kw_only=True):
    """One choice of a field. `parent` makes a tree of them."""

    value: Text
    parent: str = ""


class Validation(Part, frozen=True, kw_only=True):
    """What a field's answer must be. Bounds are numbers, dates, date words or keys of other fields."""

    regex: str = ""
    pattern: Pattern = ""
    charset: Charset = ""
    min: Bound | None = None
    max: Bound | None = None
    scale: Count | None = None
    min_length: Count = 0
    max_length: Count = 0  # 0 = the type's own limit
    min_items: Count = 0
    max_items: Count = 0  # 0 = no limit
    unique_in: str = ""
    not_equal: str = ""
    checksum: Checksum = ""
    checksum_any: tuple[Checksum, ...] = ()
    cross_check: CrossCheck = ""
    platform_check: PlatformCheck = ""
    region_prefix: str = ""
    region_level: Literal["", "county", "town", "village"] = ""
    owner_must_equal: str = ""
    must_scroll_to_end: bool = False
    note_zh: str = ""


class DerivedCase(Part, frozen=True, kw_only=True):
    """One case of a derived value: from this number on."""

    min: int
    value: Text


class Derived(Part, frozen=True, kw_only=True):
    """A value the kiosk works out by itself."""

    source: Literal["age"] = msgspec.field(name="from")
    cases: tuple[DerivedCase, ...]


class Field(Part, frozen=True, kw_only=True):
    """One field of a form. `fields` are the parts of a repeat, a group, a delivery choice or a region."""

    key: Key
    label_zh: Text
    label_en: Text
    type: FieldType
    required: bool
    group: FieldGroup = ""
    required_if: ConditionText = ""
    prefill: Prefill = ""
    readonly_if_prefilled: bool = False
    readonly: bool = False
    mask_on_screen: Mask = ""
    keypad: Keypad = ""
    input: tuple[InputMethod, ...] = ()
    default: bool | int | str = ""
    derived: Derived | None = None
    data_source: DataSource = ""
    options_from: Literal["", "item.delivery", "counties"] = ""
    options: tuple[Option, ...] = ()
    fields: tuple[Field, ...] = ()
    validation: Validation = Validation()

    def label(self, locale: str) -> str:
        """Return the field's name in the locale."""
        return self.label_en if locale == "en" else self.label_zh


class Check(Part, frozen=True, kw_only=True):
    """One machine-checkable part of a condition for taking a case."""

    rule: CheckRule
    on_fail: CheckOnFail
    source: tuple[Text, ...] = ()
    value: bool | int | str | tuple[str, ...] = ""
    when: ConditionText = ""
    exempt_situations: tuple[str, ...] = ()
    message_zh: str = ""
    message_en: str = ""
    by_zh: str = ""


class AcceptCondition(Labelled, frozen=True, kw_only=True):
    """受理条件: a sentence, and the checks that stand for it."""

    checks: tuple[Check, ...]


class Derive(Part, frozen=True, kw_only=True):
    """When a situation is the person's, worked out by the kiosk."""

    age_min: int | None = None
    age_max: int | None = None
    face_used: bool | None = None


class Situation(Labelled, frozen=True, kw_only=True):
    """A branch of an item that changes materials and fields."""

    code: Key
    derive: Derive | None = None


DEFAULT_PAGES = (1, 6)


class PageLimits(Part, frozen=True, kw_only=True):
    """How many pages a material has."""

    min: Annotated[int, Meta(ge=1)]
    max: Annotated[int, Meta(ge=1)]


class Material(Named, frozen=True, kw_only=True):
    """One paper, form or reference an item asks for."""

    code: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9-]{0,39}$")]
    source: MaterialSource
    necessity: Necessity
    required_if: ConditionText = ""
    fallback: tuple[MaterialSource, ...]
    offline: MaterialOffline
    reuse_scope: ReuseScope
    original_form: OriginalForm = ""
    pages: PageLimits | None = None
    signature: Signature = ""
    validity_zh: str = ""
    output: Literal["", "PDF"] = ""
    spec_zh: str = ""
    repeat: bool = False
    max_size: Literal["", "A3", "A4"] = ""
    uploaded_by_zh: str = ""


class LaterCharge(Part, frozen=True, kw_only=True):
    """Money that falls due after the case, in yuan, as an example."""

    amount_example_cny: Count
    pay_at: PayAt
    channels: tuple[PayChannel, ...]
    payment_item: PaymentItem


class Fee(Part, frozen=True, kw_only=True):
    """What it costs, in whole yuan. No amount where a notice says it."""

    kind: FeeKind
    amount_cny: Count | None = None
    basis_zh: Text
    pay_at: PayAt
    channels: tuple[PayChannel, ...]
    by_situation: dict[str, int] = {}
    payment_item: PaymentItem = ""
    invoice_zh: str = ""
    later_charge: LaterCharge | None = None


class TimeLimit(Part, frozen=True, kw_only=True):
    """法定 and 承诺 time limits, in `unit`, from the day the platform accepts the case."""

    project_type: ProjectType
    legal_limit: Count
    promised_limit: Count
    unit: TimeUnit
    note_zh: str = ""


class Result(Named, frozen=True, kw_only=True):
    """What comes out."""

    type: ResultType
    format_zh: str = ""
    push_zh: str = ""
    copies_limit_per_day: Count = 0  # 0 = no limit


class Offline(Part, frozen=True, kw_only=True):
    """What can be done without a network, and why."""

    mode: OfflineMode
    note_zh: Text
    note_en: Text

    def note(self, locale: str) -> str:
        """Return the reason in the locale."""
        return self.note_en if locale == "en" else self.note_zh


class ServiceItem(Named, frozen=True, kw_only=True):
    """政务服务事项: one thing people can apply for. Its code is opaque and never parsed."""

    item_code: Annotated[str, Meta(min_length=1, max_length=64)]
    official_code: str = ""
    task_version: Annotated[int, Meta(ge=1)]
    department: Annotated[str, Meta(extra={"vocabulary": "department"})]
    co_departments: tuple[Annotated[str, Meta(extra={"vocabulary": "department"})], ...]
    task_type: TaskType
    window_class: WindowClass
    life_field: LifeField
    grass_roots_system: GrassRoots = ""
    service_object: tuple[ServiceObject, ...]
    visits: Visits
    sites: tuple[Site, ...]
    channels: tuple[Channel, ...]
    citywide: bool
    agent_allowed: bool
    agent_scope_zh: str = ""
    identity_level: IdentityLevel
    elder_featured: bool
    bank_featured: bool
    accept_conditions: tuple[AcceptCondition, ...]
    situation_mode: SituationMode
    situations: tuple[Situation, ...]
    materials: tuple[Material, ...]
    form: tuple[Field, ...]
    fee: Fee
    time: TimeLimit
    delivery: tuple[Delivery, ...]
    result: Result
    offline: Offline
    kiosk_flow: tuple[KioskStep, ...]
    step_conditions: dict[KioskStep, ConditionText]
    notes_zh: tuple[str, ...]

    def situation(self, code: str) -> Situation | None:
        """Return the situation of that code, or None for an unknown or empty one."""
        return next((entry for entry in self.situations if entry.code == code), None)

    def material(self, code: str) -> Material | None:
        """Return the material of that code, or None."""
        return next((entry for entry in self.materials if entry.code == code), None)

    def __repr__(self) -> str:
        return f"ServiceItem({self.item_code!r})"


class Expressions(Part, frozen=True, kw_only=True):
    """The language of conditions in words, for people who write the catalogue."""

    condition: Labelled
    variables: tuple[str, ...]
    operators: tuple[str, ...]
    dates: tuple[str, ...]
    date_offsets: str
    used_in: tuple[str, ...]


class Header(Part, frozen=True, kw_only=True):
    """`catalogue.yaml`: what all items share."""

    notice_zh: Text
    notice_en: Text
    schema_version: Literal[1]
    catalogue_version: Annotated[str, Meta(pattern=r"^[ -~]{1,32}$")]  # `cat` of the sealed header, ASCII
    region: Region
    counties: tuple[Region, ...]
    rules: tuple[Rule, ...] = ()
    expressions: Expressions | None = None
    departments: tuple[Department, ...]
    delivery_choice_fields: tuple[Field, ...]
    region_fields: tuple[Field, ...] = ()
    code_tables: dict[DataSource, tuple[Option, ...]] = {}
