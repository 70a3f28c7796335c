pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Always the same places: back at the left, help, end, the one primary action at the right.
Rectangle {
    id: bar

    readonly property real quietWidth: Theme.target * (Theme.isShort ? 1.2 : 1.5)
    readonly property real inner: width - 2 * Theme.margin
    // Secondary actions stand in the bar where there is room, else in a row of their own above it.
    readonly property bool hasRoom: !Theme.isPortrait && leftRow.width + sides.width + rightRow.width + 3 * Theme.gap <= inner
    readonly property bool isReading: Kiosk.isReading // the primary button turns the page first
    readonly property bool isEmpty: backs.count + helps.count + ends.count + primaries.count + seconds.count === 0

    implicitHeight: isEmpty ? 0 : column.height + Theme.unit * (Theme.isShort ? 2 : 4)
    visible: !isEmpty
    color: Theme.card

    Rectangle {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.top: parent.top
        height: Theme.hairline
        color: Theme.line
    }

    Column {
        id: column

        anchors.verticalCenter: parent.verticalCenter
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.leftMargin: Theme.margin
        anchors.rightMargin: Theme.margin
        spacing: Theme.gap

        Repeater {
            model: Kiosk.view.primaryActions

            Reason {
                required property bool isEnabled
                required reason

                width: column.width
                visible: !bar.isReading && !isEnabled && reason.length > 0
            }
        }

        Item {
            width: parent.width
            height: sides.height
            visible: !bar.hasRoom && seconds.count > 0
        }

        Item {
            id: row

            width: parent.width
            height: Math.max(leftRow.height, rightRow.height)
        }
    }

    Row {
        id: leftRow

        x: Theme.margin
        y: column.y + row.y
        spacing: Theme.gap

        Repeater {
            id: backs

            model: Kiosk.view.backActions

            ActionButton {
                look: "quiet"
                minimumWidth: bar.quietWidth
                icon: Theme.isShort ? "" : "back"
            }
        }

        Repeater {
            id: helps

            model: Kiosk.view.helpActions

            ActionButton {
                look: "quiet"
                minimumWidth: bar.quietWidth
                icon: Theme.isShort ? "" : "help"
            }
        }

        Repeater {
            id: ends

            model: Kiosk.view.endActions

            ActionButton {
                look: "quiet"
                minimumWidth: bar.quietWidth
                icon: Theme.isShort ? "" : "end"
            }
        }
    }

    Flow {
        id: sides

        // One row; it breaks only when three long labels meet a narrow screen.
        property int stamp: 0
        readonly property real natural: {
            let sum = (seconds.count - 1) * Theme.gap;
            for (let n = 0; stamp >= 0 && n < seconds.count; n++) {
                const item = seconds.itemAt(n);
                sum += item ? item.implicitWidth : 0;
            }
            return Math.max(0, sum);
        }

        width: Math.min(natural, bar.inner)
        x: bar.hasRoom ? rightRow.x - width - Theme.gap : Theme.margin + bar.inner - width
        y: bar.hasRoom ? leftRow.y : column.y + row.y - height - Theme.gap
        spacing: Theme.gap

        Repeater {
            id: seconds

            onItemAdded: sides.stamp++
            onItemRemoved: sides.stamp++

            model: Kiosk.view.secondaryActions

            ActionButton {
                required property int index

                // On a form the first of two ways stands out; elsewhere they are equal.
                look: Kiosk.view.screen !== "form" || seconds.count < 2 ? "secondary" : index === 0 ? "chosen" : "quiet"
                minimumWidth: Theme.isPortrait ? rightRow.width : Theme.target * 1.5
                maximumWidth: Theme.isShort ? Theme.px(400) : bar.inner
            }
        }
    }

    Row {
        id: rightRow

        x: bar.width - Theme.margin - width
        y: leftRow.y
        spacing: Theme.gap

        BigButton {
            look: "primary"
            visible: bar.isReading
            minimumWidth: Theme.px(Theme.isShort ? 240 : Theme.isElder ? 320 : 280)
            label: Kiosk.view.readOn
            onTapped: Kiosk.readOn()
        }

        Repeater {
            id: primaries

            model: Kiosk.view.primaryActions

            ActionButton {
                look: "primary"
                visible: !bar.isReading
                minimumWidth: Theme.px((Theme.isShort ? 240 : Theme.isElder ? 320 : 280) * (Kiosk.view.screen === "attract" ? 1.8 : 1))
                maximumWidth: Math.min(Theme.px(Theme.isShort ? 360 : 720), bar.inner - leftRow.width - (leftRow.width > 0 ? Theme.gap : 0))
            }
        }
    }
}
