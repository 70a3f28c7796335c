pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Simulation only: a drawer at the edge, laid over the kiosk. It speaks to the far ends, never to the product.
Item {
    id: dock

    property bool isOpen: false
    readonly property real drawerWidth: 560

    Rectangle {
        id: tab

        anchors.right: drawer.left
        y: dock.height * 0.4
        width: 40
        height: 96
        color: "#2B3245"
        radius: 8

        Text {
            anchors.centerIn: parent
            rotation: -90
            textFormat: Text.PlainText
            text: Words.say("模拟", "SIM")
            color: "white"
            font.pixelSize: 20
        }

        TapHandler {
            onTapped: dock.isOpen = !dock.isOpen
        }
        Accessible.role: Accessible.Button
        Accessible.name: Words.say("模拟台", "Simulation dock")
    }

    Rectangle {
        id: drawer

        anchors.right: parent.right
        anchors.rightMargin: dock.isOpen ? 0 : -dock.drawerWidth
        anchors.verticalCenter: parent.verticalCenter
        width: dock.drawerWidth
        height: Math.min(parent.height, list.height + 32)
        color: "#2B3245"

        MouseArea {
            anchors.fill: parent
        }

        Grid {
            id: list

            x: 16
            y: 16
            width: parent.width - 32
            columns: 2
            spacing: 6

            Repeater {
                model: Kiosk.dock.controls

                Rectangle {
                    id: item

                    required property string control
                    required property string label
                    required property string value
                    required property string group
                    required property bool isOn

                    width: (list.width - list.spacing) / 2
                    height: 44
                    radius: 6
                    color: isOn ? "#4C8DD6" : press.pressed ? "#59637D" : "#3D465E"
                    Accessible.role: Accessible.Button
                    Accessible.name: label

                    Text {
                        anchors.verticalCenter: parent.verticalCenter
                        x: 12
                        width: parent.width - 24
                        elide: Text.ElideRight
                        textFormat: Text.PlainText
                        text: item.label
                        color: "white"
                        font.pixelSize: 18
                    }

                    TapHandler {
                        id: press

                        onTapped: Kiosk.dock.press(item.control, item.value)
                    }
                }
            }
        }
    }
}
