import QtQuick
import ".."

// A word in a rounded frame: 最多跑一次.
Rectangle {
    id: badge

    property string text

    visible: text.length > 0
    implicitWidth: word.implicitWidth + Theme.unit * 4
    implicitHeight: word.implicitHeight + Theme.unit
    radius: height / 2
    color: Theme.card
    border.width: Theme.hairline
    border.color: Theme.good

    Line {
        id: word

        anchors.centerIn: parent
        text: badge.text
        color: Theme.good
        font.pixelSize: Theme.smallest
        wrapMode: Text.NoWrap
    }
}
