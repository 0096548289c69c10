#!/usr/bin/env python3
"""check_page PAGE REPORT: holds a page of `mete report --html` against the report's JSON.

The page must be well-formed, must load nothing, must have the scripts that its own policy names and
no others; and its data must be the report's. Prints what is wrong; exits with 1.
"""
import base64
import hashlib
import html.parser
import json
import re
import sys

VOID = {"meta", "link", "input", "br", "hr", "img"}
MEASURES = ["allocations", "frees", "allocated_bytes", "live_bytes", "live_blocks",
            "peak_live_bytes", "temporary"]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.wrong, self.open, self.bodies, self.policy, self.ids = [], [], [], "", set()
        self.feed(text)
        self.close()
        if self.open:
            self.wrong.append(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "style"):
            self.bodies.append((tag, given.get("type", ""), []))
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        for name, value in attributes:
            if name in ("src", "srcset", "action", "style", "data") or name.startswith("on"):
                self.wrong.append(f"<{tag} {name}={value}>")
            if name == "href" and not re.match(r"#|data:,$", value):
                self.wrong.append(f"<{tag}> refers to {value}")
        if "id" in given:
            if given["id"] in self.ids:
                self.wrong.append(f"two elements are called {given['id']}")
            self.ids.add(given["id"])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing, at {self.getpos()}")

    def handle_data(self, text):
        if self.open and self.open[-1] in ("script", "style"):
            self.bodies[-1][2].append(text)

    def handle_comment(self, text):
        self.wrong.append(f"a comment: {text[:60]}")


def check_bodies(page):
    """The scripts and styles; returns the data among them."""
    data = None
    for tag, kind, parts in page.bodies:
        text = "".join(parts)
        if kind == "application/json":
            data = json.loads(text)
            for bad in "<>&\u2028\u2029":
                if bad in text:
                    page.wrong.append(f"the data has a {bad!r}")
            continue
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        if f"'sha256-{digest}'" not in page.policy:
            page.wrong.append(f"a {tag} that the policy does not name: {text[:60]!r}")
        if tag == "style" and re.search(r"url\(|@import", text):
            page.wrong.append("the style loads something")
    if "default-src 'none'" not in page.policy:
        page.wrong.append(f"the policy is {page.policy!r}")
    return data


def check_data(data, report, wrong):
    for key in ("mete", "mode", "program", "totals", "types", "sizes", "timeline", "tracker",
                "modules_without_names"):
        if data[key] != report[key]:
            wrong.append(f"{key}: {data[key]} instead of {report[key]}")
    for measure in MEASURES:
        sums = [sum(site[measure] for site in each["sites"]) for each in (data, report)]
        if sums[0] != sums[1]:
            wrong.append(f"sites: {measure} is {sums[0]} instead of {sums[1]}")
    if (data["leaks"] is None) != (report["leaks"] is None):
        wrong.append("leaks are there or not")
    elif data["leaks"] is not None:
        for kind in ("definite", "indirect", "possible", "reachable"):
            if data["leaks"][kind] != report["leaks"][kind]:
                wrong.append(f"leaks: {kind}")
    def figures(report):
        return [{key: value for key, value in holder.items() if key != "stack"}
                for holder in report["holders"]]
    if figures(data) != figures(report):
        wrong.append(f"holders: {figures(data)} instead of {figures(report)}")
    types = {(each["name"], each["size"]) for each in data["types"]}
    for layout in data["layouts"]:
        if (layout["name"], layout["size"]) not in types:
            wrong.append(f"a layout of no type: {layout['name']}")
    if len({(each["name"], each["size"]) for each in data["layouts"]}) != len(data["layouts"]):
        wrong.append("a layout is there twice")
    for site in data["sites"] + data["holders"] + ([] if data["leaks"] is None else data["leaks"]["records"]):
        node, cut, first, last, *_ = site["stack"]
        if not (0 <= node <= len(data["nodes"]) / 3 and cut >= 0 and first <= last):
            wrong.append(f"a stack: {site['stack']}")


def main(page_path, report_path):
    with open(page_path, encoding="utf-8") as file:
        page = Page(file.read())
    with open(report_path, encoding="utf-8") as file:
        report = json.load(file)
    data = check_bodies(page)
    if data is None:
        page.wrong.append("there is no data")
    else:
        check_data(data, report, page.wrong)
    print(*page.wrong, sep="\n", end="\n" if page.wrong else "")
    return 1 if page.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
