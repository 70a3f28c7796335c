import QtQuick
import ".."
import "../controls"

// What the paper says: the number in large, and a code to photograph.
Page {
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
