import QtQuick
import ".."

// The number on the slip, as large as the slip's own, with its code below or beside it where that has room.
Rectangle {
    id: card

    property real codeRoom: 0 // height the card may take
    property real least: Theme.px(150)
    readonly property real full: Theme.px(Theme.isElder ? 300 : 260)
    readonly property bool isBeside: natural.advanceWidth + full + Theme.pad * 3 < width
    readonly property real codeSide: Math.min(full, codeRoom - 2 * Theme.pad - (isBeside ? 0 : words.height + Theme.pad))
    readonly property bool hasCode: codeSide >= least && Kiosk.view.codeSource.length > 0
    readonly property real wordsWidth: width - Theme.pad * 2 - (isBeside && codeRoom > 0 ? full + Theme.pad : 0)

    implicitHeight: (isBeside && hasCode ? Math.max(words.height, code.side) : words.height + (hasCode ? code.side + Theme.pad : 0)) + Theme.pad * 2
    radius: Theme.radius
    color: Theme.card
    border.width: Theme.hairline
    border.color: Theme.lake

    TextMetrics {
        id: natural

        text: Kiosk.view.number
        font.family: words.font.family
        font.pixelSize: Theme.titleSize
        font.bold: true
    }

    Line {
        id: words

        x: Theme.pad
        y: card.isBeside ? (card.height - height) / 2 : Theme.pad
        width: card.wordsWidth
        text: Kiosk.view.number
        // As large as one line allows, between the lead's size and the display's.
        font.pixelSize: Math.round(Math.max(Theme.leadSize, Math.min(Theme.display, 0.96 * Theme.titleSize * width / Math.max(1, natural.advanceWidth))))
        font.bold: true
        color: Theme.lake
        horizontalAlignment: Text.AlignHCenter
        lineHeight: 0.9
    }

    Code {
        id: code

        visible: card.hasCode
        side: Math.max(1, card.codeSide)
        x: card.isBeside ? card.width - side - Theme.pad : (card.width - side) / 2
        y: card.isBeside ? (card.height - side) / 2 : words.y + words.height + Theme.pad
    }
}
