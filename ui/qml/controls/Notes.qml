pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The view's notes, one panel each.
Column {
    id: notes

    property real size: Theme.body

    spacing: Theme.gap

    Repeater {
        model: Kiosk.view.notes

        NotePanel {
            required text
            required mood

            width: notes.width
            size: notes.size
        }
    }
}
