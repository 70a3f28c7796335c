import QtQuick
import ".."

// An action of the view as a button.
BigButton {
    id: button

    required property string key
    required property string value
    required property bool isEnabled
    required property string reason
    required label

    isOn: isEnabled
    description: reason
    onTapped: Kiosk.send(button.key, button.value)
}
