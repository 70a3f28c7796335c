import QtQuick
import ".."

// Two large buttons instead of a flick: former and next page.
Item {
    id: pager

    property int page
    property int count
    property bool hasNext: true
    readonly property real most: (width - Theme.target - 2 * Theme.gap) / 2
    signal turned(int page)

    implicitHeight: Theme.target
    visible: count > 1

    BigButton {
        id: previous

        anchors.left: parent.left
        look: "quiet"
        visible: pager.hasNext || pager.page > 0
        icon: Theme.isShort ? "" : "up"
        maximumWidth: pager.most
        label: Words.previousPage
        isOn: pager.page > 0
        onTapped: pager.turned(pager.page - 1)
    }

    Line {
        anchors.left: previous.right
        anchors.right: next.left
        anchors.margins: Theme.gap
        anchors.verticalCenter: parent.verticalCenter
        horizontalAlignment: Text.AlignHCenter
        wrapMode: Text.NoWrap
        text: (pager.page + 1) + " / " + pager.count
        color: Theme.inkSoft
        Accessible.name: Words.pageOf.arg(pager.page + 1).arg(pager.count)
    }

    BigButton {
        id: next

        anchors.right: parent.right
        look: "secondary"
        visible: pager.hasNext
        icon: Theme.isShort ? "" : "down"
        maximumWidth: pager.most
        label: Words.nextPage
        isOn: pager.page < pager.count - 1
        onTapped: pager.turned(pager.page + 1)
    }
}
