pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The view's rows, in pages. Few rows on a tall screen stand larger.
PagedColumn {
    id: rows

    readonly property bool isRoomy: count > 0 && height / count > Theme.target * 1.5

    spacing: isRoomy ? Theme.gap : Theme.unit
    model: Kiosk.view.rows
    delegate: RowLine {
        isRoomy: rows.isRoomy
    }
}
