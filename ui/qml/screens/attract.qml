import QtQuick
import ".."
import "../controls"

// What this machine can do, in five seconds. A touch anywhere begins.
Item {
    id: screen

    readonly property bool isUpright: Theme.isPortrait
    readonly property bool isWide: !isUpright

    anchors.fill: parent

    Image {
        id: scene

        width: screen.isUpright ? parent.width : parent.width * 0.46
        height: screen.isUpright ? Math.min(parent.height * 0.36, width * 0.62) : parent.height
        sourceSize: screen.isUpright ? Qt.size(Math.max(width, height * 2), 0) : Qt.size(height * 2, 0)
        fillMode: Image.PreserveAspectCrop
        source: Theme.drawing("picture-attract")
        Accessible.ignored: true
    }

    TapHandler {
        onTapped: Kiosk.send("start", "")
    }

    Column {
        id: words

        x: screen.isUpright ? Theme.margin : scene.width + Theme.margin
        y: screen.isUpright ? scene.height + Theme.space * 1.5 : Theme.space * 1.5
        width: parent.width - x - Theme.margin
        spacing: Theme.space

        Line {
            width: parent.width
            text: Kiosk.view.title
            font.pixelSize: Theme.display
            font.bold: true
            lineHeight: Theme.tightLine
            Accessible.role: Accessible.Heading
        }

        Line {
            width: parent.width
            visible: text.length > 0
            text: Kiosk.view.lead
            color: Theme.inkSoft
            font.pixelSize: Theme.leadSize
        }

        Notes {
            width: parent.width
            visible: height > 0
        }
    }

    Item {
        x: words.x
        y: words.y + words.height + Theme.space
        width: words.width
        height: parent.height - y - Theme.space

        Rows {
            anchors.fill: parent
        }
    }
}
