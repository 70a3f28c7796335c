import QtQuick
import ".."

// A switch of the top bar: icon above its word.
Tap {
    id: control

    property string icon

    implicitWidth: Math.max(Theme.target, word.implicitWidth + Theme.unit * 2)
    implicitHeight: Theme.target

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: control.isDown ? Theme.lakeMist : Theme.card
    }

    Column {
        anchors.centerIn: parent

        Icon {
            anchors.horizontalCenter: parent.horizontalCenter
            name: control.icon
            tint: Theme.lake
        }

        Line {
            id: word

            text: control.label
            font.pixelSize: Theme.smallest
            color: Theme.lake
            wrapMode: Text.NoWrap
            lineHeight: 0.9
            Accessible.ignored: true
        }
    }
}
