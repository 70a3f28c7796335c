pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Choose what to do: by service window, by part of life, or by searching.
Page {
    id: home

    readonly property bool isTop: lives.count > 0
    readonly property real headings: 2 * (Theme.body * 1.5 + Theme.gap) + Theme.space
    // Where type is large or the screen small, one kind of door is shown at a time.
    readonly property bool showsBoth: !Theme.isElder && !Theme.isShort && (Theme.isPortrait || classes.naturalHeight + lives.naturalHeight + headings <= body.height)
    readonly property real spare: Math.max(0, body.height - classes.naturalHeight - lives.naturalHeight - headings)
    property int tab: 0

    share: Theme.isElder || Theme.isShort ? 0.36 : 0.25
    hasHead: !Kiosk.isTyping
    headExtra: Column {
        spacing: Theme.space

        SearchBox {
            width: parent.width
        }

        Row {
            id: tabs

            width: parent.width
            spacing: Theme.gap
            visible: home.isTop && !home.showsBoth && !Kiosk.isTyping

            Repeater {
                model: [Words.byWindow, Words.byLife]

                BigButton {
                    required property string modelData
                    required property int index

                    width: (tabs.width - Theme.gap) / 2
                    look: home.tab === index ? "chosen" : "quiet"
                    label: modelData
                    Accessible.role: Accessible.PageTab
                    onTapped: home.tab = index
                }
            }
        }
    }

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

        Line {
            id: first

            visible: home.isTop && home.showsBoth
            text: Words.byWindow
            font.bold: true
            color: Theme.lake
            Accessible.role: Accessible.Heading
        }

        TileGrid {
            id: classes

            y: home.isTop && home.showsBoth ? first.height + Theme.gap : 0
            width: parent.width
            height: home.isTop && home.showsBoth ? naturalHeight + home.spare * classes.rowCount / (classes.rowCount + lives.rowCount) : parent.height - y
            visible: (!home.isTop || home.showsBoth || home.tab === 0) && (!Kiosk.isTyping || height >= naturalCell)
            look: home.isTop ? "side" : "row"
            hasPager: !Kiosk.isTyping
            columns: home.isTop ? Theme.isPortrait ? 2 : Theme.isElder || Theme.isShort ? 2 : Math.max(1, Math.min(4, Math.floor(width / Theme.px(270)))) : Kiosk.isTyping && !Theme.isPortrait && !Theme.isElder && !Theme.isShort ? 2 : 1
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

            y: home.showsBoth ? second.y + second.height + Theme.gap : 0
            width: parent.width
            height: home.showsBoth ? naturalHeight + home.spare * lives.rowCount / (classes.rowCount + lives.rowCount) : parent.height - y
            visible: home.isTop && (home.showsBoth || home.tab === 1)
            look: "stack"
            columns: Theme.isElder ? (Theme.isPortrait ? 2 : 3) : Theme.isShort ? 3 : 5
            model: Kiosk.view.lifeTiles
        }
    }
}
