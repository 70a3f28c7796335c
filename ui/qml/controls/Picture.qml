pragma ComponentBehavior: Bound
import QtQuick
import ".."

// A drawn picture of what to do with hands: a still part, a part that moves, a part in front.
// In the elder scale two still pictures take turns instead of a movement.
Item {
    id: picture

    property string name
    // Where the moving part comes from (in the drawing's 480×320), and where it ends is where it is drawn.
    readonly property var ways: ({
            "card": Qt.point(0, -44),
            "card_pull": Qt.point(0, -44),
            "paper": Qt.point(-118, 30),
            "hand_sign": Qt.point(-96, -10),
            "slip": Qt.point(0, -118),
            "farewell": Qt.point(0, 40),
            "sealing": Qt.point(0, -64),
            "delivering": Qt.point(-104, 60)
        })
    readonly property var layers: ({
            "card": ["back", "move", "front"],
            "card_pull": ["back", "move", "front"],
            "reading": ["back", "move", "front"],
            "paper": ["back", "move", "front"],
            "hand_sign": ["back", "move"],
            "slip": ["back", "move", "front"],
            "farewell": ["back", "move", "front"],
            "sealing": ["back", "move", "front"],
            "delivering": ["back", "move"],
            "trouble": ["back"],
            "help": ["back"]
        })
    readonly property var shown: layers[name] ?? []
    readonly property point way: ways[name] ?? Qt.point(0, 0)
    readonly property real ratio: Math.max(0.01, Math.min(width / 480, height / 320, Theme.px(960) / 480))
    readonly property bool isReverse: name === "card_pull"
    property real turn: 1

    Accessible.role: Accessible.Graphic
    Accessible.name: Words.picture
    Accessible.ignored: shown.length === 0

    Item {
        id: stage

        anchors.centerIn: parent
        width: 480 * picture.ratio
        height: 320 * picture.ratio

        Repeater {
            model: picture.shown

            Image {
                required property string modelData
                readonly property real away: modelData === "move" ? 1 - picture.turn : 0

                x: picture.way.x * away * picture.ratio
                y: picture.way.y * away * picture.ratio
                width: stage.width
                height: stage.height
                sourceSize: Qt.size(width, height)
                source: Theme.drawing("picture-" + picture.name.replace("_", "-") + "-" + modelData)
                Accessible.ignored: true
            }
        }
    }

    SequentialAnimation on turn {
        running: picture.visible && !Theme.isElder && picture.ways[picture.name] !== undefined
        loops: Animation.Infinite

        NumberAnimation {
            from: picture.isReverse ? 1 : 0
            to: picture.isReverse ? 0 : 1
            duration: Theme.beckon
            easing.type: Easing.InOutCubic
        }

        PauseAnimation {
            duration: Theme.beckon / 2
        }
    }

    Timer {
        running: picture.visible && Theme.isElder && picture.ways[picture.name] !== undefined
        interval: Theme.beckon
        repeat: true
        onTriggered: picture.turn = picture.turn > 0.5 ? 0 : 1
    }
}
