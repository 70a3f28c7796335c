import QtQuick
import ".."

// One choice of a field, with the sign of being chosen.
Tap {
    id: choice

    required property string value
    required property bool isSelected
    required label
    readonly property color front: isSelected && isOn ? Theme.lakeFront : isOn ? Theme.ink : Theme.inkSoft

    readonly property real room: sign.width + Theme.unit * 3 + Theme.pad
    // The narrowest width at which two lines hold the words; Chinese breaks anywhere.
    readonly property real narrow: {
        if (!Words.isEnglish)
            return room + Math.min(natural.width, natural.width / 2 + word.size);
        let share = 1;
        for (let at = label.indexOf(" "); at >= 0; at = label.indexOf(" ", at + 1))
            share = Math.min(share, Math.max(at, label.length - at - 1) / label.length);
        return room + Math.min(natural.width, natural.width * share * 1.06) + 4;
    }

    implicitWidth: natural.width + room + Theme.pad
    implicitHeight: Math.max(Theme.target, word.implicitHeight + Theme.unit * 2)
    Accessible.role: Accessible.RadioButton
    Accessible.checkable: true
    Accessible.checked: isSelected

    TextMetrics {
        id: natural

        text: choice.label
        font.pixelSize: Theme.body
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

    Balanced {
        id: word

        anchors.left: sign.right
        anchors.leftMargin: Theme.unit * 2
        anchors.right: parent.right
        anchors.rightMargin: Theme.unit
        anchors.verticalCenter: parent.verticalCenter
        text: choice.label
        tint: choice.front
        lineHeight: Theme.tightLine
        size: Theme.body
        isSilent: true
    }
}
