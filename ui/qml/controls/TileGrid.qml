pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Tiles in equal cells, dealt into pages that fit.
Item {
    id: grid

    property alias model: repeater.model
    property string look: "side"
    property int columns: 2
    property int page: 0
    property int stamp: 0
    readonly property int count: repeater.count
    readonly property real cellWidth: Math.floor((width - (columns - 1) * Theme.gap) / columns)
    property bool hasPager: true
    property real stretch: look === "row" ? 1.5 : 1.7 // cells grow into free room, but not beyond this
    readonly property real naturalCell: {
        let tallest = Theme.target;
        for (let n = 0; stamp >= 0 && n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            tallest = Math.max(tallest, item ? item.implicitHeight : 0);
        }
        return tallest;
    }
    readonly property real cellHeight: {
        const room = (height + Theme.gap) / Math.max(1, rowCount) - Theme.gap;
        return Math.floor(Math.max(naturalCell, Math.min(room, naturalCell * stretch)));
    }
    readonly property int rowCount: Math.ceil(count / columns)
    readonly property real naturalHeight: Math.max(0, rowCount * (naturalCell + Theme.gap) - Theme.gap)
    readonly property int rowsThatFit: rowsIn(naturalHeight <= height + 1 || !hasPager ? height + 1 : height - Theme.target - Theme.gap)
    readonly property int perPage: rowsThatFit * columns
    readonly property int pageCount: Math.max(1, Math.ceil(count / perPage))
    readonly property int shownPage: Math.min(page, pageCount - 1)

    // Upright, a few choices stand halfway down, within reach.
    readonly property real free: Math.max(0, height - (rowCount * (cellHeight + Theme.gap) - Theme.gap))
    readonly property real startY: look === "row" && Theme.isPortrait && pageCount === 1 && isCentred ? free / 2 : 0
    property bool isCentred: false

    function rowsIn(room: real): int {
        return Math.max(1, Math.floor((room + Theme.gap) / (naturalCell + Theme.gap)));
    }

    Repeater {
        id: repeater

        onItemAdded: grid.stamp++
        onItemRemoved: grid.stamp++

        TileButton {
            required property int index
            readonly property int place: index - grid.shownPage * grid.perPage

            look: grid.look
            visible: place >= 0 && place < grid.perPage
            x: (place % grid.columns) * (grid.cellWidth + Theme.gap)
            y: grid.startY + Math.floor(place / grid.columns) * (grid.cellHeight + Theme.gap)
            width: grid.cellWidth
            height: grid.cellHeight
        }
    }

    Pager {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        visible: grid.hasPager && count > 1
        page: grid.shownPage
        count: grid.pageCount
        onTurned: number => grid.page = number
    }
}
