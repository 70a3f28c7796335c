"""Materials, the document camera, review and signature."""

from __future__ import annotations

import msgspec

from kiosk.session.view import Action, Note, Row, ScanView, View
from tests.ui.gallery.common import Say, steps, ways_out


def papers(say: Say) -> dict[str, View]:
    live = ScanView(
        material="M-BANK",
        page=1,
        page_limit=1,
        sentence=say("请放平，先别动", "Lay it flat and hold still"),
        outline=(0.22, 0.2, 0.78, 0.24, 0.76, 0.82, 0.2, 0.78),
        is_live=True,
        mood="care",
    )

    return {
        "materials": View(
            screen="materials",
            title=say("还差 1 份材料", "One paper is still needed"),
            steps=steps("materials", say),
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
            actions=ways_out(
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
            steps=steps("materials", say),
            picture="paper",
            scan=live,
            actions=ways_out(say, Action("shoot", say("拍下这一页", "Take this page"), "primary")),
        ),
        "scan-again": View(
            screen="scan",
            title=say("请放上：户口簿本人页", "Lay down: register page"),
            lead=say("一次一页，正面朝上", "One page at a time, face up"),
            steps=steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("这一页好像拍过了，请换下一页", "This page seems to be taken already. Put the next one"),
                thumbnails=("M-BANK/0", "M-BANK/1"),
                page=3,
                page_limit=6,
            ),
            actions=ways_out(
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
            steps=steps("materials", say),
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
                *ways_out(say)[:2],
                Action("keep", say("就用这一页", "Use this page")),
                Action("retake", say("重拍上一页", "Retake the last page")),
                Action("shoot", say("拍下这一页", "Take this page")),
                Action("done", say("这份扫完了", "This paper is done"), "primary"),
            ),
        ),
        "scan-kept": View(
            screen="scan",
            title=say("拍好了，清楚吗？", "Taken. Is it clear?"),
            steps=steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("这一页很清楚", "This page is clear"),
                mood="good",
                thumbnails=("M-BANK/0", "M-BANK/1"),
                page=2,
                page_limit=6,
            ),
            actions=ways_out(
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
            steps=steps("materials", say),
            scan=msgspec.structs.replace(
                live,
                sentence=say("请往中间挪，露出四个角", "Move it in: four corners must show"),
                mood="plain",
                thumbnails=("M-BOOK/0",),
                page=2,
                page_limit=6,
            ),
            actions=(
                *ways_out(say)[:2],
                Action("retake", say("重拍上一页", "Retake the last page")),
                Action("shoot", say("拍下这一页", "Take this page")),
                Action("done", say("这份扫完了", "This paper is done"), "primary"),
            ),
        ),
        "review": View(
            screen="review",
            title=say("请核对要提交的内容", "Please check what will be sent"),
            lead=say("有网后自动上报，无需重复办理", "Sent by itself; no need to apply again"),
            steps=steps("review", say),
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
            actions=ways_out(say, Action("confirm", say("确认无误", "All is correct"), "primary")),
        ),
        "sign": View(
            screen="sign",
            title=say("请用手指签名", "Sign with your finger"),
            lead=say(
                "我承诺所填内容和材料真实、有效。", "I declare that what I have filled in and handed over is true."
            ),
            steps=steps("sign", say),
            picture="hand_sign",
            has_signature=True,
            signature_ink=(
                (0.2, 0.3, 0.24, 0.55, 0.28, 0.35, 0.33, 0.6, 0.38, 0.3),
                (0.45, 0.3, 0.5, 0.5, 0.55, 0.62, 0.6, 0.3, 0.66, 0.66, 0.72, 0.4),
            ),
            actions=ways_out(
                say,
                Action("clear_signature", say("重签", "Sign again")),
                Action("sign_done", say("签好了，提交", "Signed, submit"), "primary"),
            ),
        ),
    }
