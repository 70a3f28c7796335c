pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The view's rows, in pages. Few rows on a tall screen stand larger.
PagedColumn {
    id: rows

    property bool isRoomy: count > 0 && height / count > Theme.target * 1.5

    property int seen: 0 // the furthest page that was shown
    readonly property bool isUnread: Kiosk.view.readOn.length > 0 && visible && count > 0 && seen < pageCount - 1

    hasNext: !isUnread
    onShownPageChanged: seen = Math.max(seen, shownPage)

    onIsUnreadChanged: Kiosk.isReading = isUnread
    Component.onDestruction: Kiosk.isReading = false

    Connections {
        target: Kiosk
        enabled: rows.isUnread

        function onReadOn() {
            rows.turn();
        }
    }

    spacing: isRoomy ? Theme.gap : Theme.unit
    model: Kiosk.view.rows
    delegate: RowLine {
        isRoomy: rows.isRoomy
    }
}
