pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// Nine keys: which syllable comes first.
Row {
    id: bar

    spacing: Theme.keyGap

    Repeater {
        model: Kiosk.keys.readings

        BigButton {
            id: button

            required property string text

            minimumWidth: Theme.target
            look: "quiet"
            label: text
            onTapped: Kiosk.keys.read(button.text)
        }
    }
}
