import QtQuick
import ".."

// How far it is, with what is happening in words.
Column {
    id: bar

    spacing: Theme.unit * 2

    Line {
        width: parent.width
        text: Kiosk.view.progressText
        visible: text.length > 0
        font.pixelSize: Theme.leadSize
        horizontalAlignment: Text.AlignHCenter
    }

    Rectangle {
        width: parent.width
        height: Theme.unit * 3
        visible: Kiosk.view.progress >= 0
        radius: height / 2
        color: Theme.card
        border.width: Theme.hairline
        border.color: Theme.edge
        Accessible.role: Accessible.ProgressBar
        Accessible.name: Kiosk.view.progressText

        Rectangle {
            anchors.left: parent.left
            anchors.top: parent.top
            anchors.bottom: parent.bottom
            width: Math.max(height, parent.width * Math.min(1, Math.max(0, Kiosk.view.progress)))
            radius: height / 2
            color: Theme.lake

            Behavior on width {
                NumberAnimation {
                    duration: Theme.glide
                }
            }
        }
    }
}
