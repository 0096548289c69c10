#!/usr/bin/env python3
"""use_page CHROMIUM PAGE KIND: uses a page of `mete report --html` as a person would.

KIND says what is known of the profile: "leaks", "types" or "holders" (of the bats file), "hostile" or
"large". Whatever the page, nothing may be logged, thrown or loaded. Prints what is wrong; exits with 1.
"""
import os
import sys

from browser import Browser

wrong = []


def expect(what, found, expected=True):
    if found != expected:
        wrong.append(f"{what}: {found!r} instead of {expected!r}")


def text(browser, selector):
    return browser.run(f"document.querySelector({selector!r}).textContent")


def count(browser, selector):
    return browser.run(f"document.querySelectorAll({selector!r}).length")


def click(browser, selector):
    browser.run(f"document.querySelector({selector!r}).click()")


def use_leaks(browser):
    expect("title", browser.run("document.title"), "leaky — mete report")
    expect("verdict", text(browser, "#verdict"), "1.38 KiB lost in 30 blocks")
    expect("kinds", count(browser, "#leak-kinds [aria-pressed=true]"), 2)
    expect("records", count(browser, "#leak-list .finding"), 2)
    click(browser, "#leak-kinds button")
    expect("records without the definite ones", count(browser, "#leak-list .finding"), 1)
    expect("frames", "conn_open" in text(browser, "#leak-list .stack"))

    # The flame graph, by keyboard alone.
    boxes = count(browser, "#flame-chart g")
    browser.run("document.getElementById('flame-chart').focus()")
    browser.press("ArrowDown")
    expect("box below the root", text(browser, "#flame-reading").split(" ")[0], "main")
    browser.press("ArrowDown")
    browser.press("Enter")
    expect("the way back", count(browser, "#flame-path button"), 3)
    expect("boxes of a part", count(browser, "#flame-chart g") <= boxes)
    browser.press("Escape")
    expect("boxes of the whole", count(browser, "#flame-chart g"), boxes)
    for index, figure in enumerate(["allocated", "allocations"]):
        click(browser, f"#flame-measure label:nth-of-type({index + 3}) input")
        expect(figure, "of all" in text(browser, "#flame-reading"))
    browser.run("document.getElementById('flame-chart').focus()")
    browser.press("/")
    browser.type("CONN_OPEN")
    expect("hits", count(browser, "#flame-chart g.hit") > 0)
    expect("search", "%" in text(browser, "#flame-reading"))
    browser.run("document.querySelector('#leak-list details').open = false")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    expect("open on paper", count(browser, "#leak-list .finding[open] .frames"), 1)
    browser.run("dispatchEvent(new Event('afterprint'))")
    expect("closed again", count(browser, "#leak-list .finding[open]"), 0)
    click(browser, "#flame-reset")
    expect("no hits", count(browser, "#flame-chart g.hit"), 0)

    # The table.
    expect("places", text(browser, "#site-count"), "3 places")
    click(browser, "#site-table th:nth-child(5) button")
    expect("sorted", browser.run("document.querySelectorAll('#site-table th')[4].ariaSort"),
           "descending")
    expect("most allocations", "main" in text(browser, "#site-table tbody tr .name"))
    click(browser, "#site-table .place")
    expect("stack", "main" in text(browser, "#site-table .stacks .frames"))
    browser.run("document.getElementById('site-filter').focus()")
    browser.type("conn_open")
    expect("filtered", text(browser, "#site-count"), "2 of 3 places")


