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

    ScanPreview {
        id: preview

        x: screen.isUpright ? 0 : screen.panel + Theme.space
        y: screen.isUpright ? head.height + Theme.space : 0
        width: parent.width - x
        height: screen.isUpright ? Math.min(width / Kiosk.view.scanAspect, parent.height * 0.5) : parent.height
    }

    Heading {
        id: head

        width: screen.panel
        hasLead: !Theme.isShort
    }

    Column {
        id: side

        y: screen.isUpright ? preview.y + preview.height + Theme.space : head.height + Theme.space
        width: screen.panel
        spacing: Theme.space

        NotePanel {
            width: parent.width
            visible: text.length > 0
            text: Kiosk.view.scanSentence
            mood: Kiosk.view.scanMood
            isBold: true
            size: Theme.isPortrait ? Theme.px(Theme.isElder ? 60 : 48) : Theme.leadSize
        }

        Line {
            width: parent.width
            visible: Kiosk.view.scanPageLimit > 1
            text: Words.pageOf.arg(Kiosk.view.scanPage).arg(Kiosk.view.scanPageLimit)
            color: Theme.inkSoft
        }

        Row {
            spacing: Theme.gap

            Repeater {
                model: Kiosk.view.thumbnails

                Image {
                    required property string text

                    width: Theme.px(144)
                    height: Theme.px(192)
                    fillMode: Image.PreserveAspectFit
                    sourceSize: Qt.size(width, height)
                    source: "image://page/" + text
                    cache: false
                    asynchronous: false
                    Accessible.role: Accessible.Graphic
                    Accessible.name: text
                }
            }
        }

        Notes {
            width: parent.width
        }
    }

    Picture {
        name: Kiosk.view.picture.length > 0 ? Kiosk.view.picture : Kiosk.view.scanOutline.length === 0 ? "paper" : ""
        y: side.y + side.height + Theme.space
        width: screen.panel
        height: parent.height - y
        visible: height > Theme.px(160)
    }
}
