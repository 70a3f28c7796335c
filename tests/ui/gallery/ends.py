"""From sealing to farewell, and what goes wrong."""

from __future__ import annotations

import msgspec

from kiosk.session.view import Action, Note, Row, View
from tests.ui.gallery.common import Say, steps, ways_out


def ends(say: Say) -> dict[str, View]:

    sealing = View(
        screen="sealing",
        title=say("正在保存，请稍候", "Saving, please wait"),
        lead=say("证件和材料先别拿走", "Please leave your card and papers"),
        picture="sealing",
        progress=0.45,
        progress_text=say("正在加密您的材料", "Sealing your papers"),
        steps=steps("slip", say),
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
            steps=steps("slip", say),
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
            steps=steps("slip", say),
            number="SIM-20261124-000001-1",
            code="JB1:SIM-20261124-000001-1:K7Q4",
            rows=(
                Row("case", say("办件编号", "Case number"), "SIM-20261124-000001-1"),
                Row("intake", say("收件流水号", "Intake number"), "K-000001-000001-E"),
            ),
            actions=(ways_out(say)[1], Action("finish", say("办完了", "Finish"), "primary")),
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
            actions=(*ways_out(say)[1:], Action("retry", say("再试一次", "Try again"), "primary")),
        ),
        "idle": View(
            screen="guide",
            title=say("高龄津贴申领", "Old-age allowance"),
            lead=say("不用跑一次", "No trip needed"),
            steps=steps("guide", say),
            actions=ways_out(say, Action("apply", say("我要申请", "Apply now"), "primary")),
            countdown_s=27,
            countdown_text=say("您还在吗？", "Are you still there?"),
        ),
    }
