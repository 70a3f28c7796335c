pragma ComponentBehavior: Bound
import QtQuick
import "controls"
import "dock"

Window {
    id: root

    required property QtObject bridge
    required property QtObject keys
    required property QtObject simulation
    property bool isDockHidden: false

    color: Theme.paper
    minimumWidth: 640
    minimumHeight: 480

    Component.onCompleted: {
        Kiosk.keys = root.keys;
        Kiosk.dock = root.simulation;
        Kiosk.view = root.bridge;
        frame.active = true;
    }

    Binding {
        target: Theme
        property: "canvasWidth"
        value: root.width
    }
    Binding {
        target: Theme
        property: "canvasHeight"
        value: root.height
    }

    Loader {
        id: frame

        anchors.fill: parent
        active: false
        sourceComponent: Frame {}
    }

    Loader {
        anchors.fill: parent
        active: Kiosk.isReady && Kiosk.view.countdown >= 0
        sourceComponent: IdleOverlay {}
    }

    Loader {
        anchors.fill: parent
        active: Kiosk.isReady && Kiosk.dock.hasDock && !root.isDockHidden
        sourceComponent: DockDrawer {}
    }
}
