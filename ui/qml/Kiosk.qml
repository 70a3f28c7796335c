pragma Singleton
import QtQuick

// What every screen looks at: the view, the keyboard's composition, and the one way back.
QtObject {
    property var view: null
    property var keys: null
    property var dock: null
    // Where the keyboard leaves little room, only the field being typed stays beside it.
    property bool isCramped: false
    property bool isReading: false // rows have not all been seen yet, and the view asks to read on
    readonly property bool isTyping: isReady && keys.layout.length > 0
    readonly property bool isReady: view !== null && keys !== null

    signal readOn

    function send(name: string, value: string) {
        view.send(name, value);
    }
}
