pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The box to type what one is looking for; there when the view has a field for it.
Column {
    id: boxes

    Repeater {
        model: Kiosk.view.fields

        InputBox {
            id: box

            required property string key
            required label
            required display
            required hint
            required isFocused

            width: boxes.width
            icon: "search"
            onTapped: Kiosk.send("focus", box.key)
        }
    }
}
