import QtQuick
import ".."

// A drawn icon in one colour.
Image {
    id: icon

    property string name
    property color tint: Theme.ink
    property real size: Theme.iconSize

    width: size
    height: size
    sourceSize: Qt.size(size, size)
    source: name.length > 0 ? Theme.icon(name, tint) : ""
    visible: name.length > 0
    Accessible.ignored: true
}
