"""The form, one view for every kind of field."""

from __future__ import annotations

import msgspec

from kiosk.session.view import Action, Field, Option, View
from tests.ui.gallery.common import BANKS, Say, focused, steps, ways_out


def fields(say: Say) -> tuple[Field, ...]:
    """Return the contact group of the old-age allowance."""
    return (
        Field(
            "phone",
            say("联系手机", "Mobile phone"),
            "text",
            hint=say("11 位手机号码", "11 digits"),
            keyboard="digits",
            is_required=True,
        ),
        Field(
            "living_address",
            say("现居住地址", "Present address"),
            "text",
            display="",
            hint=say("镇、村、门牌号", "Town, village, number"),
            keyboard="pinyin",
            is_required=True,
        ),
        Field(
            "living_with",
            say("与谁同住", "Living with"),
            "choice",
            options=(
                Option("alone", say("独居", "Alone")),
                Option("spouse", say("配偶", "Spouse"), is_selected=True),
                Option("children", say("子女", "Children")),
                Option("home", say("养老机构", "Care home")),
            ),
            is_done=True,
        ),
        Field(
            "bank_account",
            say("银行账号", "Bank account"),
            "text",
            display="6228 4803 2156 7788",
            keyboard="digits",
            error=say("账号不对，请再核对", "This number is not right, please check"),
            is_required=True,
        ),
    )


def forms(say: Say) -> dict[str, View]:
    around = ways_out(say, Action("next", say("下一步", "Next"), "primary"))
    asking = View(
        screen="form",
        title=say("联系方式", "How to reach you"),
        lead=say("第 2 组，共 3 组", "Group 2 of 3"),
        steps=steps("form", say),
        fields=fields(say),
        actions=around,
        page=1,
        pages=3,
    )

    def focusing(key: str, display: str = "") -> View:
        import msgspec

        changed = tuple(
            focused(field, display or field.display) if field.key == key else field for field in asking.fields
        )
        return msgspec.structs.replace(asking, fields=changed)

    return {
        "form-card": View(
            screen="form",
            title=say("请核对", "Please check"),
            lead=say("这些来自身份证，不用填写", "From your ID card, nothing to type"),
            steps=steps("form", say),
            fields=(
                Field("name", say("申请人姓名", "Applicant name"), "text", "沈阿宝", is_locked=True, is_done=True),
                Field(
                    "id",
                    say("公民身份号码", "Citizen ID number"),
                    "text",
                    "330402********1234",
                    is_locked=True,
                    is_done=True,
                ),
                Field(
                    "sex",
                    say("性别", "Sex"),
                    "choice",
                    options=(Option("1", say("男", "male")), Option("2", say("女", "female"), is_selected=True)),
                    is_locked=True,
                    is_done=True,
                ),
                Field("birth", say("出生日期", "Date of birth"), "date", "1945-03-08", is_locked=True, is_done=True),
                Field(
                    "address",
                    say("户籍地址", "Address on the card"),
                    "text",
                    "浙江省嘉兴市南湖区新丰镇竹林村沈家浜12号",
                    is_locked=True,
                    is_done=True,
                ),
            ),
            actions=around,
        ),
        "form": asking,
        "form-bank": msgspec.structs.replace(
            asking,
            title=say("银行账户", "Bank account"),
            fields=(
                Field(
                    "bank",
                    say("开户银行", "Bank"),
                    "choice",
                    options=tuple(Option(str(n), say(*names), n == 2) for n, names in enumerate(BANKS)),
                    is_required=True,
                    error=say("请选择", "Please choose"),
                ),
                Field(
                    "account",
                    say("本人银行(社保卡)账号", "Applicant's bank or social-security card account"),
                    "text",
                    keyboard="digits",
                    is_required=True,
                ),
            ),
        ),
        "form-member": msgspec.structs.replace(
            asking,
            title=say("家庭成员", "Family members"),
            fields=(Field("member_name", say("姓名", "Name"), "text", keyboard="pinyin", is_required=True),),
            actions=(
                *ways_out(say),
                Action("read_further", say("刷家人身份证", "Read their ID card")),
                Action("add_entry", say("手工添加一人", "Type one in")),
                Action("next", say("下一步", "Next"), "primary"),
            ),
        ),
        "form-pinyin": focusing("living_address"),
        "form-digits": focusing("phone", "138 0573 88"),
        "form-date": msgspec.structs.replace(
            asking,
            fields=(
                Field(
                    "since",
                    say("入住日期", "Living there since"),
                    "date",
                    hint=say("请输入年月日", "Year, month, day"),
                    is_focused=True,
                ),
                Field(
                    "agree",
                    say("同意短信通知吗", "May we send you text messages?"),
                    "bool",
                    options=(
                        Option("true", say("同意", "Yes"), is_selected=True),
                        Option("false", say("不同意", "No")),
                    ),
                ),
                Field(
                    "declare",
                    "",
                    "notice",
                    say(
                        "我承诺以上内容属实，如有不实，愿承担相应责任。",
                        "I declare that the above is true and accept responsibility for it.",
                    ),
                ),
            ),
        ),
        "form-idnumber": msgspec.structs.replace(
            asking,
            fields=(
                Field(
                    "member_id",
                    say("家人的身份号码", "Family member's ID number"),
                    "text",
                    "330402 19520308 12",
                    keyboard="idnumber",
                    is_focused=True,
                    is_required=True,
                ),
            ),
        ),
        "form-english": msgspec.structs.replace(
            asking,
            fields=(Field("mail", say("电子邮箱", "E-mail"), "text", "shen", keyboard="english", is_focused=True),),
        ),
    }
