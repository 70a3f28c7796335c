import QtQuick
import ".."

// A page whose content is tiles to choose from, or else rows.
Page {
    hasContent: rows.count > 0 || tiles.count > 0

    TileGrid {
        id: tiles

        anchors.fill: parent
        visible: count > 0
        look: "row"
        columns: 1
        isCentred: true
        model: Kiosk.view.tiles
    }

    Rows {
        id: rows

        anchors.fill: parent
        visible: tiles.count === 0
    }
}
