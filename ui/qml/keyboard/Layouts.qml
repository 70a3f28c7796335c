pragma Singleton
import QtQuick
import ".."

// Where each key stands, in units of one key. A key is { name, text, x, y, w, h }.
QtObject {
    readonly property bool isNine: Theme.isElder && (Theme.isPortrait || Theme.canvasWidth < 12 * Theme.key)

    function of(layout: string, base: string): var {
        switch (layout) {
        case "digits":
            return pad([".", "0"]);
        case "idnumber":
            return pad(["X", "0"]);
        case "date":
        case "month":
            return pad(["", "0"]);
        case "pinyin":
            return isNine ? nine() : Theme.isPortrait ? letters(true, base) : wide(true, base);
        case "english":
            return isNine ? alphabet() : Theme.isPortrait ? letters(false, base) : wide(false, base);
        case "symbols":
            return isNine ? few() : Theme.isPortrait ? symbols() : wideSymbols();
        }
        return sheet(1, []);
    }

    // Rows of [name, text, width]; a name without text is a gap.
    function sheet(columns: real, rows: var): var {
        const keys = [];
        rows.forEach((row, y) => {
            let x = 0;
            for (const [name, text, w] of row) {
                if (name !== "gap")
                    keys.push({
                        "name": name,
                        "text": text,
                        "x": x,
                        "y": y,
                        "w": w,
                        "h": 1
                    });
                x += w;
            }
        });
        return {
            "columns": columns,
            "rows": rows.length,
            "keys": keys
        };
    }

    function chars(text: string): var {
        return Array.from(text).map(one => ["key", one, 1]);
    }

    function pad(last: var): var {
        const laid = sheet(4, [chars("123"), chars("456"), chars("789"), last[0].length > 0 ? [["key", last[1], 2], ["key", last[0], 1]] : [["key", last[1], 3]]]);
        laid.keys.push({
            "name": "erase",
            "text": "",
            "x": 3,
            "y": 0,
            "w": 1,
            "h": 2
        }, {
            "name": "done",
            "text": "",
            "x": 3,
            "y": 2,
            "w": 1,
            "h": 2
        });
        return laid;
    }

    function letters(isPinyin: bool, base: string): var {
        const other = isPinyin ? [["toEnglish", "", 1.5]] : base === "pinyin" ? [["toPinyin", "", 1.5]] : [];
        return sheet(10, [chars("qwertyuiop"), [["gap", "", 0.5], ...chars("asdfghjkl")], [isPinyin ? ["gap", "", 1.5] : ["shift", "", 1.5], ...chars("zxcvbnm"), ["erase", "", 1.5]], [["toSymbols", "", 1.5], ...other, ["space", "", other.length > 0 ? 4.5 : 6], ["done", "", 2.5]]]);
    }

    function wide(isPinyin: bool, base: string): var {
        const head = isPinyin ? [["toEnglish", "", 1.5]] : base === "pinyin" ? [["toPinyin", "", 1], ["shift", "", 1]] : [["shift", "", 1.5]];
        return sheet(11, [[...chars("qwertyuiop"), ["erase", "", 1]], [...chars("asdfghjkl"), ["done", "", 2]], [...head, ...chars("zxcvbnm"), ["toSymbols", "", 1], ["space", "", head.length > 1 ? 1 : 1.5]]]);
    }

    function symbols(): var {
        return sheet(10, [chars("1234567890"), chars("-/#·.,:@()"), [["toLetters", "", 1.5], ...chars("+&%_*'\""), ["erase", "", 1.5]], [["space", "", 7.5], ["done", "", 2.5]]]);
    }

    function wideSymbols(): var {
        return sheet(11, [[...chars("1234567890"), ["erase", "", 1]], [...chars("-/#·.,:@("), ["done", "", 2]], [["toLetters", "", 1.5], ...chars(")+&%_*'"), ["space", "", 2.5]]]);
    }

    function nine(): var {
        const sets = names => names.map(one => ["set", one, 1]);
        return sheet(4, [[["toSymbols", "", 1], ...sets(["ABC", "DEF"]), ["erase", "", 1]], [...sets(["GHI", "JKL", "MNO"]), ["toEnglish", "", 1]], [...sets(["PQRS", "TUV", "WXYZ"]), ["done", "", 1]]]);
    }

    function alphabet(): var {
        return sheet(8, [[...chars("abcdefg"), ["erase", "", 1]], [...chars("hijklmn"), ["shift", "", 1]], [...chars("opqrstu"), ["toSymbols", "", 1]], [["toPinyin", "", 1], ...chars("vwxyz"), ["space", "", 1], ["done", "", 1]]]);
    }

    function few(): var {
        return sheet(6, [[...chars("12345"), ["erase", "", 1]], [...chars("67890"), ["toLetters", "", 1]], [...chars("-/#·."), ["done", "", 1]]]);
    }
}
