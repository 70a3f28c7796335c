import QtQuick
import ".."

// One form field: its label, its box or its choices, what is wrong or what helps.
Item {
    id: field

    required property string key
    required property string label
    required property string kind
    required property string display
    required property string hint
    required property string error
    required property string keyboard
    required property var options
    required property bool isRequired
    required property bool isLocked
    required property bool isDone
    required property bool isFocused
    required property int index
    property bool isCramped: false
    property real room: 100000 // height of a page, for choices that do not fit on one
    property alias part: choices.part
    readonly property int parts: isChoice ? choices.parts : 1
    readonly property bool isChoice: kind === "choice" || kind === "bool"
    readonly property bool isBox: !isChoice && kind !== "notice"
    readonly property real labelWidth: isCramped ? width * 0.3 : width

    readonly property bool hasHint: error.length === 0 && hint.length > 0 && !isLocked && (isChoice || display.length > 0)

    width: parent ? parent.width : 0
    implicitHeight: isCramped ? Math.max(content.height, name.height) : content.y + content.height

    Row {
        id: name

        width: field.labelWidth
        y: field.isCramped ? (parent.height - height) / 2 : 0
        spacing: Theme.unit

        Hugging {
            limit: field.labelWidth - (mark.visible ? mark.width + Theme.unit : 0)
            text: Words.joined(field.label)
            font.bold: true
            lineHeight: field.isCramped ? Theme.tightLine : Theme.lineHeight
            Accessible.name: field.label
            Accessible.ignored: field.isBox
        }

        Line {
            id: mark

            visible: field.isRequired && !field.isLocked && !field.isDone && text.length > 0
            text: "*"
            font.bold: true
            color: Theme.lake
            Accessible.ignored: true
        }
    }

    Column {
        id: content

        x: field.isCramped ? field.labelWidth + Theme.gap : 0
        y: field.isCramped ? 0 : name.height + Theme.unit / 2
        width: field.width - x
        spacing: Theme.unit

        InputBox {
            width: parent.width
            visible: field.isBox
            label: field.label
            display: field.display
            hint: field.hint
            isLocked: field.isLocked
            isDone: field.isDone
            isFocused: field.isFocused
            isWrong: field.error.length > 0
            onTapped: Kiosk.send("focus", field.key)
        }

        ChoiceGrid {
            id: choices

            room: field.room - name.height - Theme.unit * 1.5 - (field.hasHint ? below.height + Theme.unit : 0) - (field.error.length > 0 ? wrong.height + Theme.unit : 0)
            width: parent.width
            visible: field.isChoice
            model: field.isChoice ? field.options : null
            isLocked: field.isLocked
            onPicked: value => Kiosk.send("pick", field.key + "=" + value)
        }

        NotePanel {
            width: parent.width
            visible: field.kind === "notice"
            text: field.display
        }

        Row {
            id: wrong

            width: parent.width
            spacing: Theme.unit
            visible: field.error.length > 0

            Icon {
                name: "stop"
                tint: Theme.stop
                size: Theme.smallest * 1.3
            }

            Line {
                width: parent.width - Theme.smallest * 1.3 - Theme.unit
                text: field.error
                color: Theme.stop
                font.pixelSize: Theme.smallest
            }
        }

        Line {
            id: below

            width: parent.width
            visible: field.hasHint
            text: field.hint
            color: Theme.inkSoft
            font.pixelSize: Theme.smallest
        }
    }
}
