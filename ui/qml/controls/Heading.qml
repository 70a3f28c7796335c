import QtQuick
import ".."

// What is asked: the title, and a lead below it.
Column {
    id: heading

    property bool hasLead: true
    property real size: Theme.titleSize
    property real leadSize: Theme.leadSize
    property int alignment: Text.AlignLeft

    spacing: Theme.unit

    Balanced {
        width: parent.width
        text: Kiosk.view.title
        size: heading.size
        isBold: true
        alignment: heading.alignment
        role: Accessible.Heading
        lineHeight: Theme.tightLine
    }

    Balanced {
        width: parent.width
        visible: heading.hasLead && text.length > 0
        text: Kiosk.view.lead
        size: heading.leadSize
        tint: Theme.inkSoft
        alignment: heading.alignment
    }
}
