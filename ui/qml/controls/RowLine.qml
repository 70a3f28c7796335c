import QtQuick
import ".."

// A line of a guide, a list or a review; a heading stands above the first of its section.
Item {
    id: line

    required property string key
    required property string label
    required property string value
    required property string heading
    required property string icon
    required property string mood
    required property string standing
    required property string action
    required property string actionLabel
    property bool isRoomy: false
    readonly property real size: isRoomy ? Theme.leadSize : Theme.body
    readonly property bool isAction: action.length > 0
    readonly property real inner: body.width - 2 * Theme.pad
    readonly property real signRoom: icon.length > 0 ? Theme.iconSize + Theme.unit * 2 : 0
    readonly property real stateRoom: standing.length > 0 ? said.implicitWidth + Theme.iconSize + Theme.unit + Theme.gap : 0
    readonly property real goRoom: isAction ? go.implicitWidth + Theme.iconSize + Theme.unit + Theme.gap : 0
    // Where the words would get too narrow, the state stands below them.
    readonly property bool isStateBelow: standing.length > 0 && inner - signRoom - stateRoom - goRoom < size * 7.5
    readonly property real wordsWidth: inner - signRoom - goRoom - (isStateBelow ? 0 : stateRoom)
    // Label and value stand beside each other where both keep a readable width, else below each other.
    readonly property bool isBeside: value.length > 0 && inner - signRoom > size * 18 && wordsWidth - labelWidth > size * 5
    readonly property real labelWidth: Math.floor((inner - signRoom) * 0.36) // the same with a button and without

    width: parent ? parent.width : 0
    implicitHeight: top.height + body.height

    Item {
        id: top

        width: parent.width
        height: line.heading.length > 0 ? title.implicitHeight + Theme.unit * 2 : 0

        Line {
            id: title

            anchors.bottom: parent.bottom
            anchors.bottomMargin: Theme.unit
            width: parent.width
            visible: line.heading.length > 0
            text: line.heading
            font.pixelSize: line.size
            font.bold: true
            color: Theme.lake
            Accessible.role: Accessible.Heading
        }
    }

    Tap {
        id: body

        y: top.height
        width: parent.width
        implicitHeight: Math.max(line.isAction ? Theme.target : 0, words.height + (line.isStateBelow ? said.implicitHeight : 0) + Theme.unit * (line.isRoomy ? 5 : 3))
        height: implicitHeight
        enabled: line.isAction
        activeFocusOnTab: line.isAction
        label: line.label
        description: line.actionLabel
        Accessible.role: line.isAction ? Accessible.Button : Accessible.ListItem
        onTapped: Kiosk.send(line.action, line.key)

        Rectangle {
            anchors.fill: parent
            radius: Theme.radius
            color: body.isDown ? Theme.lakeMist : Theme.card
            border.width: line.isAction || Theme.isHigh ? Theme.hairline : 0
            border.color: line.isAction ? Theme.edge : Theme.line
        }

        Icon {
            x: Theme.pad
            y: words.y + (line.size * 1.45 - height) / 2
            name: line.icon
            tint: line.mood === "plain" ? Theme.lake : Theme.moodColor(line.mood)
        }

        // Plain items, not positioners: their sizes must not depend on which page is shown.
        Item {
            id: words

            x: Theme.pad + line.signRoom
            y: (body.height - height - (line.isStateBelow ? said.implicitHeight : 0)) / 2
            width: line.wordsWidth
            height: line.isBeside ? Math.max(name.implicitHeight, text.implicitHeight) : name.implicitHeight + (line.value.length > 0 ? text.implicitHeight : 0)

            Balanced {
                id: name

                width: line.isBeside ? line.labelWidth : line.wordsWidth
                text: line.label
                size: line.size
                lineHeight: Theme.lineHeight
                tint: line.value.length > 0 ? Theme.inkSoft : Theme.ink
                isSilent: line.isAction
            }

            Balanced {
                id: text

                x: line.isBeside ? name.width + Theme.gap : 0
                y: line.isBeside ? 0 : name.implicitHeight
                width: line.isBeside ? line.wordsWidth - x : line.wordsWidth
                visible: line.value.length > 0
                text: line.value
                size: line.size
                lineHeight: Theme.lineHeight
            }
        }

        Icon {
            x: said.x - width - Theme.unit
            y: said.y + (said.height - height) / 2
            visible: line.standing.length > 0
            name: line.mood
            tint: Theme.moodColor(line.mood)
        }

        Line {
            id: said

            x: line.isStateBelow ? words.x + Theme.iconSize + Theme.unit : body.width - Theme.pad - line.goRoom - implicitWidth
            y: line.isStateBelow ? words.y + words.height : (body.height - height) / 2
            visible: line.standing.length > 0
            text: line.standing
            color: Theme.moodColor(line.mood)
            wrapMode: Text.NoWrap
        }

        Line {
            id: go

            x: body.width - Theme.pad - Theme.iconSize - Theme.unit - implicitWidth
            anchors.verticalCenter: parent.verticalCenter
            visible: line.isAction
            text: line.actionLabel
            color: Theme.lake
            font.bold: true
            wrapMode: Text.NoWrap
            Accessible.ignored: true
        }

        Icon {
            x: body.width - Theme.pad - width
            anchors.verticalCenter: parent.verticalCenter
            visible: line.isAction
            name: "next"
            tint: Theme.lake
        }
    }
}
