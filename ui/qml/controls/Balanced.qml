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
    property bool isSilent: false // a control around it says the words
    readonly property int lines: Math.max(1, Math.ceil(natural.advanceWidth / Math.max(1, width)))
    // Two lines part after the comma where both halves fit.
    readonly property int comma: {
        const at = text.indexOf("，") + 1;
        return lines === 2 && at > 1 && Math.max(at, text.length - at) * size <= width ? at : 0;
    }
    // Chinese breaks anywhere: of four characters two stand in each line. A name of three signs that stays whole takes more.
    readonly property real slack: Words.isEnglish ? size * 3 : Math.min(size * (text.search(Words.papers) < 0 ? 1.2 : 2.2), natural.advanceWidth / lines * 0.4)
    readonly property string joined: lines > 1 ? Words.joined(text) : text
    // Numbers and Latin words stay whole: their characters are at most this wide.
    readonly property real longest: (text.match(/[!-~]+/g) || []).reduce((most, word) => Math.max(most, word.length), 0) * size * 0.65
    readonly property real evened: comma > 0 ? width : Math.min(width, Math.max(longest, Math.ceil(natural.advanceWidth / lines + (lines > 1 ? slack : 4))))

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
        text: balanced.comma > 0 ? balanced.text.slice(0, balanced.comma) + "\n" + balanced.text.slice(balanced.comma) : balanced.joined
        color: balanced.tint
        font.pixelSize: balanced.size
        font.bold: balanced.isBold
        horizontalAlignment: balanced.alignment
        lineHeight: balanced.lineHeight
        Accessible.role: balanced.role
        Accessible.name: balanced.text
        Accessible.ignored: balanced.isSilent || balanced.text.length === 0
    }
}
