pragma Singleton
import QtQuick

// The few labels that belong to controls of ours and not to a visit: keys, pagers, switches, the idle overlay.
QtObject {
    readonly property bool isEnglish: Kiosk.isReady && Kiosk.view.locale === "en"

    function say(zh: string, en: string): string {
        return isEnglish ? en : zh;
    }

    // Chinese may break anywhere, but the papers people know by name stay whole.
    readonly property var papers: /银行卡|身份证|社保卡|市民卡|户口簿|申请表|委托书|承诺书|结婚证|居住证|驾驶证/g

    // No single character in the last line, and no paper's name in two: word joiners keep them together.
    function joined(text: string): string {
        const whole = text.replace(papers, name => Array.from(name).join("\u2060"));
        return /[\u4e00-\u9fff]{2}$/.test(whole) ? whole.slice(0, -1) + "\u2060" + whole.slice(-1) : whole;
    }

    readonly property string otherLocale: say("English", "中文") // each language is offered in its own words
    readonly property string elder: say("长辈版", "Large")
    readonly property string standard: say("标准版", "Standard")
    readonly property string contrast: say("对比度", "Contrast")

    readonly property string nextPage: say("下一页", "Next page")
    readonly property string previousPage: say("上一页", "Previous page")
    readonly property string moreWords: say("更多", "More")
    readonly property string fewerWords: say("前面", "Back")

    readonly property string stay: say("我还在", "I am still here")
    readonly property string leave: say("结束并清除", "End and clear")

    readonly property string erase: say("删除", "Delete")
    readonly property string done: say("完成", "Done")
    readonly property string space: say("空格", "Space")
    readonly property string toPinyin: say("中文", "Pinyin")
    readonly property string toEnglish: say("英文", "English")
    readonly property string toSymbols: say("数字", "123")
    readonly property string shift: say("大写", "Shift")
    readonly property string composeHint: say("按拼音输入", "Type the pinyin")

    readonly property string year: say("年", "Year")
    readonly property string month: say("月", "Month")
    readonly property string day: say("日", "Day")
    readonly property string noSuchDay: say("没有这一天，请改正", "There is no such day")

    readonly property string byWindow: say("按窗口找", "By window")
    readonly property string byLife: say("按生活找", "By life")
    readonly property string picture: say("图示", "Picture")
    readonly property string signHere: say("请在这里签名", "Please sign here")
    readonly property string codeHint: say("可用手机拍下", "You may photograph this")
    readonly property string livePicture: say("台面实时画面", "Live picture of the desk")
    readonly property string step: say("第 %1 步，共 %2 步", "Step %1 of %2")
    readonly property string pageOf: say("第 %1 页，共 %2 页", "Page %1 of %2")
}
