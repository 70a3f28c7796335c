pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Choose what to do: by service window, by part of life, or by searching.
Page {
    id: home

    readonly property bool isTop: lives.count > 0
    readonly property real headings: 2 * (Theme.body * 1.5 + Theme.gap) + Theme.space
    readonly property bool hasRoomForBoth: classes.naturalHeight + lives.naturalHeight + headings <= body.height
    readonly property real spare: body.height - classes.naturalHeight - lives.naturalHeight - headings
    property int tab: 0

    share: 0.28
    hasHead: !Kiosk.isTyping
    headExtra: SearchBox {}

    Loader {
        id: searching

        width: parent.width
        active: !home.hasHead
        sourceComponent: home.headExtra
    }

    Item {
        id: body

        y: searching.height > 0 ? searching.height + Theme.space : 0
        width: parent.width
        height: parent.height - y

        Row {
            id: tabs

            width: parent.width
            spacing: Theme.gap
            visible: home.isTop && !home.hasRoomForBoth

            Repeater {
                model: [Words.byWindow, Words.byLife]

                BigButton {
                    required property string modelData
                    required property int index

                    width: (tabs.width - Theme.gap) / 2
                    look: home.tab === index ? "primary" : "quiet"
                    label: modelData
                    Accessible.role: Accessible.PageTab
                    onTapped: home.tab = index
                }
            }
        }

        Line {
            id: first

            visible: home.isTop && home.hasRoomForBoth
            text: Words.byWindow
            font.bold: true
            color: Theme.lake
            Accessible.role: Accessible.Heading
        }

        TileGrid {
            id: classes

            y: !home.isTop ? 0 : home.hasRoomForBoth ? first.height + Theme.gap : tabs.height + Theme.gap
            width: parent.width
            height: home.isTop && home.hasRoomForBoth ? naturalHeight + home.spare * classes.rowCount / (classes.rowCount + lives.rowCount) : parent.height - y
            visible: !home.isTop || home.hasRoomForBoth || home.tab === 0
            look: home.isTop ? "side" : "row"
            hasPager: !Kiosk.isTyping
            columns: home.isTop ? Theme.isPortrait ? 2 : Math.max(1, Math.min(4, Math.floor(width / Theme.px(Theme.isElder ? 400 : 270)))) : Kiosk.isTyping && !Theme.isPortrait ? 2 : 1
            model: Kiosk.view.tiles
        }

        Line {
            id: second

            y: classes.y + classes.height + Theme.space
            visible: first.visible
            text: Words.byLife
            font.bold: true
            color: Theme.lake
            Accessible.role: Accessible.Heading
        }

        TileGrid {
            id: lives

            y: home.hasRoomForBoth ? second.y + second.height + Theme.gap : tabs.height + Theme.gap
            width: parent.width
            height: home.hasRoomForBoth ? naturalHeight + home.spare * lives.rowCount / (classes.rowCount + lives.rowCount) : parent.height - y
            visible: home.isTop && (home.hasRoomForBoth || home.tab === 1)
            look: "stack"
            columns: Theme.isElder ? (Theme.isPortrait ? 3 : 4) : width < Theme.px(800) ? 4 : 5
            model: Kiosk.view.lifeTiles
        }
    }
}
