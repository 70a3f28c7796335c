"""One realistic view of every screen, in Chinese and English: the old-age allowance, with long texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from kiosk.session.view import Action, Field, Note, Option, Row, ScanView, Step, Tile, Top, View

Say = Callable[[str, str], str]

CLASSES = (
    ("投资项目", "Investment projects"),
    ("不动产登记", "Real-estate registration"),
    ("商事登记", "Business registration"),
    ("社会事务", "Social affairs"),
    ("医保社保", "Medical and social insurance"),
    ("公安服务", "Public-security services"),
    ("其他综合事务", "Other general matters"),
)
LIVES = (
    ("教育", "Education"),
    ("医疗", "Medical care"),
    ("社保", "Social insurance"),
    ("户籍", "Household registration"),
    ("养老", "Old age"),
    ("住房", "Housing"),
    ("交通", "Transport"),
    ("环保", "Environment"),
    ("食品安全", "Food safety"),
    ("公共服务", "Public service"),
)
BANKS = (
    ("农商银行", "Rural Commercial Bank"),
    ("工商银行", "ICBC"),
    ("农业银行", "Agricultural Bank"),
    ("中国银行", "Bank of China"),
    ("建设银行", "Construction Bank"),
    ("邮储银行", "Postal Savings Bank"),
    ("嘉兴银行", "Bank of Jiaxing"),
    ("其他", "other"),
)
STEPS = (
    ("guide", "指南", "Guide"),
    ("identify", "刷证", "Card"),
    ("notice", "告知", "Notice"),
    ("form", "填表", "Form"),
    ("materials", "材料", "Papers"),
    ("review", "核对", "Check"),
    ("sign", "签名", "Sign"),
    ("slip", "凭条", "Slip"),
)


def views(locale: Literal["zh", "en"]) -> dict[str, View]:
    """Return the views by name; the name begins with the screen's."""

    def say(zh: str, en: str) -> str:
        return en if locale == "en" else zh

    made = {
        **_doors(say),
        **_forms(say),
        **_papers(say),
        **_ends(say),
    }
    return {name: _complete(view, locale, say, is_offline=name in ("slip", "trouble")) for name, view in made.items()}


def _complete(view: View, locale: Literal["zh", "en"], say: Say, *, is_offline: bool) -> View:
    import msgspec

    top = Top(
        station=say("新丰镇竹林村便民服务站", "Zhulin Village Service Station, Xinfeng"),
        clock="10:24",
        network=say("离线收件中", "Offline, still taking papers") if is_offline else say("在线", "Online"),
        is_online=not is_offline,
        notice=view.top.notice,
    )
    return msgspec.structs.replace(view, locale=locale, top=top)


def _steps(now: str, say: Say) -> tuple[Step, ...]:
    place = [key for key, _, _ in STEPS].index(now)
    words: tuple[Literal["done", "now", "ahead"], ...] = ("done", "now", "ahead")
    return tuple(Step(key, say(zh, en), words[1 + (n > place) - (n < place)]) for n, (key, zh, en) in enumerate(STEPS))


def _around(say: Say, *more: Action) -> tuple[Action, ...]:
    return (
        Action("back", say("返回", "Back"), "back"),
        Action("help", say("帮助", "Help"), "help"),
        Action("end", say("结束", "End"), "end"),
        *more,
    )


