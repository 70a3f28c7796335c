import QtQuick
import ".."

// A sentence in a quiet panel. Colour always comes with an icon and the words.
Rectangle {
    id: panel

    property string text
    property string mood: "plain"
    property real size: Theme.body
    property bool isBold: false

    implicitHeight: words.implicitHeight + Theme.pad
    color: mood === "plain" ? Theme.lakeMist : Theme.card
    radius: Theme.radius
    border.width: mood === "plain" && !Theme.isHigh ? 0 : Theme.hairline
    border.color: mood === "plain" ? Theme.line : Theme.moodColor(mood)

    Icon {
        id: sign

        anchors.left: parent.left
        anchors.leftMargin: Theme.pad
        anchors.top: parent.top
        anchors.topMargin: Theme.pad / 2 + (panel.size * 1.45 - height) / 2
        name: panel.mood
        size: panel.size * 1.25
        tint: Theme.moodColor(panel.mood)
    }

    Balanced {
        id: words

        anchors.left: sign.right
        anchors.right: parent.right
        anchors.verticalCenter: parent.verticalCenter
        anchors.leftMargin: Theme.unit * 2
        anchors.rightMargin: Theme.pad
        text: panel.text
        size: panel.size
        isBold: panel.isBold
        lineHeight: Theme.lineHeight
        tint: panel.mood === "plain" ? Theme.ink : Theme.moodColor(panel.mood)
    }
}
