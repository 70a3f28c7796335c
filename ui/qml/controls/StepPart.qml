import QtQuick
import ".."

// One part of the step bar.
Item {
    id: part

    required property string key
    required property string label
    required property string phase
    property bool isNamed: true
    readonly property bool isNow: phase === "now"
    readonly property real nameWidth: name.implicitWidth

    height: Theme.unit * 2 + Theme.smallest * 1.5

    Rectangle {
        width: parent.width
        height: Theme.unit
        radius: height / 2
        color: part.phase === "ahead" ? Theme.line : Theme.lake
    }

    Line {
        id: name

        anchors.bottom: parent.bottom
        anchors.horizontalCenter: parent.horizontalCenter
        visible: part.isNamed
        wrapMode: Text.NoWrap
        text: part.label
        font.pixelSize: Theme.smallest
        font.bold: part.isNow
        color: part.isNow ? Theme.lake : Theme.inkSoft
        Accessible.ignored: true
    }
}