def _doors(say: Say) -> dict[str, View]:
    search = Field(
        "search",
        say("搜索", "Search"),
        "text",
        hint=say("想办什么事？点这里输入", "What would you like to do?"),
        keyboard="pinyin",
    )
    home = View(
        screen="home",
        title=say("请选择要办的事", "What would you like to do?"),
        fields=(search,),
        tiles=tuple(
            Tile(
                f"window:{zh}",
                say(zh, en),
                icon="",
                is_enabled=zh != "投资项目",
                reason=say("本站暂不办理", "Not offered at this station"),
            )
            for zh, en in CLASSES
        ),
        life_tiles=tuple(Tile(f"life:{zh}", say(zh, en)) for zh, en in LIVES),
        actions=_around(say)[1:],
    )
    items = (
        ("高龄津贴申领", "Old-age allowance", "社会事务", "不用跑一次", "No trip needed"),
        (
            "困难残疾人生活补贴和重度残疾人护理补贴申请",
            "Allowances for disabled residents",
            "社会事务",
            "就近跑一次",
            "One trip",
        ),
        ("城乡居民基本医疗保险参保登记", "Resident medical insurance", "医保社保", "不用跑一次", "No trip needed"),
        ("老年优待证办理", "Senior citizen card", "社会事务", "最多跑一次", "One trip at most"),
        ("无房证明打印", "Certificate of no real estate", "不动产登记", "不用跑一次", "No trip needed"),
        ("居住证申领", "Residence permit", "公安服务", "最多跑一次", "One trip at most"),
        ("生育登记", "Birth registration", "社会事务", "不用跑一次", "No trip needed"),
        ("门诊费用零星报销", "Refund of outpatient costs", "医保社保", "就近跑一次", "One trip"),
        ("新生儿落户", "Register a newborn", "公安服务", "最多跑一次", "One trip at most"),
    )
    return {
        "attract": View(
            screen="attract",
            title=say("点一下，开始办事", "Touch to begin"),
            lead=say("每天 8:00–20:00，证件放上就能办", "Every day 8:00–20:00. Bring your ID card."),
            rows=(
                Row(
                    "apply",
                    say("办津贴、医保、证明等 26 件事", "26 services: allowances, insurance, certificates"),
                    icon="document",
                ),
                Row("scan", say("材料当场扫描，不用复印", "Papers are scanned here, no copies needed"), icon="scan"),
                Row(
                    "offline",
                    say("断网也能收件，有网自动上报", "Works without network, sends by itself later"),
                    icon="stored",
                ),
            ),
            actions=(Action("help", say("帮助", "Help"), "help"), Action("start", say("开始办事", "Begin"), "primary")),
        ),
        "home": home,
        "home-items": View(
            screen="home",
            title=say("社会事务", "Social affairs"),
            lead=say("请选择要办的事", "Choose a service"),
            fields=(search,),
            tiles=tuple(
                Tile(
                    f"item:{n}",
                    say(zh, en),
                    icon=icon,
                    caption=say("约 5 分钟", "About 5 minutes"),
                    badge=say(badge, trip),
                    is_enabled=n != 4,
                    reason=say("网络暂断，此事需联网", "No network; this service needs it"),
                )
                for n, (zh, en, icon, badge, trip) in enumerate(items)
            ),
            actions=_around(say),
        ),
        "search": View(
            screen="search",
            title=say("请输入要办的事", "Type what you need"),
            query="津贴",
            fields=(_focused(search, "津贴"),),
            tiles=tuple(
                Tile(f"item:{n}", say(zh, en), icon=icon, badge=say(badge, trip))
                for n, (zh, en, icon, badge, trip) in enumerate(items[:3])
            ),
            actions=_around(say),
        ),
        "guide": View(
            screen="guide",
            title=say("高龄津贴申领", "Old-age allowance"),
            lead=say("不用跑一次 · 在这里就能办完", "No trip needed: all of it is done here"),
            steps=_steps("guide", say),
            notes=(Note("online", say("内容更新于 2026 年 11 月 20 日", "Updated on 20 November 2026")),),
            rows=(
                Row(
                    "c1",
                    say("本市户籍且年满 80 周岁", "Jiaxing household registration and 80 or older"),
                    section=say("谁能办", "Who can apply"),
                    icon="check",
                ),
                Row(
                    "m1",
                    say("居民身份证", "Resident ID card"),
                    section=say("带什么", "What to bring"),
                    icon="card",
                    mood="good",
                    state=say("刷卡读取", "Read here"),
                ),
                Row(
                    "m2",
                    say("居民户口簿", "Household register"),
                    section=say("带什么", "What to bring"),
                    icon="document",
                    state=say("可后补", "May follow"),
                ),
                Row(
                    "m3",
                    say("本人银行卡或社保卡", "Bank or social-security card"),
                    section=say("带什么", "What to bring"),
                    icon="scan",
                    mood="care",
                    state=say("需扫描", "To scan"),
                ),
                Row(
                    "t1",
                    say("承诺时限", "Promised within"),
                    say("5 个工作日，自平台受理之日起算", "5 working days, from acceptance by the platform"),
                    section=say("多久、多少钱", "Time and fee"),
                    icon="clock",
                ),
                Row(
                    "t2",
                    say("费用", "Fee"),
                    say("免费", "Free"),
                    section=say("多久、多少钱", "Time and fee"),
                    icon="money",
                ),
                Row(
                    "t3",
                    say("怎样领取", "How it comes"),
                    say("直接发放到账户", "Paid into your account"),
                    section=say("多久、多少钱", "Time and fee"),
                    icon="slip",
                ),
            ),
            actions=_around(say, Action("apply", say("我要申请", "Apply now"), "primary")),
        ),
        "identify": View(
            screen="identify",
            title=say("放上身份证", "Lay down your ID card"),
            lead=say("放在亮灯的地方，先别拿走", "On the lit field; please leave it there"),
            steps=_steps("identify", say),
            picture="card",
            notes=(Note("wipe", say("读不出时，请擦净后再放一次", "If it cannot be read, wipe it and try again")),),
            actions=_around(say),
        ),
        "identify-reading": View(
            screen="identify",
            title=say("正在读取，请勿拿走", "Reading, please do not remove"),
            steps=_steps("identify", say),
            picture="reading",
            notes=(
                Note("f01", say("没读到证件，请擦净后再放一次", "Card not read, please wipe it and try again"), "care"),
            ),
            actions=_around(say),
        ),
        "notice": View(
            screen="notice",
            title=say("请看完再选择", "Please read, then choose"),
            lead=say("您的信息怎样使用", "How your data are used"),
            steps=_steps("notice", say),
            rows=(
                Row(
                    "r",
                    say("读什么", "What is read"),
                    say(
                        "身份证上的姓名、号码、住址和照片，只用于办这件事。",
                        "Name, number, address and portrait on your ID card, for this service only.",
                    ),
                    icon="card",
                ),
                Row(
                    "s",
                    say("发给谁", "Who receives it"),
                    say(
                        "加密后发给市政务服务平台，由民政部门办理。",
                        "Sealed and sent to the city platform; the civil affairs office decides.",
                    ),
                    icon="sent",
                ),
                Row(
                    "k",
                    say("留多久", "How long it is kept"),
                    say("平台确认收到后，本机立即删除。", "This terminal deletes it once the platform confirms."),
                    icon="lock",
                ),
            ),
            actions=_around(
                say,
                Action("refuse", say("不同意，退出", "I do not agree")),
                Action("agree", say("同意并继续", "Agree and go on"), "primary"),
            ),
        ),
        "situation": View(
            screen="situation",
            title=say("请选择您的情况", "Which applies to you?"),
            steps=_steps("notice", say),
            tiles=(
                Tile("situation:self", say("本人参保", "For myself"), icon="person"),
                Tile(
                    "situation:family",
                    say("为家庭成员参保", "For a family member"),
                    say("需要家人的身份证", "Their ID card is needed"),
                    icon="social",
                    is_selected=True,
                ),
                Tile(
                    "situation:newborn",
                    say("新生儿参保", "For a newborn"),
                    say("出生 90 天以内", "Within 90 days of birth"),
                    icon="household",
                ),
            ),
            actions=_around(say, Action("next", say("下一步", "Next"), "primary")),
        ),
    }


