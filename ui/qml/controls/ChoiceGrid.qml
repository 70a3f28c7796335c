pragma ComponentBehavior: Bound
import QtQuick
import ".."

// The choices of a field, as many a row as their words allow.
Grid {
    id: choices

    property alias model: repeater.model
    property bool isLocked: false
    property int stamp: 0
    signal picked(string value)

    readonly property real widest: {
        let most = Theme.target * 1.5;
        for (let n = 0; stamp >= 0 && n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            most = Math.max(most, item ? item.implicitWidth : 0);
        }
        return most;
    }

    readonly property int most: Math.max(1, Math.min(repeater.count, 4, Math.floor((width + Theme.gap) / (widest + Theme.gap))))

    columns: Math.max(1, Math.ceil(repeater.count / Math.ceil(repeater.count / most)))
    columnSpacing: Theme.gap
    rowSpacing: Theme.gap

    Repeater {
        id: repeater

        onItemAdded: choices.stamp++
        onItemRemoved: choices.stamp++

        Choice {
            width: Math.floor((choices.width - (choices.columns - 1) * Theme.gap) / choices.columns)
            isOn: !choices.isLocked
            onTapped: choices.picked(value)
        }
    }
}
