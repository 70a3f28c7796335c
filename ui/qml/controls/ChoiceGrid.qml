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

    property real room: 100000 // height for all choices
    property int part: 0 // shown when they need several pages
    readonly property int rowsThatFit: Math.max(1, Math.floor((room + rowSpacing) / (Theme.target + rowSpacing)))
    readonly property int freely: across(item => item.implicitWidth)
    readonly property int closely: across(item => item.narrow)
    readonly property bool isCrowded: repeater.count > 3 && Math.ceil(repeater.count / freely) > Math.min(rowsThatFit, 3)
    readonly property int most: isCrowded ? closely : freely
    readonly property int rowsNeeded: Math.ceil(repeater.count / most)
    readonly property int parts: Math.ceil(rowsNeeded / rowsThatFit)

    // How many stand beside each other when each is as wide as the widest.
    function across(widthOf: var): int {
        let widest = Theme.target * 1.25;
        for (let n = 0; stamp >= 0 && n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            widest = Math.max(widest, item ? widthOf(item) : 0);
        }
        return Math.max(1, Math.min(repeater.count, 4, Math.floor((width + Theme.gap) / (widest + Theme.gap))));
    }

    columns: Math.max(1, Math.ceil(repeater.count / Math.max(1, rowsNeeded)))
    columnSpacing: Theme.gap
    rowSpacing: Theme.isShort ? Theme.unit * 2 : Theme.gap

    Repeater {
        id: repeater

        onItemAdded: choices.stamp++
        onItemRemoved: choices.stamp++

        Choice {
            required property int index

            visible: choices.parts < 2 || Math.floor(index / (choices.columns * choices.rowsThatFit)) === choices.part
            width: Math.floor((choices.width - (choices.columns - 1) * Theme.gap) / choices.columns)
            isOn: !choices.isLocked
            onTapped: choices.picked(value)
        }
    }
}
