import QtQuick
import ".."
import "../controls"

// Take the card and the papers along.
Page {
    hasContent: Kiosk.view.number.length > 0 || rows.count > 0

    NumberCard {
        id: number

        width: parent.width
        height: visible ? implicitHeight : 0
        visible: Kiosk.view.number.length > 0
    }

    Rows {
        id: rows

        y: number.height > 0 ? number.height + Theme.space : 0
        width: parent.width
        height: parent.height - y
    }
}
