pragma ComponentBehavior: Bound
import QtQuick
import ".."
import "../controls"

// One group of fields. While typing on a screen with little room, only the field with the focus stays.
Page {
    hasHead: !Kiosk.isTyping || (Theme.isPortrait && !Theme.isElder)

    PagedColumn {
        id: fields

        anchors.fill: parent
        spacing: Theme.space * 0.75
        model: Kiosk.view.fields
        isAlone: Kiosk.isCramped
        delegate: FieldBox {
            isCramped: Kiosk.isCramped
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
