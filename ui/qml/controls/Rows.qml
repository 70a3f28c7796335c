pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The view's rows, in pages.
PagedColumn {
    spacing: Theme.unit
    model: Kiosk.view.rows
    delegate: RowLine {}
}
