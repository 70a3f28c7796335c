pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Our own keyboard. It stands above the bottom bar while a field is typed into.
Item {
    id: panel

    readonly property bool isOpen: Kiosk.keys.layout.length > 0
    readonly property var laid: Layouts.of(Kiosk.keys.layout, Kiosk.keys.base)
    readonly property bool isPad: laid.columns <= 6
    readonly property real side: Theme.unit * 2
    readonly property real keysWidth: Math.min(width - 2 * side, laid.columns * Theme.key * (isPad ? (isDateBeside ? 1.5 : 2.2) : 1.5))
    readonly property real cell: (keysWidth - (laid.columns - 1) * Theme.keyGap) / laid.columns
    readonly property bool hasCandidates: Kiosk.keys.layout === "pinyin"
    readonly property bool isDateBeside: hasDate && !Theme.isPortrait
    readonly property bool hasDate: Kiosk.keys.base === "date" || Kiosk.keys.base === "month"

    visible: isOpen
    implicitHeight: column.height + 2 * side

    MouseArea {
        anchors.fill: parent
    }

    Rectangle {
        anchors.fill: parent
        color: Theme.tray

        Rectangle {
            width: parent.width
            height: Theme.hairline
            color: Theme.isHigh ? Theme.edge : Theme.line
        }
    }

    DateBar {
        id: beside

        x: column.x - width - Theme.gap * 2
        y: column.y
        visible: panel.isDateBeside
        isUpright: true
    }

    Column {
        id: column

        x: (panel.width - width) / 2 + (panel.isDateBeside ? beside.width / 2 + Theme.gap : 0)
        anchors.verticalCenter: parent.verticalCenter
        width: panel.keysWidth
        spacing: Theme.keyGap * 1.5

        DateBar {
            visible: panel.hasDate && !panel.isDateBeside
        }

        ReadingBar {
            visible: panel.hasCandidates && Kiosk.keys.isAmbiguous && Theme.isPortrait
        }

        CandidateBar {
            width: panel.keysWidth
            visible: panel.hasCandidates
            rows: Theme.isPortrait ? 2 : 1
        }

        Item {
            width: panel.keysWidth
            height: panel.laid.rows * Theme.key + (panel.laid.rows - 1) * Theme.keyGap

            Repeater {
                model: panel.laid.keys

                KeyCap {
                    required property var modelData

                    name: modelData.name
                    text: modelData.text
                    x: modelData.x * (panel.cell + Theme.keyGap)
                    y: modelData.y * (Theme.key + Theme.keyGap)
                    width: modelData.w * (panel.cell + Theme.keyGap) - Theme.keyGap
                    height: modelData.h * (Theme.key + Theme.keyGap) - Theme.keyGap
                }
            }
        }
    }
}
