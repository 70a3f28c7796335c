import QtQuick
import ".."

// What is asked: the title, and a lead below it.
Column {
    id: heading

    property alias alignment: title.horizontalAlignment

    spacing: Theme.unit

    Line {
        id: title

        width: parent.width
        text: Kiosk.view.title
        font.pixelSize: Theme.titleSize
        font.bold: true
        lineHeight: Theme.tightLine
        Accessible.role: Accessible.Heading
    }

    Line {
        width: parent.width
        text: Kiosk.view.lead
        visible: text.length > 0
        color: Theme.inkSoft
        font.pixelSize: Theme.leadSize
        horizontalAlignment: heading.alignment
        lineHeight: 0.95
    }
}
