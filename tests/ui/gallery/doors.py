"""The way in: attract, home, search, guide, card, notice, situation."""

from __future__ import annotations

from kiosk.session.view import Action, Field, Note, Row, Tile, View
from tests.ui.gallery.common import CLASSES, LIVES, Say, focused, steps, ways_out


def doors(say: Say) -> dict[str, View]:
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
        actions=ways_out(say)[1:],
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
            actions=ways_out(say),
        ),
        "search": View(
            screen="search",
            title=say("请输入要办的事", "Type what you need"),
            query="津贴",
            fields=(focused(search, "津贴"),),
            tiles=tuple(
                Tile(f"item:{n}", say(zh, en), icon=icon, badge=say(badge, trip))
                for n, (zh, en, icon, badge, trip) in enumerate(items[:3])
            ),
            actions=ways_out(say),
        ),
        "guide": View(
            screen="guide",
            title=say("高龄津贴申领", "Old-age allowance"),
            lead=say("不用跑一次 · 在这里就能办完", "No trip needed: all of it is done here"),
            steps=steps("guide", say),
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
            actions=ways_out(say, Action("apply", say("我要申请", "Apply now"), "primary")),
        ),
        "identify": View(
            screen="identify",
            title=say("放上身份证", "Lay down your ID card"),
            lead=say("放在亮灯的地方，先别拿走", "On the lit field; please leave it there"),
            steps=steps("identify", say),
            picture="card",
            notes=(Note("wipe", say("读不出时，请擦净后再放一次", "If it cannot be read, wipe it and try again")),),
            actions=ways_out(say),
        ),
        "identify-reading": View(
            screen="identify",
            title=say("正在读取，请勿拿走", "Reading, please do not remove"),
            steps=steps("identify", say),
            picture="reading",
            notes=(
                Note("f01", say("没读到证件，请擦净后再放一次", "Card not read, please wipe it and try again"), "care"),
            ),
            actions=ways_out(say),
        ),
        "notice": View(
            screen="notice",
            title=say("请看完再选择", "Please read, then choose"),
            lead=say("您的信息怎样使用", "How your data are used"),
            steps=steps("notice", say),
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
            actions=ways_out(
                say,
                Action("refuse", say("不同意，退出", "I do not agree")),
                Action("agree", say("同意并继续", "Agree and go on"), "primary"),
            ),
        ),
        "situation": View(
            screen="situation",
            title=say("请选择您的情况", "Which applies to you?"),
            steps=steps("notice", say),
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
            actions=ways_out(say, Action("next", say("下一步", "Next"), "primary")),
        ),
    }
