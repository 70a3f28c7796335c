pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// One group of fields. While typing on a screen with little room, only the field with the focus stays.
Page {
    share: Theme.isPortrait ? 0.36 : Theme.isElder ? 0.3 : 0.34
    hasHead: !Kiosk.isTyping || (Theme.isPortrait && !Theme.isElder)

    PagedColumn {
        id: fields

        anchors.fill: parent
        spacing: Theme.space * 0.75
        model: Kiosk.view.fields
        isAlone: Kiosk.isCramped
        delegate: FieldBox {
            isCramped: Kiosk.isCramped
            room: fields.count > 1 ? fields.roomAbovePager : fields.height
            onIsFocusedChanged: fields.follow(index, isFocused)
            Component.onCompleted: fields.follow(index, isFocused)
        }

        function follow(index: int, isFocused: bool) {
            if (isFocused)
                focusIndex = index;
            else if (focusIndex === index)
                focusIndex = -1;
        }
    }
}