def use_holders(browser):
    def cells(row):
        return browser.run(f"[...document.querySelectorAll('#holder-table tbody tr')[{row}].cells]"
                           ".map((cell) => cell.textContent)")

    expect("heads", browser.run("[...document.querySelectorAll('#holder-table th')]"
                                ".map((cell) => cell.textContent)"),
           ["Name and creator", "Created", "Not destroyed", "Live blocks", "Live bytes", "Peak",
            "Reserved"])
    expect("chapter", "Pools, arenas and maps3" in text(browser, "#chapters"))
    # What is left over comes first, whatever its size; then the highest peak.
    expect("first", [cells(0)[0].startswith("poolnodesforgetful"), *cells(0)[1:6]],
           [True, "1", "1", "3", "144 B", "144 B"])
    expect("second", [cells(1)[0].startswith("pool</td><b>twinmany_pools"), *cells(1)[1:4]],
           [True, "40", "2", "0"])
    expect("third", [cells(2)[0].startswith("arenarequestmain"), *cells(2)[1:6]],
           [True, "1", "0", "0", "0 B", "1.95 KiB"])
    expect("marked", count(browser, "#holder-table td.bad"), 2)
    expect("no element of theirs", count(browser, "#holder-table b"), 0)
    click(browser, "#holder-table .place")
    expect("stack", "main" in text(browser, "#holder-table .stacks .frames"))
    click(browser, "#holder-table .place")
    expect("folded again", count(browser, "#holder-table .stacks"), 0)
    rows = count(browser, "#holder-table tbody tr")
    expect("some", rows, 20)
    click(browser, "#holder-more")
    expect("all", count(browser, "#holder-table tbody tr") > rows)


def use_types(browser):
    def cells(row):
        return browser.run(f"[...document.querySelectorAll('#type-table tbody tr')[{row}].cells]"
                           ".map((cell) => cell.textContent)")

    def titles(row):
        return browser.run(f"[...document.querySelectorAll('#type-table .stacks')[{row}]"
                           ".querySelectorAll('title')].map((each) => each.textContent)")

    expect("chapter", "Types of blocks" in text(browser, "#chapters"))
    expect("packets", cells(0), ["struct packet", "9.38 KiB", "9.38 KiB", "100", "96 B", "1.86 KiB"])
    expect("words", cells(1)[:5], ["union word", "800 B", "800 B", "100", "8 B"])
    for row in range(2):
        browser.run(f"document.querySelectorAll('#type-table .place')[{row}].click()")
    expect("said", "types.c:2 · align 8 · 2 cache lines · 19 bytes wasted: 20 %"
           in text(browser, "#type-table .stacks p"))
    # A name that lies in two lines is drawn in both; what has no name is what is in there.
    expect("pieces", titles(0), [
        "kind: char\noffset 0, 1 byte", "hole: 7 bytes", "next: struct packet *\noffset 8, 8 bytes",
        "state: unsigned int\noffset 16, 3 bits", "mode: unsigned int\noffset 16, 7 bits", "hole: 22 bits",
        "x: int\noffset 20, 4 bytes", "y: char\noffset 24, 1 byte", "hole: 7 bytes",
        "number | pointer: union\noffset 32, 8 bytes", "name: char[50]\noffset 40, 50 bytes",
        "name: char[50]\noffset 40, 50 bytes", "hole: 6 bytes"])
    expect("a union", titles(1), ["number | real: union\noffset 0, 8 bytes"])
    expect("rows", count(browser, "#type-table .bytes .offset"), 3)
    click(browser, "#type-table .place")
    expect("folded again", count(browser, "#type-table .stacks"), 1)


def use_hostile(browser):
    expect("title", browser.run("document.title"), "<b>bold — mete report")
    expect("no element of theirs", count(browser, "b, img, #page script"), 0)
    expect("names are texts", browser.run(
        "document.getElementById('leak-list').textContent.includes('</script><img src=x>')"))
    expect("nobody was called", browser.run("typeof window.hacked"), "undefined")


def use_large(browser):
    expect("said", "are added up where" in text(browser, "#note-list"))
    expect("rows", count(browser, "#site-table tbody tr") <= 25)
    taken = browser.run("""(() => {
        const begin = performance.now();
        document.querySelectorAll('#flame-measure input')[1].click();
        document.querySelectorAll('#site-table th button')[4].click();
        return performance.now() - begin;
    })()""")
    expect("a second for two clicks", taken < 1000)


def main(program, page, kind):
    with Browser(program) as browser:
        for scheme, width in (("light", 1280), ("dark", 400)):
            browser.colours(scheme)
            browser.resize(width, 900)
            browser.open("file://" + os.path.abspath(page))
            expect("complaints", browser.complaints, [])
            expect("requests", len(browser.requests), 1)
            expect("nothing wider than the window",
                   browser.run("document.documentElement.scrollWidth <= innerWidth"))
        {"leaks": use_leaks, "types": use_types, "holders": use_holders, "hostile": use_hostile,
         "large": use_large}[kind](browser)
        expect("complaints in the end", browser.complaints, [])
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
