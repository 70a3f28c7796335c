pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Where I am and how many are left. Names stand under every part where they fit, else under the present one alone.
Item {
    id: bar

    readonly property int count: parts.count
    readonly property real part: count > 0 ? (width - (count - 1) * Theme.unit) / count : 0
    property int now: 0
    property string nowLabel
    readonly property bool namesFit: {
        let widest = 0;
        for (let n = 0; n < parts.count; n++) {
            const item = parts.itemAt(n) as StepPart;
            widest = Math.max(widest, item ? item.nameWidth : 0);
        }
        return widest <= part - Theme.unit;
    }

    visible: count > 0
    implicitHeight: count > 0 ? Theme.unit + Theme.smallest * 1.5 + Theme.unit * 2 : 0
    Accessible.role: Accessible.StaticText
    Accessible.name: Words.step.arg(now + 1).arg(count) + " " + nowLabel

    Row {
        id: strip

        spacing: Theme.unit

        Repeater {
            id: parts

            model: Kiosk.view.steps

            StepPart {
                required property int index

                width: bar.part
                isNamed: bar.namesFit
                onIsNowChanged: if (isNow)
                    bar.tell(index, label)
                Component.onCompleted: if (isNow)
                    bar.tell(index, label)
            }
        }
    }

    Line {
        anchors.left: parent.left
        anchors.bottom: parent.bottom
        visible: !bar.namesFit
        text: bar.nowLabel
        font.pixelSize: Theme.smallest
        font.bold: true
        color: Theme.lake
        Accessible.ignored: true
    }

    Line {
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        visible: !bar.namesFit
        text: Words.step.arg(bar.now + 1).arg(bar.count)
        font.pixelSize: Theme.smallest
        color: Theme.inkSoft
        Accessible.ignored: true
    }

    function tell(index: int, label: string) {
        now = index;
        nowLabel = label;
    }
}
