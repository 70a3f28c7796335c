import QtQuick
import ".."
import "../controls"

// The declaration, and a field for the finger.
Page {
    share: Theme.isPortrait ? 0.2 : 0.34

    SignaturePad {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        height: Math.min(parent.height, width * 0.72)
    }
}
