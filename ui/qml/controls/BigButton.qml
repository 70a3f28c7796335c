import QtQuick
import ".."

// A button with its verb. `look`: primary (filled), secondary (lake border), quiet (hairline).
Tap {
    id: button

    property string look: "secondary"
    property string icon
    property bool isIconOnly: false
    property real minimumWidth: Theme.target * 1.5
    property real maximumWidth: Theme.px(640)
    readonly property color ground: !isOn ? Theme.greyed : look === "primary" ? (isDown ? Theme.lakeDeep : Theme.lake) : (isDown ? Theme.lakeMist : Theme.card)
    readonly property color front: !isOn ? Theme.inkSoft : look === "primary" ? Theme.lakeFront : look === "quiet" ? Theme.ink : Theme.lake
    readonly property real side: Theme.pad
    readonly property real iconRoom: icon.length > 0 ? Theme.iconSize + Theme.unit * 1.5 : 0

    implicitWidth: Math.ceil(Math.min(maximumWidth, Math.max(minimumWidth, natural.width + iconRoom + 2 * side)))
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
        border.width: button.look === "primary" ? 0 : Theme.hairline
        border.color: !button.isOn ? Theme.line : button.look === "quiet" ? Theme.edge : Theme.lake
        opacity: 1
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
            width: Math.min(Math.ceil(natural.advanceWidth) + 2, button.width - button.iconRoom - 2 * button.side + 4)
            text: button.label
            color: button.front
            font.pixelSize: button.look === "primary" ? Theme.leadSize : Theme.body
            font.bold: button.look === "primary"
            horizontalAlignment: Text.AlignHCenter
            lineHeight: Theme.tightLine
            Accessible.ignored: true
        }
    }
}
