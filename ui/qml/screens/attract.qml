import QtQuick
import ".."
import "../controls"

// What this machine can do, in five seconds. A touch anywhere begins.
Item {
    id: screen

    readonly property bool isUpright: Theme.isPortrait
    readonly property bool isTight: !isUpright && Theme.isElder // large type on a low screen

    anchors.fill: parent

    Item {
        id: scene

        // The drawing is 1600×800; lying, boat, pagoda and sun are shown between more sky and more water.
        readonly property real ratio: screen.isUpright ? Math.max(width / 1600, height / 800) : Math.max(width / 1190, height / 800 * 0.62)

        width: screen.isUpright ? parent.width : parent.width * (screen.isTight ? 0.36 : 0.46)
        height: screen.isUpright ? Math.min(parent.height * (Theme.isElder ? 0.34 : 0.42), width * 0.66) : parent.height
        clip: true

        Rectangle {
            anchors.fill: parent
            color: Theme.lakeMist
        }

        Rectangle {
            width: parent.width
            y: drawing.y + drawing.height - 2
            height: parent.height - y
            color: Theme.water
        }

        Image {
            id: drawing

            x: screen.isUpright ? (parent.width - width) * 0.55 : -230 * scene.ratio
            y: screen.isUpright ? parent.height - height : (parent.height - height) * 0.6
            width: 1600 * scene.ratio
            height: 800 * scene.ratio
            sourceSize: Qt.size(width, height)
            source: Theme.isHigh ? Theme.scene("picture-attract") : Theme.drawing("picture-attract")
            Accessible.ignored: true
        }
    }

    TapHandler {
        onTapped: Kiosk.send("start", "")
    }

    Column {
        id: words

        x: screen.isUpright ? Theme.margin : scene.width + Theme.margin
        y: screen.isUpright ? scene.height + Theme.space * 1.5 : Theme.space * (screen.isTight ? 1 : 1.5)
        width: parent.width - x - Theme.margin
        spacing: Theme.space

        Line {
            width: parent.width
            text: Kiosk.view.title
            // a Chinese name stands on one line where it can: its characters are as wide as they are high
            font.pixelSize: screen.isTight ? Theme.titleSize * (Theme.isShort ? 0.7 : 1) : Words.isEnglish ? Theme.display : Math.max(Theme.titleSize, Math.min(Theme.display, Math.floor(width / Math.max(1, text.length))))
            font.bold: true
            lineHeight: Theme.tightLine
            Accessible.role: Accessible.Heading
        }

        Balanced {
            width: parent.width
            visible: text.length > 0 && !(Theme.isShort && Kiosk.view.topNotice.length > 0) // a device's notice needs the room
            text: Kiosk.view.lead
            tint: Theme.inkSoft
            size: screen.isTight ? Theme.body : Theme.leadSize
            lineHeight: Theme.lineHeight
        }

        Notes {
            width: parent.width
            size: Theme.isShort || screen.isTight ? Theme.body : Theme.leadSize
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
