pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// What the paper says: the number in large, and a code to photograph.
Page {
    headExtra: Theme.isPortrait ? null : beside

    Component {
        id: beside

        Item {
            implicitHeight: visible ? code.side : 0
            visible: !(Theme.isShort && Theme.isElder) // the same code is on the paper

            Code {
                id: code

                side: Theme.px(Theme.isShort ? 200 : 300)
            }
        }
    }

    NumberCard {
        id: number

        width: parent.width
        height: implicitHeight
    }

    Rows {
        y: number.height + Theme.space
        width: parent.width
        height: parent.height - y
    }
}
