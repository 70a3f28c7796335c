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
    property bool hasNext: true // else another button turns the page
    property int page: 0
    property int stamp: 0
    readonly property alias count: repeater.count
    readonly property var heights: {
        const found = [];
        for (let n = 0; stamp >= 0 && n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            found.push(item ? item.implicitHeight : 0);
        }
        return found;
    }
    readonly property real naturalHeight: heights.reduce((sum, one) => sum + one + spacing, -spacing)
    readonly property bool fitsAll: naturalHeight <= height
    readonly property real roomAbovePager: height - Theme.target - Theme.gap
    readonly property var pageOf: deal(heights, fitsAll || !hasPager ? height : roomAbovePager)
    readonly property int pageCount: pageOf.length > 0 ? pageOf[pageOf.length - 1] + partsOf(pageOf.length - 1) : 1
    readonly property int shownPage: Math.min(focusIndex >= 0 && focusIndex < pageOf.length ? pageOf[focusIndex] : page, pageCount - 1)

    // An item that is taller than a page is shown in parts, a page each (FieldBox: many choices on a small screen).
    function partsOf(n: int): int {
        const item = repeater.itemAt(n);
        return stamp >= 0 && hasPager && item && item.parts !== undefined ? item.parts : 1;
    }

    function deal(heights: var, room: real): var {
        const pages = [];
        let page = 0;
        let used = -spacing;
        heights.forEach((one, n) => {
            const parts = partsOf(n);
            if (used > -spacing && (parts > 1 || used + spacing + one > room)) {
                page++;
                used = -spacing;
            }
            pages.push(page);
            page += parts - 1;
            used += spacing + (parts > 1 ? room : one);
        });
        return pages;
    }

    function apply() {
        for (let n = 0; n < repeater.count; n++) {
            const item = repeater.itemAt(n);
            if (!item)
                continue;
            const parts = partsOf(n);
            item.visible = isAlone && focusIndex >= 0 ? n === focusIndex : pageOf[n] <= shownPage && shownPage < pageOf[n] + parts;
            if (parts > 1)
                item.part = Math.max(0, Math.min(parts - 1, shownPage - pageOf[n]));
        }
    }

    function turn() {
        page = Math.min(shownPage + 1, pageCount - 1);
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
        hasNext: paged.hasNext
        count: paged.pageCount
        onTurned: number => paged.page = number
    }
}
