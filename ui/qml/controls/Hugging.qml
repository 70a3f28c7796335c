import QtQuick

// A text as wide as its words, up to a limit; beyond it wraps. (A width bound to the text's own implicit width loops.)
Line {
    id: hugging

    property real limit: 100000

    width: Math.max(0, Math.min(limit, text.length > 0 ? Math.ceil(natural.advanceWidth) + 2 : 0))

    TextMetrics {
        id: natural

        text: hugging.text
        font: hugging.font
    }
}
