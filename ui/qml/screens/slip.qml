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
            implicitHeight: code.side

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
