pragma Singleton
import QtQuick

// Every size, colour and duration (design/ux.md). Logical px of 1920×1080; smaller screens keep the size in the hand.
QtObject {
    id: theme

    property real canvasWidth: 1080
    property real canvasHeight: 1920

    readonly property bool isElder: Kiosk.isReady && Kiosk.view.scale === "elder"
    readonly property bool isHigh: Kiosk.isReady && Kiosk.view.contrast === "high"
    readonly property bool isPortrait: canvasHeight > canvasWidth
    readonly property bool isShort: canvasHeight < 900
    // A 15 inch 1024×768 panel has 0.3 mm a pixel, a 21.5 inch 1920×1080 one 0.25: the same for the hand is seven eighths,
    // and four fifths in the elder scale, which still is larger than the standard one.
    readonly property real fit: Math.max(isElder ? 0.8 : 0.875, Math.min(2, Math.min(canvasWidth, canvasHeight) / 1080))

    function px(logical: real): real {
        return Math.round(logical * fit);
    }

    // type
    readonly property real smallest: px(isElder ? 32 : 24)
    readonly property real body: px(isElder ? 40 : 28)
    readonly property real leadSize: px(isElder ? 48 : 36)
    readonly property real titleSize: px(isElder ? (isShort ? 60 : 72) : (isShort ? 48 : 56))
    readonly property real display: px(isElder ? (isShort ? 72 : 104) : (isShort ? 64 : 88))
    readonly property real lineHeight: isElder ? 1.04 : 1.0 // of the font's own 1.45: 1.5 and 1.45 of its size
    readonly property real tightLine: 0.84 // two lines within a button

    // touch
    readonly property real target: px(isElder ? 128 : 96)
    readonly property real gap: px(isElder ? 24 : 16)
    readonly property real key: px(isElder ? 128 : 96)
    readonly property real keyGap: px(isElder ? 12 : 8)
    readonly property real iconSize: px(isElder ? 48 : 36)

    // space, on a grid of 8
    readonly property real unit: px(8)
    readonly property real margin: px(isShort ? 40 : isPortrait ? 48 : 64)
    readonly property real space: px(isShort ? 16 : 32)
    readonly property real pad: px(isElder ? 32 : 24)
    readonly property real radius: px(16)
    readonly property real hairline: 2
    readonly property real focusLine: 5
    readonly property real widest: px(1680)
    readonly property real readable: px(isElder ? 1280 : 1080) // no line of text is longer

    // colour
    readonly property color ink: isHigh ? "#FFFFFF" : "#14213D"
    readonly property color inkSoft: isHigh ? "#FFFFFF" : "#43506A"
    readonly property color lake: isHigh ? "#FFE100" : "#09508B"
    readonly property color lakeDeep: isHigh ? "#FFF59A" : "#083F70"
    readonly property color lakeMist: isHigh ? "#262626" : "#E8F1F9"
    readonly property color lakeFront: isHigh ? "#000000" : "#FFFFFF"
    readonly property color boat: isHigh ? "#FFE100" : "#C8102E"
    readonly property color paper: isHigh ? "#000000" : "#F5F7FA"
    readonly property color card: isHigh ? "#000000" : "#FFFFFF"
    readonly property color line: isHigh ? "#8C8C8C" : "#D5DCE6"
    readonly property color edge: isHigh ? "#FFFFFF" : "#8592A6" // the border of what can be touched
    readonly property color good: isHigh ? "#FFFFFF" : "#14603B"
    readonly property color care: isHigh ? "#FFE100" : "#7A4700"
    readonly property color stop: isHigh ? "#FFE100" : "#9E1C13"
    readonly property color tray: isHigh ? "#000000" : "#DCE4EE" // what the keys lie on
    readonly property color greyed: isHigh ? "#262626" : "#E7EBF1"
    readonly property color scrim: isHigh ? "#F2000000" : "#E614213D"

    // over pictures, whatever the theme
    readonly property color found: "#3DDC84"
    readonly property color finding: "#FFC93C"
    readonly property color white: "#FFFFFF"
    readonly property color water: isHigh ? "#262626" : "#09508B"

    // motion
    readonly property int quick: 120
    readonly property int glide: 200
    readonly property int beckon: 1600 // a hand is awaited: one turn of a drawn picture

    function moodColor(mood: string): color {
        return mood === "good" ? good : mood === "care" ? care : mood === "stop" ? stop : lake;
    }

    // A drawn icon in one colour.
    function icon(name: string, tint: color): url {
        return "image://icon/" + encodeURIComponent(name) + "/" + String(tint).slice(-6);
    }

    // A scene, which high contrast shows by night.
    function scene(name: string): url {
        return "image://icon/" + encodeURIComponent(name) + "/night";
    }

    // A drawn picture in the palette of the theme.
    function drawing(name: string): url {
        return "image://icon/" + encodeURIComponent(name) + "/" + (isHigh ? "high" : "normal");
    }
}
