import QtQuick
import ".."

// A text whose lines are about as long as each other, so that no single character stands in the last.
Item {
    id: balanced

    property string text
    property real size: Theme.leadSize
    property bool isBold: false
    property color tint: Theme.ink
    property int alignment: Text.AlignLeft
    property int role: Accessible.StaticText
    property real lineHeight: 0.95
    readonly property int lines: Math.max(1, Math.ceil(natural.advanceWidth / Math.max(1, width)))
    // Two lines part after the comma where both halves fit.
    readonly property int comma: {
        const at = text.indexOf("，") + 1;
        return lines === 2 && at > 1 && Math.max(at, text.length - at) * size <= width ? at : 0;
    }
    readonly property real evened: comma > 0 ? width : Math.min(width, Math.ceil(natural.advanceWidth / lines + (lines > 1 ? size * (Words.isEnglish ? 3 : 1.2) : 4)))

    implicitHeight: words.implicitHeight

    TextMetrics {
        id: natural

        text: balanced.text
        font.family: words.font.family
        font.pixelSize: balanced.size
        font.bold: balanced.isBold
    }

    Line {
        id: words

        x: balanced.alignment === Text.AlignHCenter ? (balanced.width - width) / 2 : 0
        width: balanced.evened
        text: balanced.comma > 0 ? balanced.text.slice(0, balanced.comma) + "\n" + balanced.text.slice(balanced.comma) : balanced.text
        color: balanced.tint
        font.pixelSize: balanced.size
        font.bold: balanced.isBold
        horizontalAlignment: balanced.alignment
        lineHeight: balanced.lineHeight
        Accessible.role: balanced.role
        Accessible.name: balanced.text
    }
}