def _focused(field: Field, display: str) -> Field:
    import msgspec

    return msgspec.structs.replace(field, is_focused=True, display=display)


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


def _forms(say: Say) -> dict[str, View]:
    around = _around(say, Action("next", say("下一步", "Next"), "primary"))
    asking = View(
        screen="form",
        title=say("联系方式", "How to reach you"),
        lead=say("第 2 组，共 3 组", "Group 2 of 3"),
        steps=_steps("form", say),
        fields=fields(say),
        actions=around,
        page=1,
        pages=3,
    )

    def focusing(key: str, display: str = "") -> View:
        import msgspec

        changed = tuple(
            _focused(field, display or field.display) if field.key == key else field for field in asking.fields
        )
        return msgspec.structs.replace(asking, fields=changed)

    import msgspec

    return {
        "form-card": View(
            screen="form",
            title=say("请核对", "Please check"),
            lead=say("这些来自身份证，不用填写", "From your ID card, nothing to type"),
            steps=_steps("form", say),
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
                *_around(say),
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


def _papers(say: Say) -> dict[str, View]:
    live = ScanView(
        material="M-BANK",
        page=1,
        page_limit=1,
        sentence=say("请放平，先别动", "Lay it flat and hold still"),
        outline=(0.22, 0.2, 0.78, 0.24, 0.76, 0.82, 0.2, 0.78),
        is_live=True,
        mood="care",
    )
    import msgspec

    return {
        "materials": View(
            screen="materials",
            title=say("还差 1 份材料", "One paper is still needed"),
            steps=_steps("materials", say),
            rows=(
                Row(
                    "M-ID", say("居民身份证", "Resident ID card"), icon="card", mood="good", state=say("已读取", "Read")
                ),
                Row(
                    "M-HUKOU",
                    say("居民户口簿", "Household register"),
                    icon="document",
                    mood="care",
                    state=say("可后补", "May follow"),
                    action="scan",
                    action_label=say("扫描", "Scan"),
                ),
                Row(
                    "M-BANK",
                    say("本人银行卡或社保卡", "Bank or social-security card"),
                    icon="scan",
                    mood="care",
                    state=say("需扫描", "To scan"),
                    action="scan",
                    action_label=say("扫描", "Scan"),
                ),
                Row(
                    "M-FORM",
                    say("申请表", "Application form"),
                    say("由平台生成，签名后提交", "Made by the platform, signed by you"),
                    icon="edit",
                    mood="plain",
                    state=say("自动生成", "Made for you"),
                ),
            ),
            actions=_around(
                say,
                Action("defer", say("户口簿以后再补", "Bring the register later"), value="M-HUKOU"),
                Action(
                    "next",
                    say("下一步", "Next"),
                    "primary",
                    is_enabled=False,
                    reason=say("还有 1 份必要材料没有扫描", "One required paper is not scanned yet"),
                ),
            ),
        ),
        "scan": View(
            screen="scan",
            title=say("放上本人银行卡/社保卡", "Lay down the bank card"),
            lead=say("正面朝上，四角都放进框里", "Face up, all corners inside the frame"),
            steps=_steps("materials", say),
            picture="paper",
            scan=live,
            actions=_around(say, Action("shoot", say("拍下这一页", "Take this page"), "primary")),
        ),
        "scan-again": View(
            screen="scan",
            title=say("请放上：户口簿本人页", "Lay down: register page"),
            lead=say("一次一页，正面朝上", "One page at a time, face up"),
            steps=_steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("这一页好像拍过了，请换下一页", "This page seems to be taken already. Put the next one"),
                thumbnails=("M-BANK/0", "M-BANK/1"),
                page=3,
                page_limit=6,
            ),
            actions=_around(
                say,
                Action("retake", say("重拍上一页", "Retake the last page")),
                Action("shoot", say("就要这一页", "Take it anyway")),
                Action("done", say("这份扫完了", "This paper is done"), "primary"),
            ),
        ),
        "scan-refused": View(
            screen="scan",
            title=say("请放上：居民户口簿", "Lay down: Household register"),
            lead=say("一次一页，正面朝上", "One page at a time, face up"),
            steps=_steps("materials", say),
            notes=(
                Note(
                    "refused",
                    say(
                        "这一页不清楚：请转一点，避开反光",
                        "This page is not clear: Turn it a little, away from the light",
                    ),
                    "care",
                ),
            ),
            scan=msgspec.structs.replace(
                live,
                sentence=say("这一页拍好了，请拿开或换下一页", "This page is taken. Take it away or put the next one"),
                thumbnails=("M-BOOK/0",),
                page=2,
                page_limit=6,
            ),
            actions=(
                *_around(say)[:2],
                Action("keep", say("就用这一页", "Use this page")),
                Action("retake", say("重拍上一页", "Retake the last page")),
                Action("shoot", say("拍下这一页", "Take this page")),
                Action("done", say("这份扫完了", "This paper is done"), "primary"),
            ),
        ),
        "scan-kept": View(
            screen="scan",
            title=say("拍好了，清楚吗？", "Taken. Is it clear?"),
            steps=_steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("这一页很清楚", "This page is clear"),
                mood="good",
                thumbnails=("M-BANK/0", "M-BANK/1"),
                page=2,
                page_limit=6,
            ),
            actions=_around(
                say,
                Action("retake", say("重拍", "Take again")),
                Action("shoot", say("再拍一页", "One more page")),
                Action("done", say("就用这些", "Use these"), "primary"),
            ),
        ),
        "scan-move": View(
            screen="scan",
            title=say("请放上：居民户口簿", "Lay down: Household register"),
            lead=say("一次一页，正面朝上", "One page at a time, face up"),
            steps=_steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("请往中间挪，露出四个角", "Move it in: four corners must show"),
                mood="plain",
                thumbnails=("M-BOOK/0",),
                page=2,
                page_limit=6,
            ),
            actions=(
                *_around(say)[:2],
                Action("retake", say("重拍上一页", "Retake the last page")),
                Action("shoot", say("拍下这一页", "Take this page")),
                Action("done", say("这份扫完了", "This paper is done"), "primary"),
            ),
        ),
        "review": View(
            screen="review",
            title=say("请核对要提交的内容", "Please check what will be sent"),
            lead=say("有网后自动上报，无需重复办理", "Sent by itself; no need to apply again"),
            steps=_steps("review", say),
            rows=(
                Row(
                    "item",
                    say("事项", "Service"),
                    say("高龄津贴申领（80–89 周岁）", "Old-age allowance (80–89)"),
                    section=say("办什么", "What"),
                    icon="document",
                ),
                Row(
                    "name",
                    say("申请人", "Applicant"),
                    "沈阿宝 · 330402********1234",
                    section=say("谁来办", "Who"),
                    icon="person",
                ),
                Row(
                    "addr",
                    say("现居住地址", "Present address"),
                    "浙江省嘉兴市南湖区新丰镇竹林村沈家浜12号",
                    section=say("谁来办", "Who"),
                    action="edit",
                    action_label=say("修改", "Change"),
                ),
                Row(
                    "phone",
                    say("联系手机", "Mobile phone"),
                    "138 0573 8899",
                    section=say("谁来办", "Who"),
                    action="edit",
                    action_label=say("修改", "Change"),
                ),
                Row(
                    "bank",
                    say("银行账号", "Bank account"),
                    "6228 4803 2156 7788 901",
                    section=say("发到哪里", "Where to"),
                    action="edit",
                    action_label=say("修改", "Change"),
                ),
                Row(
                    "m1",
                    say("居民身份证", "Resident ID card"),
                    section=say("材料 3 份", "3 papers"),
                    icon="card",
                    mood="good",
                    state=say("已读取", "Read"),
                ),
                Row(
                    "m2",
                    say("本人银行卡或社保卡", "Bank or social-security card"),
                    section=say("材料 3 份", "3 papers"),
                    icon="scan",
                    mood="good",
                    state=say("1 页", "1 page"),
                ),
                Row(
                    "m3",
                    say("居民户口簿", "Household register"),
                    section=say("材料 3 份", "3 papers"),
                    icon="document",
                    mood="care",
                    state=say("可后补", "May follow"),
                ),
            ),
            read_on=say("继续看", "Read on"),
            actions=_around(say, Action("confirm", say("确认无误", "All is correct"), "primary")),
        ),
        "sign": View(
            screen="sign",
            title=say("请用手指签名", "Sign with your finger"),
            lead=say(
                "我承诺所填内容和材料真实、有效。", "I declare that what I have filled in and handed over is true."
            ),
            steps=_steps("sign", say),
            picture="hand_sign",
            has_signature=True,
            signature_ink=(
                (0.2, 0.3, 0.24, 0.55, 0.28, 0.35, 0.33, 0.6, 0.38, 0.3),
                (0.45, 0.3, 0.5, 0.5, 0.55, 0.62, 0.6, 0.3, 0.66, 0.66, 0.72, 0.4),
            ),
            actions=_around(
                say,
                Action("clear_signature", say("重签", "Sign again")),
                Action("sign_done", say("签好了，提交", "Signed, submit"), "primary"),
            ),
        ),
    }


