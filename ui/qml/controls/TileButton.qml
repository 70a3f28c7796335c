import QtQuick
import ".."

// A large choice. `look`: side (icon, words), stack (icon above its word), row (words, badge, arrow).
Tap {
    id: tile

    required property string key
    required property string caption
    required property string icon
    required property string badge
    required property string action
    required property bool isEnabled
    required property bool isSelected
    required property string reason
    required label
    property string look: "side"
    readonly property bool isStack: look === "stack"
    readonly property bool isRow: look === "row"
    readonly property color front: !isOn ? Theme.inkSoft : isSelected ? Theme.lakeFront : Theme.ink
    readonly property color accent: !isOn ? Theme.inkSoft : isSelected ? Theme.lakeFront : Theme.lake
    readonly property string pictureName: icon.length > 0 ? icon : key
    readonly property real pictureSize: isStack ? Theme.px(Theme.isElder ? 64 : 52) : isRow ? Theme.iconSize * 1.2 : Theme.px(Theme.isElder ? 72 : 60)

    isOn: isEnabled
    description: isOn ? caption : reason
    implicitHeight: isStack ? pictureSize + words.height + Theme.unit * 4 : Math.max(Theme.target, words.height + Theme.unit * 4)
    Accessible.checkable: isRow
    Accessible.checked: isSelected
    onTapped: Kiosk.send(tile.action, tile.key)

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: !tile.isOn ? Theme.greyed : tile.isSelected ? Theme.lake : tile.isDown ? Theme.lakeMist : Theme.card
        border.width: Theme.hairline
        border.color: !tile.isOn ? Theme.line : tile.isSelected ? Theme.lake : Theme.isHigh ? Theme.edge : Theme.line
    }

    Icon {
        id: sign

        x: tile.isStack ? (tile.width - width) / 2 : Theme.pad
        y: tile.isStack ? (tile.height - height - words.height - Theme.unit) / 2 : (tile.height - height) / 2
        name: tile.pictureName
        tint: tile.accent
        size: tile.pictureSize
    }

    Column {
        id: words

        x: tile.isStack ? Theme.unit : sign.x + sign.width + Theme.unit * 2
        y: tile.isStack ? sign.y + sign.height + Theme.unit : (tile.height - height) / 2
        width: tile.isStack ? tile.width - 2 * x : tile.width - x - (tile.isRow ? tail.width + Theme.pad + Theme.gap : Theme.unit)

        Line {
            width: parent.width
            text: tile.label
            color: tile.front
            font.bold: true
            font.pixelSize: tile.isRow || (!tile.isStack && tile.width > Theme.px(Theme.isElder ? 480 : 400)) ? Theme.leadSize : Theme.body
            horizontalAlignment: tile.isStack ? Text.AlignHCenter : Text.AlignLeft
            lineHeight: Theme.tightLine
            Accessible.ignored: true
        }

        Line {
            width: parent.width
            visible: text.length > 0
            text: tile.isOn ? tile.caption : tile.reason
            color: tile.isSelected ? Theme.lakeFront : tile.isOn ? Theme.inkSoft : Theme.care
            font.pixelSize: Theme.smallest
            horizontalAlignment: tile.isStack ? Text.AlignHCenter : Text.AlignLeft
            lineHeight: 0.92
            Accessible.ignored: true
        }
    }

    Row {
        id: tail

        anchors.right: parent.right
        anchors.rightMargin: Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        spacing: Theme.gap
        visible: tile.isRow

        Badge {
            anchors.verticalCenter: parent.verticalCenter
            text: tile.badge
        }

        Icon {
            anchors.verticalCenter: parent.verticalCenter
            name: tile.isSelected ? "check" : "next"
            tint: tile.accent
        }
    }
}
