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
    required property bool leadsOn
    required property bool isSelected
    required property string reason
    required label
    property string look: "side"
    readonly property bool isStack: look === "stack"
    readonly property bool isRow: look === "row"
    readonly property color front: !isEnabled ? Theme.inkSoft : isSelected ? Theme.lakeFront : Theme.ink
    readonly property color accent: !isEnabled ? Theme.inkSoft : isSelected ? Theme.lakeFront : Theme.lake
    readonly property string pictureName: icon.length > 0 ? icon : key
    readonly property real pictureSize: isStack ? Theme.px(Theme.isElder ? 64 : Theme.isPortrait ? 52 : 44) : isRow ? Theme.iconSize * 1.2 : Theme.px(Theme.isElder && !Theme.isShort ? 72 : 56)

    readonly property real tailWidth: Theme.iconSize + (badge.length > 0 ? mark.implicitWidth + Theme.gap : 0)

    isOn: isEnabled || leadsOn
    description: isEnabled ? caption : reason
    implicitHeight: isStack ? pictureSize + words.height + Theme.unit * 3 : Math.max(Theme.target, words.height + Theme.unit * 4)
    Accessible.checkable: isRow
    Accessible.checked: isSelected
    onTapped: Kiosk.send(tile.action, tile.key)

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: !tile.isEnabled ? Theme.greyed : tile.isSelected ? Theme.lake : tile.isDown ? Theme.lakeMist : Theme.card
        border.width: Theme.hairline
        border.color: !tile.isEnabled ? Theme.line : tile.isSelected ? Theme.lake : Theme.isHigh ? Theme.edge : Theme.line
    }

    Icon {
        id: sign

        x: tile.isStack ? (tile.width - width) / 2 : tile.isRow ? Theme.pad : Theme.unit * 2
        y: tile.isStack ? (tile.height - height - words.height - Theme.unit) / 2 : (tile.height - height) / 2
        name: tile.pictureName
        tint: tile.accent
        size: tile.pictureSize
    }

    // Plain items, not positioners: their sizes must not depend on which page is shown.
    Item {
        id: words

        x: tile.isStack ? 0 : sign.x + sign.width + Theme.unit * (tile.isRow ? 2 : 1.5)
        y: tile.isStack ? sign.y + sign.height + Theme.unit : (tile.height - height) / 2
        width: tile.isStack ? tile.width - 2 * x : tile.width - x - (tile.isRow ? tile.tailWidth + Theme.pad + Theme.gap : Theme.unit)
        height: name.implicitHeight + (note.text.length > 0 ? note.implicitHeight : 0)

        Balanced {
            id: name

            width: parent.width
            text: tile.label
            tint: tile.front
            isBold: true
            size: tile.isRow || (!tile.isStack && tile.width > Theme.px(Theme.isElder ? 480 : 400)) ? Theme.leadSize : Theme.body
            alignment: tile.isStack ? Text.AlignHCenter : Text.AlignLeft
            lineHeight: Theme.tightLine
            isSilent: true
        }

        Line {
            id: note

            y: name.implicitHeight
            width: parent.width
            visible: text.length > 0
            text: tile.isEnabled ? tile.caption : tile.reason
            color: tile.isSelected ? Theme.lakeFront : tile.isEnabled ? Theme.inkSoft : Theme.care
            font.pixelSize: Theme.smallest
            horizontalAlignment: name.alignment
            lineHeight: 0.92
            Accessible.ignored: true
        }
    }

    Badge {
        id: mark

        x: tile.width - Theme.pad - tile.tailWidth
        anchors.verticalCenter: parent.verticalCenter
        visible: tile.isRow && text.length > 0
        text: tile.badge
    }

    Icon {
        anchors.right: parent.right
        anchors.rightMargin: Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        visible: tile.isRow
        name: tile.isSelected ? "check" : "next"
        tint: tile.accent
    }
}
