import QtQuick
import ".."

// A button with its verb. `look`: primary (filled), secondary (lake border), quiet (hairline), chosen (mist).
Tap {
    id: button

    property string look: "secondary"
    property string icon
    property bool isIconOnly: false
    property real minimumWidth: Theme.target * 1.5
    property real maximumWidth: Theme.px(640)
    readonly property color ground: !isOn ? Theme.greyed : look === "primary" ? (isDown ? Theme.lakeDeep : Theme.lake) : (isDown || look === "chosen" ? Theme.lakeMist : Theme.card)
    readonly property color front: !isOn ? Theme.inkSoft : look === "primary" ? Theme.lakeFront : look === "quiet" ? Theme.ink : Theme.lake
    readonly property real side: Theme.px(24)
    readonly property real wordsWidth: width - iconRoom - 2 * side + 4
    readonly property real iconRoom: icon.length > 0 ? Theme.iconSize + Theme.unit * 1.5 : 0

    implicitWidth: Math.ceil(Math.min(maximumWidth, Math.max(minimumWidth, natural.advanceWidth + 4 + (isIconOnly ? 0 : iconRoom) + 2 * side)))
    implicitHeight: Math.max(Theme.target, words.implicitHeight + Theme.unit)

    TextMetrics {
        id: natural

        text: button.label
        font: words.font
    }

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: button.ground
        border.width: button.look === "primary" ? 0 : button.look === "chosen" ? Theme.hairline * 2 : Theme.hairline
        border.color: !button.isOn ? Theme.line : button.look === "quiet" ? Theme.edge : Theme.lake
    }

    Row {
        anchors.centerIn: parent
        spacing: Theme.unit * 1.5

        Icon {
            name: button.icon
            tint: button.front
            anchors.verticalCenter: parent.verticalCenter
        }

        Line {
            id: words

            visible: !button.isIconOnly
            anchors.verticalCenter: parent.verticalCenter
            width: button.wordsWidth >= natural.advanceWidth + 2 ? Math.ceil(natural.advanceWidth) + 2 : Math.min(button.wordsWidth, natural.advanceWidth / 2 + Math.min(font.pixelSize * (Words.isEnglish ? 2.2 : 1.2), natural.advanceWidth * (Words.isEnglish ? 1 : 0.2)))
            text: button.label
            color: button.front
            font.pixelSize: button.look === "primary" ? Theme.leadSize : Theme.body
            font.bold: button.look === "primary" || button.look === "chosen"
            horizontalAlignment: Text.AlignHCenter
            lineHeight: Theme.tightLine
            Accessible.ignored: true
        }
    }
}
