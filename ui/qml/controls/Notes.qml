pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The view's notes, one panel each.
Column {
    id: notes

    readonly property alias count: repeater.count
    property real size: Theme.body

    spacing: Theme.gap

    Repeater {
        id: repeater

        model: Kiosk.view.notes

        NotePanel {
            required text
            required mood

            width: notes.width
            size: notes.size
        }
    }
}
