pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// The parts of a date as they are typed.
Grid {
    id: bar

    property bool isUpright: false

    columns: isUpright ? 1 : 4
    spacing: Theme.gap
    verticalItemAlignment: Grid.AlignVCenter

    Repeater {
        model: [["year", 4], ["month", 2], ["day", 2]]

        Row {
            id: part

            required property var modelData
            readonly property string typed: Kiosk.keys[modelData[0]]

            visible: modelData[0] !== "day" || Kiosk.keys.base === "date"
            spacing: Theme.unit

            Rectangle {
                width: Theme.leadSize * (part.modelData[1] * 0.7 + 1.2)
                height: Theme.target
                radius: Theme.radius * 0.75
                color: Theme.card
                border.width: Theme.hairline * 2
                border.color: Kiosk.keys.isDateWrong ? Theme.stop : part.typed.length > 0 ? Theme.lake : Theme.edge

                Line {
                    anchors.centerIn: parent
                    text: part.typed.padEnd(part.modelData[1], "·")
                    color: part.typed.length > 0 ? Theme.ink : Theme.inkSoft
                    font.pixelSize: Theme.leadSize
                    wrapMode: Text.NoWrap
                }
            }

            Line {
                anchors.verticalCenter: parent.verticalCenter
                text: Words[part.modelData[0]]
                wrapMode: Text.NoWrap
            }
        }
    }

    Hugging {
        limit: bar.isUpright ? Theme.leadSize * 6 : Theme.leadSize * 12
        text: Kiosk.keys.isDateWrong ? Words.noSuchDay : ""
        visible: Kiosk.keys.isDateWrong
        color: Theme.stop
        font.pixelSize: Theme.smallest
    }
}
