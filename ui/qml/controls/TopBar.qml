import QtQuick
import ".."

// Station, clock, network in words, and the three switches.
Rectangle {
    id: bar

    implicitHeight: Math.max(switches.height, names.height) + Theme.unit * 2
    color: Theme.card

    Icon {
        id: mark

        anchors.left: parent.left
        anchors.leftMargin: Theme.margin
        anchors.verticalCenter: parent.verticalCenter
        name: "boat"
        tint: Theme.lake
        size: Theme.px(Theme.isElder ? 72 : 60)

        // A hand that rests here on the first screen is the technician's (docs/devices/life.md).
        TapHandler {
            enabled: Kiosk.isReady && Kiosk.view.screen === "attract"
            longPressThreshold: 3
            onLongPressed: Kiosk.send("technician", "")
        }
    }

    Column {
        id: names

        anchors.left: mark.right
        anchors.leftMargin: Theme.unit * 2
        anchors.right: switches.left
        anchors.rightMargin: Theme.gap
        anchors.verticalCenter: parent.verticalCenter

        Line {
            width: parent.width
            text: Kiosk.view.station
            font.bold: true
            font.pixelSize: (Theme.isPortrait || Theme.isShort) && Theme.isElder ? Theme.smallest : Theme.body
            lineHeight: Theme.tightLine
        }

        Row {
            spacing: Theme.unit * 1.5

            Line {
                text: Kiosk.view.clock
                font.pixelSize: Theme.smallest
                color: Theme.inkSoft
                wrapMode: Text.NoWrap
            }

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                name: Kiosk.view.isOnline ? "online" : "offline"
                tint: Kiosk.view.isOnline ? Theme.good : Theme.care
                size: Theme.smallest
            }

            Hugging {
                limit: names.width - x
                text: Kiosk.view.network
                font.pixelSize: Theme.smallest
                color: Kiosk.view.isOnline ? Theme.good : Theme.care
                lineHeight: 0.9
            }
        }
    }

    Row {
        id: switches

        anchors.right: parent.right
        anchors.rightMargin: Theme.margin - Theme.unit * 2
        anchors.verticalCenter: parent.verticalCenter
        spacing: Theme.gap

        TopSwitch {
            label: Words.otherLocale
            icon: "language"
            onTapped: Kiosk.send("locale", Words.isEnglish ? "zh" : "en")
        }

        TopSwitch {
            label: Theme.isElder ? Words.standard : Words.elder
            icon: "larger"
            onTapped: Kiosk.send("scale", Theme.isElder ? "standard" : "elder")
        }

        TopSwitch {
            label: Words.contrast
            icon: "contrast"
            onTapped: Kiosk.send("contrast", Theme.isHigh ? "normal" : "high")
        }
    }

    Rectangle {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        height: Theme.hairline
        color: Theme.line
    }
}
