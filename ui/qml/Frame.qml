pragma ComponentBehavior: Bound
import QtQuick
import "controls"
import "keyboard"

// The frame of every screen: top bar, step bar, middle, keyboard, bottom bar.
Item {
    id: frame

    readonly property bool isTyping: keyboard.isOpen
    readonly property bool isCramped: isTyping && !Theme.isPortrait && (Theme.isElder || Theme.isShort || keyboard.height > height * 0.5)

    Binding {
        target: Kiosk
        property: "isCramped"
        value: frame.isCramped
    }

    Rectangle {
        anchors.fill: parent
        color: Theme.paper
    }

    TopBar {
        id: top

        anchors.left: parent.left
        anchors.right: parent.right
        visible: !frame.isCramped
        height: visible ? implicitHeight : 0
    }

    NotePanel {
        id: notice

        anchors.top: top.bottom
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.leftMargin: Theme.margin
        anchors.rightMargin: Theme.margin
        anchors.topMargin: visible ? Theme.unit * 2 : 0
        visible: !frame.isCramped && Kiosk.view.topNotice.length > 0
        height: visible ? implicitHeight : 0
        text: Kiosk.view.topNotice
        mood: "care"
    }

    StepBar {
        id: steps

        anchors.top: notice.bottom
        anchors.topMargin: visible ? Theme.unit * 2 : 0
        anchors.horizontalCenter: parent.horizontalCenter
        width: Math.min(parent.width - 2 * Theme.margin, Theme.widest)
        visible: !frame.isCramped && count > 0
        height: visible ? implicitHeight : 0
    }

    Loader {
        id: middle

        property string name: Kiosk.view.screen

        anchors.top: steps.bottom
        anchors.bottom: keyboard.top
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.topMargin: isFull ? 0 : Theme.space
        anchors.bottomMargin: isFull ? 0 : Theme.space
        width: isFull ? parent.width : Math.min(parent.width - 2 * Theme.margin, Theme.widest)
        source: name.length > 0 ? Qt.resolvedUrl("screens/" + (frame.known.indexOf(name) < 0 ? "plain" : name) + ".qml") : ""

        readonly property bool isFull: name === "attract"
    }

    Loader {
        id: keyboard

        readonly property bool isOpen: Kiosk.keys.layout.length > 0

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: bottom.top
        height: isOpen ? implicitHeight : 0
        active: isOpen || frame.warm.length > 0
        sourceComponent: KeyboardPanel {}
    }

    BottomBar {
        id: bottom

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        height: implicitHeight
    }

    // Screens whose file is written; another one is shown plainly from the same view.
    readonly property var known: ["attract", "home", "search", "guide", "identify", "notice", "situation", "form", "materials", "scan", "review", "sign", "sealing", "delivering", "slip", "farewell", "trouble"]
    property var warm: []

    // The keyboard and the other screens are made after the first frame, so that going there is quick.
    Timer {
        interval: 50
        running: true
        onTriggered: frame.warm = frame.known.map(name => Qt.createComponent(Qt.resolvedUrl("screens/" + name + ".qml"), Component.Asynchronous))
    }
}
