import QtQuick
import ".."

// Bytes are being kept or sent: what is happening, in words.
Item {
    id: screen

    anchors.fill: parent

    Column {
        id: words

        anchors.horizontalCenter: parent.horizontalCenter
        y: Theme.space
        width: Math.min(parent.width, Theme.readable)
        spacing: Theme.space

        Heading {
            width: parent.width
            alignment: Text.AlignHCenter
        }

        Notes {
            width: parent.width
            visible: height > 0
        }
    }

    Picture {
        name: Kiosk.view.picture
        y: words.y + words.height + Theme.space
        width: parent.width
        height: Math.max(0, bar.y - y - Theme.space)
    }

    ProgressBar {
        id: bar

        anchors.horizontalCenter: parent.horizontalCenter
        y: parent.height * (Theme.isPortrait ? 0.72 : 0.94) - height
        width: Math.min(parent.width, Theme.readable)
    }
}
