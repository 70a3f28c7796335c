import QtQuick
import ".."
import "../controls"

// Take the card and the papers along.
Page {
    id: page

    hasContent: Kiosk.view.number.length > 0 || rows.count > 0

    NumberCard {
        id: number

        width: parent.width
        height: visible ? implicitHeight : 0
        codeRoom: Theme.isPortrait ? page.headRoom - rows.naturalHeight - Theme.space : 0
        visible: Kiosk.view.number.length > 0
    }

    Rows {
        id: rows

        y: number.height > 0 ? number.height + Theme.space : 0
        width: parent.width
        height: parent.height - y
    }
}
