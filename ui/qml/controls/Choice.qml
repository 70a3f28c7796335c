import QtQuick
import ".."

// One choice of a field, with the sign of being chosen.
Tap {
    id: choice

    required property string value
    required property bool isSelected
    required label
    readonly property color front: isSelected && isOn ? Theme.lakeFront : isOn ? Theme.ink : Theme.inkSoft

    implicitWidth: natural.width + sign.width + Theme.unit * 2 + 2 * Theme.pad
    implicitHeight: Math.max(Theme.target, word.implicitHeight + Theme.unit * 2)
    Accessible.role: Accessible.RadioButton
    Accessible.checkable: true
    Accessible.checked: isSelected

    TextMetrics {
        id: natural

        text: choice.label
        font: word.font
    }

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: choice.isSelected ? (choice.isOn ? Theme.lake : Theme.lakeMist) : choice.isDown ? Theme.lakeMist : Theme.card
        border.width: Theme.hairline
        border.color: choice.isSelected ? Theme.lake : choice.isOn ? Theme.edge : Theme.line
    }

    Rectangle {
        id: sign

        anchors.left: parent.left
        anchors.leftMargin: Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        width: Theme.iconSize
        height: width
        radius: width / 2
        color: "transparent"
        border.width: choice.isSelected ? 0 : Theme.hairline * 1.5
        border.color: Theme.edge

        Icon {
            visible: choice.isSelected
            name: choice.isSelected ? "good" : ""
            tint: choice.front
        }
    }

    Line {
        id: word

        anchors.left: sign.right
        anchors.leftMargin: Theme.unit * 2
        anchors.right: parent.right
        anchors.rightMargin: Theme.unit
        anchors.verticalCenter: parent.verticalCenter
        text: choice.label
        color: choice.front
        font.pixelSize: Theme.body
        lineHeight: Theme.tightLine
        Accessible.ignored: true
    }
}
