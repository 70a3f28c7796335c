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
    readonly property bool isChoice: kind === "choice" || kind === "bool"
    readonly property bool isBox: !isChoice && kind !== "notice"
    readonly property real labelWidth: isCramped ? width * 0.3 : width

    width: parent ? parent.width : 0
    implicitHeight: isCramped ? Math.max(content.height, name.height) : content.y + content.height

    Row {
        id: name

        width: field.labelWidth
        y: field.isCramped ? (parent.height - height) / 2 : 0
        spacing: Theme.unit

        Hugging {
            limit: field.labelWidth - (mark.visible ? mark.width + Theme.unit : 0)
            text: field.label
            font.bold: true
            lineHeight: field.isCramped ? Theme.tightLine : Theme.lineHeight
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
            width: parent.width
            visible: field.error.length === 0 && text.length > 0 && !field.isLocked && (field.isChoice || field.display.length > 0)
            text: field.hint
            color: Theme.inkSoft
            font.pixelSize: Theme.smallest
        }
    }
}
