import QtQuick
import ".."

// The middle of a screen: what is asked, a picture of what to do with hands, and the content.
// Upright they stand below each other; lying, the question is at the left and the content at the right.
Item {
    id: page

    default property alias content: slot.data
    property real share: Theme.isPortrait ? 0.36 : 0.36 // lying: of the width; upright: the picture's part of the height
    property real contentHeight: 0 // upright: the picture leaves at least this much below it
    property bool hasHead: true
    property Component headExtra: null
    property bool hasContent: true
    readonly property bool isSplit: !Theme.isPortrait
    readonly property bool hasPicture: Kiosk.view.picture.length > 0
    // Lying and without content, the picture takes the right half.
    readonly property bool isPictureBeside: isSplit && !hasContent && hasPicture
    readonly property real headWidth: isPictureBeside ? width * 0.46 : isSplit && hasContent ? width * share : width

    // Height that is left below the words at the left.
    readonly property real headRoom: height - heading.height - Theme.space - (notes.visible ? notes.height + Theme.space : 0)

    anchors.fill: parent

    Column {
        id: head

        width: page.headWidth
        visible: page.hasHead
        spacing: Theme.space

        Heading {
            id: heading

            // The smallest screen with the largest type: notes need the room, and long words the width.
            readonly property bool isTight: page.isSplit && Theme.isShort && Theme.isElder

            size: isTight ? Theme.leadSize : Theme.titleSize
            leadSize: isTight ? Theme.body : Theme.leadSize
            width: parent.width
        }

        Notes {
            id: notes

            width: Math.min(parent.width, Theme.readable)
            visible: height > 0
        }

        Loader {
            width: parent.width
            active: page.hasHead && page.headExtra !== null
            visible: active
            sourceComponent: page.headExtra
        }
    }

    Picture {
        id: picture

        readonly property real startY: page.isPictureBeside ? 0 : page.hasHead ? head.height + Theme.space : 0

        name: Kiosk.view.picture
        x: page.isPictureBeside ? page.headWidth + Theme.space * 2 : 0
        y: startY
        width: page.isPictureBeside ? page.width - x : page.headWidth
        height: page.isSplit || !page.hasContent ? page.height - startY : Math.min(page.height * page.share, page.height - startY - Theme.space - page.contentHeight)
        visible: page.hasHead && page.hasPicture && height > Theme.px(120)
    }

    Item {
        id: slot

        readonly property real startY: {
            if (page.isSplit || !page.hasHead)
                return 0;
            return picture.visible ? picture.y + picture.height + Theme.space : head.height + Theme.space;
        }

        visible: page.hasContent
        x: page.isSplit && page.hasHead ? page.headWidth + Theme.space * 2 : 0
        y: startY
        width: page.width - x
        height: page.height - y
    }
}
