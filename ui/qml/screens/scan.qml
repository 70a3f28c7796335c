pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// The live desk. It takes the picture itself, and says what is wrong and how to mend it.
Item {
    id: screen

    anchors.fill: parent

    readonly property bool isUpright: Theme.isPortrait
    readonly property real panel: isUpright ? width : Math.max(width * 0.32, Theme.px(Theme.isElder ? 520 : 420))

    // What is said must be read whole: lying, notes stand below the live desk, which is wide; it leaves them the room.
    readonly property real words: spaced(said.height) + spaced(notes.height) + (Kiosk.view.scanPageLimit > 1 ? spaced(count.implicitHeight) : 0)

    function spaced(tall: real): real {
        return tall > 0 ? tall + Theme.space : 0;
    }

    ScanPreview {
        id: preview

        x: screen.isUpright ? -Theme.margin : screen.panel + Theme.space // upright from edge to edge
        y: screen.isUpright ? head.height + Theme.space : 0
        width: screen.isUpright ? parent.width + 2 * Theme.margin : parent.width - x
        height: screen.isUpright ? Math.min(width / Kiosk.view.scanAspect, parent.height * 0.5, parent.height - y - screen.words) : parent.height - screen.spaced(notes.height)
    }

    Heading {
        id: head

        width: screen.panel
        hasLead: screen.isUpright
        size: screen.isUpright ? Theme.titleSize : Math.min(Theme.titleSize, Theme.leadSize * 1.15)
    }

    Column {
        id: side

        y: screen.isUpright ? preview.y + preview.height + Theme.space : head.height + Theme.space
        width: screen.panel
        spacing: Theme.space

        NotePanel {
            id: said

            width: parent.width
            visible: text.length > 0
            text: Kiosk.view.scanSentence
            mood: Kiosk.view.scanMood
            isBold: true
            size: screen.isUpright ? Theme.px(Theme.isElder ? 60 : 48) : Theme.isShort ? Theme.body : Theme.isElder ? Theme.body * 1.1 : Theme.leadSize
        }

        Line {
            id: count

            width: parent.width
            visible: Kiosk.view.scanPageLimit > 1 && side.y + said.height + Theme.space + height <= screen.height
            text: Words.pageOf.arg(Kiosk.view.scanPage).arg(Kiosk.view.scanPageLimit)
            color: Theme.inkSoft
        }

        Row {
            id: taken

            // What is left below the words; too little shows none.
            readonly property real room: screen.height - side.y - screen.words + (screen.isUpright ? 0 : screen.spaced(notes.height))
            readonly property real most: Theme.px(screen.isUpright ? 288 : 192)
            readonly property real tall: Math.min(most, room)

            spacing: Theme.gap
            visible: tall >= Theme.px(80)

            Repeater {
                model: Kiosk.view.thumbnails

                Image {
                    required property string text

                    width: height * 0.75
                    height: Math.max(1, taken.tall)
                    fillMode: Image.PreserveAspectFit
                    sourceSize: Qt.size(taken.most * 0.75, taken.most) // one size, so that it is decoded once
                    source: "image://page/" + text
                    cache: false
                    asynchronous: false // Qt's image thread must never wait for Python (adr 29)
                    Accessible.role: Accessible.Graphic
                    Accessible.name: text
                }
            }
        }
    }

    Notes {
        id: notes

        x: screen.isUpright ? 0 : preview.x
        y: screen.isUpright ? side.y + side.height + Theme.space : screen.height - height
        width: screen.isUpright ? screen.panel : preview.width
    }

    Picture {
        name: Kiosk.view.picture.length > 0 ? Kiosk.view.picture : Kiosk.view.scanOutline.length === 0 ? "paper" : ""
        y: side.y + side.height + Theme.space + (screen.isUpright ? screen.spaced(notes.height) : 0)
        width: screen.panel
        height: parent.height - y
        visible: height > Theme.px(160)
    }
}
