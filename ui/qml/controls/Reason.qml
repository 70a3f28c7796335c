import QtQuick
import ".."

// Why something is grey, beside it.
Item {
    id: reason

    property string reason

    implicitHeight: words.implicitHeight

    Hugging {
        id: words

        anchors.right: parent.right
        limit: parent.width - sign.width - Theme.unit
        text: reason.reason
        color: Theme.care
        font.pixelSize: Theme.smallest
    }

    Icon {
        id: sign

        anchors.right: words.left
        anchors.rightMargin: Theme.unit
        anchors.verticalCenter: words.verticalCenter
        name: "care"
        tint: Theme.care
        size: Theme.smallest
    }
}
