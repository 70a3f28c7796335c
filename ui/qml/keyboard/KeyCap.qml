import QtQuick
import ".."
import "../controls"

// One key.
Tap {
    id: cap

    required property string name
    required property string text
    readonly property bool isCharacter: name === "key" || name === "set"
    readonly property string character: Kiosk.keys.isCapital ? text.toUpperCase() : text
    readonly property bool isPrimary: name === "done"
    readonly property var words: ({
            "erase": Words.erase,
            "done": Words.done,
            "space": Words.space,
            "toPinyin": Words.toPinyin,
            "toEnglish": Words.toEnglish,
            "toSymbols": Words.toSymbols,
            "toLetters": Kiosk.keys.base === "pinyin" ? Words.toPinyin : Words.toEnglish,
            "shift": Words.shift
        })

    label: isCharacter ? character : words[name] ?? ""
    ringRadius: Theme.radius * 0.75
    onTapped: cap.act()

    Timer {
        interval: 500
        running: cap.name === "erase" && cap.isDown
        onTriggered: again.start()
    }

    Timer {
        id: again

        interval: 130
        repeat: true
        onTriggered: cap.isDown ? cap.act() : stop()
    }

    function act() {
        switch (name) {
        case "key":
            return Kiosk.keys.tap(text);
        case "set":
            return Kiosk.keys.tap(text.toLowerCase());
        case "erase":
            return Kiosk.keys.erase();
        case "done":
            return Kiosk.keys.close();
        case "space":
            return Kiosk.keys.space();
        case "shift":
            return Kiosk.keys.shift();
        case "toEnglish":
            return Kiosk.keys.turn("english");
        case "toSymbols":
            return Kiosk.keys.turn("symbols");
        default:
            return Kiosk.keys.turn("");
        }
    }

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius * 0.75
        color: cap.isPrimary ? (cap.isDown ? Theme.lakeDeep : Theme.lake) : cap.isDown || (cap.name === "shift" && Kiosk.keys.isCapital) ? Theme.lakeMist : cap.isCharacter || cap.name === "space" ? Theme.card : Theme.paper
        border.width: Theme.isHigh ? Theme.hairline : 0
        border.color: Theme.edge
    }

    Icon {
        anchors.centerIn: parent
        name: cap.name === "erase" ? "erase" : ""
        tint: Theme.ink
        size: Theme.iconSize * 1.2
    }

    Line {
        anchors.centerIn: parent
        visible: cap.name !== "erase"
        text: cap.label
        color: cap.isPrimary ? Theme.lakeFront : Theme.ink
        font.pixelSize: cap.isCharacter ? Theme.leadSize : cap.isPrimary ? Theme.body : Theme.smallest
        font.bold: cap.isPrimary
        wrapMode: Text.NoWrap
        Accessible.ignored: true
    }
}
