pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// What the paper says: the number in large, and a code to photograph.
Page {
    id: page

    readonly property real least: Theme.px(150) // 4 cm: a telephone still reads it
    readonly property real leftSide: Math.min(headRoom, headWidth, Theme.px(320))
    readonly property bool isLeft: !Theme.isPortrait && leftSide >= least

    share: Theme.isPortrait ? 0.28 : 0.36
    contentHeight: number.implicitHeight + Theme.space + rows.naturalHeight
    headExtra: isLeft ? beside : null

    Component {
        id: beside

        Item {
            implicitHeight: page.leftSide

            Code {
                side: page.leftSide
            }
        }
    }

    NumberCard {
        id: number

        width: parent.width
        height: implicitHeight
        codeRoom: page.isLeft ? 0 : (Theme.isPortrait ? page.headRoom : page.height) - rows.naturalHeight - Theme.space
        least: page.least
    }

    Rows {
        id: rows

        isRoomy: Theme.isPortrait && !Theme.isElder
        y: number.height + Theme.space
        width: parent.width
        height: parent.height - y
    }
}
