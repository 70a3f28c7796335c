import QtQuick
import ".."

// A code to photograph, on white whatever the theme.
Rectangle {
    id: code

    property real side: Theme.px(Theme.isElder ? 300 : 260)

    width: side
    height: side
    visible: Kiosk.view.codeSource.length > 0
    color: Theme.white
    radius: Theme.radius

    Image {
        anchors.centerIn: parent
        source: Kiosk.view.codeSource
        sourceSize: Qt.size(code.side, code.side)
        cache: false
        smooth: false
        Accessible.role: Accessible.Graphic
        Accessible.name: Words.codeHint
    }
}
