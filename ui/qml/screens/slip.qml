pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// What the paper says: the number in large, and a code to photograph.
Page {
    share: Theme.isPortrait ? 0.28 : 0.36
    contentHeight: number.implicitHeight + Theme.space + rows.contentHeight
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
        id: rows

        y: number.height + Theme.space
        width: parent.width
        height: parent.height - y
    }
}
