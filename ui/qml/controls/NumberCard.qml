import QtQuick
import ".."

// The number on the slip, as large as the slip's own, and the same as a code to photograph.
Rectangle {
    id: card

    readonly property bool hasCode: Kiosk.view.codeSource.length > 0
    readonly property real codeSide: hasCode ? Theme.px(Theme.isElder ? 300 : 260) : 0
    readonly property bool isBeside: natural.width + codeSide + Theme.pad * 3 < width

    implicitHeight: (isBeside ? Math.max(words.height, codeSide) : words.height + codeSide + Theme.space) + Theme.pad * 2
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

        anchors.left: parent.left
        anchors.leftMargin: Theme.pad
        y: card.isBeside ? (parent.height - height) / 2 : Theme.pad
        width: card.isBeside ? parent.width - card.codeSide - Theme.pad * 3 : parent.width - Theme.pad * 2
        text: Kiosk.view.number
        font.pixelSize: Theme.display
        font.bold: true
        color: Theme.lake
        wrapMode: natural.width > width ? Text.Wrap : Text.NoWrap
        fontSizeMode: Text.HorizontalFit
        minimumPixelSize: Theme.titleSize
        horizontalAlignment: Text.AlignHCenter
        lineHeight: 0.9
    }

    Rectangle {
        visible: card.hasCode
        x: card.isBeside ? parent.width - width - Theme.pad : (parent.width - width) / 2
        y: card.isBeside ? (parent.height - height) / 2 : words.y + words.height + Theme.space
        width: card.codeSide
        height: card.codeSide
        color: "white"
        radius: Theme.radius / 2

        Image {
            anchors.centerIn: parent
            source: Kiosk.view.codeSource
            sourceSize: Qt.size(card.codeSide, card.codeSide)
            cache: false
            smooth: false
            Accessible.role: Accessible.Graphic
            Accessible.name: Words.codeHint
        }
    }
}
