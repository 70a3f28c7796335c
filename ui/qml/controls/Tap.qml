import QtQuick
import ".."

// What every control is made of: a name, a role, a press that counts when the finger leaves inside, a focus ring.
Item {
    id: tap

    property string label
    property string description
    property bool isOn: true
    property real ringRadius: Theme.radius
    readonly property bool isTapTarget: true
    readonly property bool isDown: handler.pressed

    signal tapped

    enabled: isOn
    activeFocusOnTab: isOn
    implicitWidth: Theme.target
    implicitHeight: Theme.target

    Accessible.role: Accessible.Button
    Accessible.name: label
    Accessible.description: description
    Accessible.onPressAction: if (tap.isOn)
        tap.tapped()
    Keys.onReturnPressed: tap.tapped()
    Keys.onEnterPressed: tap.tapped()
    Keys.onSpacePressed: tap.tapped()

    TapHandler {
        id: handler

        gesturePolicy: TapHandler.ReleaseWithinBounds
        longPressThreshold: 0
        onTapped: tap.tapped()
    }

    Rectangle {
        anchors.fill: parent
        anchors.margins: -2 * Theme.focusLine
        visible: tap.activeFocus
        color: "transparent"
        radius: tap.ringRadius + 2 * Theme.focusLine
        border.width: Theme.focusLine
        border.color: Theme.lake
        z: 10
    }
}