def _ends(say: Say) -> dict[str, View]:
    import msgspec

    sealing = View(
        screen="sealing",
        title=say("正在保存，请稍候", "Saving, please wait"),
        lead=say("证件和材料先别拿走", "Please leave your card and papers"),
        picture="sealing",
        progress=0.45,
        progress_text=say("正在加密您的材料", "Sealing your papers"),
        steps=_steps("slip", say),
    )
    return {
        "sealing": sealing,
        "delivering": msgspec.structs.replace(
            sealing,
            screen="delivering",
            title=say("已存好，正在上报", "Stored; sending now"),
            picture="delivering",
            progress=0.8,
            progress_text=say("已发出 3 份材料，共 4 份，约剩 8 秒", "3 of 4 papers sent, about 8 seconds left"),
        ),
        "slip": View(
            screen="slip",
            title=say("已收好，有网后自动上报", "Stored; it will be sent by itself"),
            lead=say("请记下号码，无需重复办理", "Note the number; no need to apply again"),
            steps=_steps("slip", say),
            number="0330-2611-2300017",
            code="JB1:0330-2611-2300017:K7Q4",
            rows=(
                Row(
                    "kind",
                    say("收件凭证", "Intake slip"),
                    say("本凭证不代表已受理", "This does not mean that your case has been accepted"),
                    icon="slip",
                ),
                Row(
                    "next",
                    say("接下来", "What comes next"),
                    say(
                        "平台收到后，凭身份证在任一终端查询。",
                        "Once the platform has it, ask at any terminal with your card.",
                    ),
                    icon="clock",
                ),
                Row(
                    "help",
                    say("需要帮助", "Help"),
                    say(
                        "竹林村便民服务站 李文 0573-8312 0000", "Zhulin Village Service Station, Li Wen, 0573-8312 0000"
                    ),
                    icon="phone",
                ),
            ),
            actions=(
                Action("no_print", say("不打印，只看号码", "No paper, just the number")),
                Action("print", say("打印并结束", "Print and finish"), "primary"),
            ),
        ),
        "slip-delivered": View(
            screen="slip",
            title=say("平台已收到", "Received by the platform"),
            lead=say("请取走凭条", "Please take your slip"),
            picture="slip",
            notes=(
                Note(
                    "next", say("正在预审，要补材料会告诉您", "It is being looked at; you will be told what is missing")
                ),
            ),
            steps=_steps("slip", say),
            number="SIM-20261124-000001-1",
            code="JB1:SIM-20261124-000001-1:K7Q4",
            rows=(
                Row("case", say("办件编号", "Case number"), "SIM-20261124-000001-1"),
                Row("intake", say("收件流水号", "Intake number"), "K-000001-000001-E"),
            ),
            actions=(_around(say)[1], Action("finish", say("办完了", "Finish"), "primary")),
        ),
        "farewell": View(
            screen="farewell",
            title=say("请取走身份证、材料和凭条", "Take your card, papers and slip"),
            lead=say("谢谢，请慢走", "Thank you, and take care"),
            picture="farewell",
            actions=(Action("finish", say("都拿好了", "I have everything"), "primary"),),
        ),
        "trouble": View(
            screen="trouble",
            title=say("读卡暂不可用", "Card reading is not available"),
            lead=say("您已填的内容都还在", "What you have filled in is safe"),
            picture="trouble",
            notes=(
                Note(
                    "who",
                    say("请找工作人员 李文 0573-8312 0000", "Please ask our staff: Li Wen, 0573-8312 0000"),
                    "care",
                ),
                Note("tech", say("已通知维修人员", "The technician has been told")),
            ),
            actions=(*_around(say)[1:], Action("retry", say("再试一次", "Try again"), "primary")),
        ),
        "idle": View(
            screen="guide",
            title=say("高龄津贴申领", "Old-age allowance"),
            lead=say("不用跑一次", "No trip needed"),
            steps=_steps("guide", say),
            actions=_around(say, Action("apply", say("我要申请", "Apply now"), "primary")),
            countdown_s=27,
            countdown_text=say("您还在吗？", "Are you still there?"),
        ),
    }
