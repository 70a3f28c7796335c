import QtQuick
import ".."

// A box that is typed into on our own keyboard. What is being composed stands in it, underlined.
Tap {
    id: box

    property string display
    property string hint
    property string icon
    property bool isLocked: false
    property bool isDone: false
    property bool isFocused: false
    property bool isWrong: false
    readonly property string composition: isFocused && Kiosk.keys.base === "pinyin" ? Kiosk.keys.composition : ""
    readonly property bool isEmpty: display.length === 0 && composition.length === 0

    isOn: !isLocked
    implicitHeight: Math.max(Theme.target, words.implicitHeight + Theme.unit * 3)
    Accessible.role: Accessible.EditableText
    Accessible.readOnly: true
    Accessible.focused: isFocused

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: box.isLocked ? Theme.lakeMist : Theme.card
        border.width: box.isFocused ? Theme.focusLine : box.isLocked && !Theme.isHigh ? 0 : Theme.hairline
        border.color: box.isWrong ? Theme.stop : box.isFocused ? Theme.lake : Theme.edge
    }

    Icon {
        id: sign

        anchors.left: parent.left
        anchors.leftMargin: Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        name: box.icon
        tint: Theme.lake
    }

    Hugging {
        id: words

        anchors.left: box.icon.length > 0 ? sign.right : parent.left
        anchors.leftMargin: box.icon.length > 0 ? Theme.unit * 2 : Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        limit: box.width - (box.icon.length > 0 ? Theme.iconSize + Theme.unit * 2 : 0) - Theme.iconSize - Theme.pad * 3 - composed.width
        text: box.isEmpty ? (box.isFocused ? "" : box.icon.length > 0 && box.width < Theme.px(420) ? box.label : box.hint) : box.display
        color: box.isEmpty ? Theme.inkSoft : Theme.ink
        font.pixelSize: box.isEmpty ? Theme.body : Theme.leadSize
        lineHeight: Theme.tightLine
        Accessible.ignored: true
    }

    Hugging {
        id: composed

        anchors.left: words.right
        anchors.verticalCenter: parent.verticalCenter
        visible: text.length > 0
        limit: box.width * 0.6
        text: box.composition
        elide: Text.ElideLeft
        color: Theme.lake
        font.pixelSize: Theme.leadSize
        font.underline: true
        wrapMode: Text.NoWrap
        Accessible.ignored: true
    }

    Rectangle {
        anchors.left: composed.right
        anchors.leftMargin: Theme.hairline
        anchors.verticalCenter: parent.verticalCenter
        visible: box.isFocused
        width: Theme.focusLine
        height: Theme.leadSize * 1.2
        color: Theme.lake
    }

    Icon {
        id: tail

        anchors.right: parent.right
        anchors.rightMargin: Theme.pad
        anchors.verticalCenter: parent.verticalCenter
        visible: box.icon.length === 0
        name: box.isLocked ? "lock" : box.isWrong ? "stop" : box.isDone ? "good" : "edit"
        tint: box.isLocked ? Theme.inkSoft : box.isWrong ? Theme.stop : box.isDone ? Theme.good : Theme.inkSoft
    }
}
