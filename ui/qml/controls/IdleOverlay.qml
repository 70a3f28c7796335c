import QtQuick
import ".."

// Are you still there? Covers everything; the number counts down.
Item {
    id: overlay

    readonly property bool isShield: true

    MouseArea {
        anchors.fill: parent
        acceptedButtons: Qt.AllButtons
        hoverEnabled: true
        onWheel: event => event.accepted = true
    }

    Rectangle {
        anchors.fill: parent
        color: Theme.scrim
    }

    Rectangle {
        anchors.centerIn: parent
        width: Math.min(parent.width - 2 * Theme.margin, Theme.px(Theme.isElder ? 1080 : 920))
        height: column.height + Theme.space * 3
        radius: Theme.radius * 1.5
        color: Theme.card
        border.width: Theme.isHigh ? Theme.focusLine : 0
        border.color: Theme.edge

        Column {
            id: column

            anchors.centerIn: parent
            width: parent.width - Theme.space * 3
            spacing: Theme.space

            Line {
                width: parent.width
                text: Kiosk.view.countdownText
                font.pixelSize: Theme.titleSize
                font.bold: true
                horizontalAlignment: Text.AlignHCenter
                lineHeight: Theme.tightLine
                Accessible.role: Accessible.Heading
            }

            Line {
                width: parent.width
                text: Kiosk.view.countdown
                font.pixelSize: Theme.display * 1.4
                font.bold: true
                color: Theme.boat
                horizontalAlignment: Text.AlignHCenter
                lineHeight: Theme.tightLine
            }

            BigButton {
                width: parent.width
                implicitHeight: Theme.target * 1.25
                look: "primary"
                label: Words.stay
                onTapped: Kiosk.send("stay", "")
            }

            BigButton {
                width: parent.width
                look: "quiet"
                icon: "end"
                label: Words.leave
                onTapped: Kiosk.send("end", "")
            }
        }
    }
}
