pragma ComponentBehavior: Bound
import QtQuick
import ".."

// Items of different heights below each other, dealt into pages that fit. No scrolling.
Item {
    id: paged

    property alias model: repeater.model
    property alias delegate: repeater.delegate
    property real spacing: Theme.gap
    property int focusIndex: -1 // the page that holds this one is shown
    readonly property bool hasPager: focusIndex < 0 // while typing there is no leafing
    property bool isAlone: false // while one has the focus, show no other
    property int page: 0
    property int stamp: 0
    readonly property alias count: repeater.count
    readonly property alias contentHeight: column.height
    readonly property var heights: {
        const found = [];
        for (let n = 0; stamp >= 0 && n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            found.push(item ? item.implicitHeight : 0);
        }
        return found;
    }
    readonly property bool fitsAll: heights.reduce((sum, one) => sum + one + spacing, -spacing) <= height
    readonly property var pageOf: deal(heights, fitsAll || !hasPager ? height : height - Theme.target - Theme.gap)
    readonly property int pageCount: pageOf.length > 0 ? pageOf[pageOf.length - 1] + 1 : 1
    readonly property int shownPage: Math.min(focusIndex >= 0 && focusIndex < pageOf.length ? pageOf[focusIndex] : page, pageCount - 1)

    function deal(heights: var, room: real): var {
        const pages = [];
        let page = 0;
        let used = -spacing;
        for (const one of heights) {
            if (used > -spacing && used + spacing + one > room) {
                page++;
                used = -spacing;
            }
            used += spacing + one;
            pages.push(page);
        }
        return pages;
    }

    function apply() {
        for (let n = 0; n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            if (item)
                item.visible = isAlone && focusIndex >= 0 ? n === focusIndex : pageOf[n] === shownPage;
        }
    }

    onPageOfChanged: apply()
    onShownPageChanged: apply()
    onIsAloneChanged: apply()
    onFocusIndexChanged: {
        if (focusIndex >= 0)
            page = shownPage;
        apply();
    }

    Column {
        id: column

        width: parent.width
        spacing: paged.spacing

        Repeater {
            id: repeater

            onItemAdded: paged.stamp++
            onItemRemoved: paged.stamp++
        }
    }

    Pager {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        visible: count > 1 && paged.hasPager
        page: paged.shownPage
        count: paged.pageCount
        onTurned: number => paged.page = number
    }
}
