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
    readonly property real stateRoom: standing.length > 0 ? state_.width + Theme.gap : 0
    readonly property real goRoom: isAction ? go.width + Theme.gap : 0
    readonly property real wordsWidth: inner - signRoom - stateRoom - goRoom
    // Label and value stand beside each other where both keep a readable width, else below each other.
    readonly property bool isBeside: value.length > 0 && wordsWidth > size * 18

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
        implicitHeight: Math.max(line.isAction ? Theme.target : 0, words.height + Theme.unit * (line.isRoomy ? 5 : 3))
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

        Flow {
            id: words

            x: Theme.pad + line.signRoom
            anchors.verticalCenter: parent.verticalCenter
            width: line.wordsWidth
            spacing: line.isBeside ? Theme.gap : 0

            Line {
                width: line.isBeside ? Math.floor((line.wordsWidth - Theme.gap) * 0.36) : line.wordsWidth
                text: line.label
                font.pixelSize: line.size
                color: line.value.length > 0 ? Theme.inkSoft : Theme.ink
                Accessible.ignored: line.isAction
            }

            Line {
                width: line.isBeside ? Math.floor((line.wordsWidth - Theme.gap) * 0.64) : line.wordsWidth
                visible: text.length > 0
                text: line.value
                font.pixelSize: line.size
            }
        }

        Row {
            id: state_

            anchors.right: parent.right
            anchors.rightMargin: Theme.pad + line.goRoom
            anchors.verticalCenter: parent.verticalCenter
            spacing: Theme.unit
            visible: line.standing.length > 0

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                name: line.mood
                tint: Theme.moodColor(line.mood)
            }

            Line {
                anchors.verticalCenter: parent.verticalCenter
                text: line.standing
                color: Theme.moodColor(line.mood)
                wrapMode: Text.NoWrap
            }
        }

        Row {
            id: go

            anchors.right: parent.right
            anchors.rightMargin: Theme.pad
            anchors.verticalCenter: parent.verticalCenter
            spacing: Theme.unit
            visible: line.isAction

            Line {
                anchors.verticalCenter: parent.verticalCenter
                text: line.actionLabel
                color: Theme.lake
                font.bold: true
                wrapMode: Text.NoWrap
                Accessible.ignored: true
            }

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                name: "next"
                tint: Theme.lake
            }
        }
    }
}
