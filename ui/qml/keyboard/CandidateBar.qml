pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// What the letters may mean, in pages that fit.
Item {
    id: bar

    property int rows: 1
    readonly property real turners: rows > 1 ? Theme.target : 2 * Theme.target + Theme.keyGap
    readonly property real room: width - turners - Theme.keyGap

    implicitHeight: rows * Theme.target + (rows - 1) * Theme.keyGap

    function measure() {
        Kiosk.keys.measure(room, rows, Theme.leadSize, Theme.target, Theme.keyGap);
    }

    onRoomChanged: measure()
    onRowsChanged: measure()
    Component.onCompleted: measure()

    Line {
        anchors.verticalCenter: parent.verticalCenter
        x: Theme.unit
        visible: Kiosk.keys.composition.length === 0
        text: Words.composeHint
        color: Theme.inkSoft
    }

    Flow {
        width: bar.room
        spacing: Theme.keyGap

        Repeater {
            model: Kiosk.keys.candidates

            Tap {
                id: word

                required property string value
                required property bool isSelected
                required property int index
                required label

                width: Math.max(Theme.target, label.length * Theme.leadSize + Theme.target - Theme.leadSize)
                height: Theme.target
                ringRadius: Theme.radius * 0.75
                onTapped: Kiosk.keys.choose(word.index)

                Rectangle {
                    anchors.fill: parent
                    radius: Theme.radius * 0.75
                    color: word.isDown ? Theme.lakeMist : Theme.card
                    border.width: Theme.hairline * (word.isSelected ? 2 : 1)
                    border.color: word.isSelected ? Theme.lake : Theme.line
                }

                Line {
                    anchors.centerIn: parent
                    text: word.label
                    font.pixelSize: Theme.leadSize
                    wrapMode: Text.NoWrap
                    Accessible.ignored: true
                }
            }
        }
    }

    Grid {
        anchors.right: parent.right
        columns: bar.rows > 1 ? 1 : 2
        spacing: Theme.keyGap
        visible: Kiosk.keys.hasNext || Kiosk.keys.hasPrevious

        BigButton {
            width: Theme.target
            height: Theme.target
            look: "quiet"
            label: Words.fewerWords
            isIconOnly: true
            icon: bar.rows > 1 ? "up" : "back"
            isOn: Kiosk.keys.hasPrevious
            onTapped: Kiosk.keys.previous()
        }

        BigButton {
            width: Theme.target
            height: Theme.target
            look: "quiet"
            label: Words.moreWords
            isIconOnly: true
            icon: bar.rows > 1 ? "down" : "next"
            isOn: Kiosk.keys.hasNext
            onTapped: Kiosk.keys.next()
        }
    }
}
