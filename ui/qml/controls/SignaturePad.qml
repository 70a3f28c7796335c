import QtQuick
import ".."

// A field for a finger. It paints at once; a finished stroke goes out as [x, y, t_ms, …] in 0…1 of the field, and with
// what was pressed where the screen feels it.
Item {
    id: pad

    property var stroke: []
    property var pressure: []
    property real startedAt: 0
    readonly property bool isTapTarget: true
    readonly property bool isEmpty: Kiosk.view.ink.length === 0 && stroke.length === 0
    readonly property real penWidth: Theme.px(7)

    Accessible.role: Accessible.Canvas
    Accessible.name: Words.signHere

    Rectangle {
        anchors.fill: parent
        radius: Theme.radius
        color: Theme.card
        border.width: Theme.hairline * 1.5
        border.color: Theme.lake
    }

    Rectangle {
        x: Theme.pad * 2
        y: parent.height * 0.78
        width: parent.width - 4 * Theme.pad
        height: Theme.hairline
        color: Theme.edge
    }

    Line {
        anchors.horizontalCenter: parent.horizontalCenter
        y: parent.height * 0.78 + Theme.unit
        visible: pad.isEmpty
        text: Words.signHere
        color: Theme.inkSoft
        Accessible.ignored: true
    }

    Canvas {
        id: canvas

        anchors.fill: parent
        onPaint: {
            const context = getContext("2d");
            context.clearRect(0, 0, width, height);
            context.strokeStyle = String(Theme.ink);
            context.lineWidth = pad.penWidth;
            context.lineCap = "round";
            context.lineJoin = "round";
            for (const one of Kiosk.view.ink)
                pad.draw(context, one, 2);
            pad.draw(context, pad.stroke, 3);
        }
        Accessible.ignored: true
    }

    // Points stand `step` numbers apart; curves run through their middles.
    function draw(context: var, points: var, step: int) {
        const w = canvas.width;
        const h = canvas.height;
        if (points.length < step)
            return;
        context.beginPath();
        context.moveTo(points[0] * w, points[1] * h);
        let n = step;
        for (; n + step < points.length; n += step) {
            const middleX = (points[n] + points[n + step]) / 2;
            const middleY = (points[n + 1] + points[n + step + 1]) / 2;
            context.quadraticCurveTo(points[n] * w, points[n + 1] * h, middleX * w, middleY * h);
        }
        const last = Math.min(n, points.length - step);
        context.lineTo(points[last] * w + 0.01, points[last + 1] * h);
        context.stroke();
    }

    function add(x: real, y: real, pressed: real) {
        const inside = value => Math.round(Math.min(1, Math.max(0, value)) * 10000) / 10000;
        const now = Date.now();
        if (pad.startedAt === 0)
            pad.startedAt = now;
        pad.stroke.push(inside(x / pad.width), inside(y / pad.height), now - pad.startedAt);
        pad.pressure.push(inside(pressed));
        pad.strokeChanged();
        canvas.requestPaint();
    }

    Connections {
        target: Kiosk.view

        function onInkChanged() {
            if (Kiosk.view.ink.length === 0)
                pad.startedAt = 0;
            canvas.requestPaint();
        }
    }

    // One finger: a palm that comes down beside it draws nothing.
    MultiPointTouchArea {
        anchors.fill: parent
        maximumTouchPoints: 1
        mouseEnabled: true
        onPressed: points => pad.add(points[0].x, points[0].y, points[0].pressure)
        onUpdated: points => pad.add(points[0].x, points[0].y, points[0].pressure)
        onReleased: pad.end()
        onCanceled: pad.end()
    }

    // A pad that feels no pressure says 0 or 1 all the time; then none is sent.
    function end() {
        if (pad.stroke.length > 0) {
            const isFelt = pad.pressure.some(value => value > 0 && value < 1);
            Kiosk.send("stroke", JSON.stringify(isFelt ? {
                points: pad.stroke,
                pressure: pad.pressure
            } : pad.stroke));
        }
        pad.stroke = [];
        pad.pressure = [];
    }
}
