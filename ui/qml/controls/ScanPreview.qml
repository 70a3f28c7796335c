import QtQuick
import QtQuick.Shapes
import ".."

// The live desk with the outline that was found.
Item {
    id: preview

    readonly property real shownWidth: Math.min(width, height * Kiosk.view.scanAspect)
    readonly property real shownHeight: shownWidth / Kiosk.view.scanAspect
    readonly property var outline: Kiosk.view.scanOutline

    Accessible.role: Accessible.Graphic
    Accessible.name: Words.livePicture

    Rectangle {
        id: desk

        anchors.centerIn: parent
        width: preview.shownWidth
        height: preview.shownHeight
        color: Theme.lakeMist
        border.width: Theme.hairline
        border.color: Theme.edge

        Image {
            anchors.fill: parent
            visible: Kiosk.view.isScanLive && Kiosk.view.eyeNumber > 0
            source: visible ? "image://eye/" + Kiosk.view.eyeNumber : ""
            cache: false
            retainWhileLoading: true
            Accessible.ignored: true
        }

        Shape {
            anchors.fill: parent
            visible: preview.outline.length === 8

            ShapePath {
                strokeWidth: Theme.px(8)
                strokeColor: Kiosk.view.scanMood === "good" ? Theme.found : Theme.finding
                fillColor: "transparent"
                joinStyle: ShapePath.RoundJoin

                PathPolyline {
                    path: preview.corners()
                }
            }
        }
    }

    function corners(): var {
        const points = [];
        for (let n = 0; n + 1 < outline.length; n += 2)
            points.push(Qt.point(outline[n] * desk.width, outline[n + 1] * desk.height));
        if (points.length > 0)
            points.push(points[0]);
        return points;
    }
}
