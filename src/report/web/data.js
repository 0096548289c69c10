"use strict";

/* --- The document (report/web_data.h), and its figures as words --- */

const data = JSON.parse(document.getElementById("data").textContent);

const MEASURES = [
  { key: "peak_live_bytes", name: "At the peak", total: "peak_live_bytes", isBytes: true },
  { key: "live_bytes", name: "Live at the end", total: "live_bytes", isBytes: true },
  { key: "allocated_bytes", name: "Allocated", total: "allocated_bytes", isBytes: true },
  { key: "allocations", name: "Allocations", total: "allocations", isBytes: false },
  { key: "temporary", name: "Temporary", total: "temporary_allocations", isBytes: false },
];

/* What the page begins with: as --sort says, where that is not 0 in the whole program. */
function firstMeasure() {
  const isThere = (measure) => data.totals[measure.total] !== 0;
  const chosen = MEASURES.findIndex((measure) => measure.key === data.sort && isThere(measure));
  return chosen >= 0 ? chosen : Math.max(0, MEASURES.findIndex(isThere));
}

function countWords(count) {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/* Three digits, as the text report has them. */
function byteWords(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let size = Math.abs(bytes), unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return (bytes < 0 ? "-" : "") + size.toFixed(digits) + " " + units[unit];
}

function shareWords(part, whole) {
  if (part === 0 || whole === 0) return "0 %";
  const share = 100 * part / whole;
  return share < 0.1 ? "<0.1 %" : (share < 9.95 ? share.toFixed(1) : share.toFixed(0)) + " %";
}

function secondWords(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 1e-3) return (seconds * 1e6).toFixed(0) + " µs";
  if (seconds < 1) return Number((seconds * 1e3).toPrecision(3)) + " ms";
  if (seconds < 120) return Number(seconds.toPrecision(3)) + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min " + Math.round(seconds % 60) + " s";
  return Math.floor(seconds / 3600) + " h " + Math.round(seconds % 3600 / 60) + " min";
}

function measureWords(measure, value) {
  return measure.isBytes ? byteWords(value) : countWords(value);
}

function several(count, noun) {
  return countWords(count) + " " + noun + (count === 1 ? "" : "s");
}

function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

function programPath() {
  return data.program.argv[0] ?? data.program.executable ?? "?";
}

/* A file's path, from the folder that the report was asked for in. */
function pathWords(path) {
  const isInside = data.folder && data.folder !== "/" && path.startsWith(data.folder + "/");
  return isInside ? path.slice(data.folder.length + 1) : path;
}

/* --- Frames and stacks --- */

const allFrames = data.frames.map((entry) => {
  if (entry === 0) return null;
  const [short, full, file, line, module, offset, inlined] = entry;
  const text = (number) => number < 0 ? null : data.strings[number];
  const frame = { module: text(module), file: text(file), line, inlined: inlined === 1 };
  const place = baseName(frame.module) + "+0x" + offset.toString(16);
  frame.name = text(short) ?? place;
  frame.full = text(full) ?? place;
  frame.where = frame.file !== null ? pathWords(frame.file) + (line === 0 ? "" : ":" + line)
    : full < 0 ? "" : "(" + baseName(frame.module) + ")";
  /* What a search looks at, and what makes two frames one box of the flame graph. */
  frame.words = (frame.full + "\n" + (frame.file ?? "") + "\n" + frame.module).toLowerCase();
  frame.function = frame.full + "\n" + frame.module;
  return frame;
});

/* A frame that is none of the program's. */
function pseudoFrame(name) {
  return { name, full: name, where: "", module: "", file: null, line: 0, inlined: false,
           words: name.toLowerCase(), function: "\n" + name, isSum: true };
}

const NO_STACK = pseudoFrame("(no stack was recorded)");

/* A stack from its reference: frames innermost first, the allocator's left out. */
function stackOf([node, cut, from, to, doubt, guessed]) {
  const all = [];
  for (let i = node; i !== 0; i = data.nodes[3 * i - 3])
    for (let j = 0; j < data.nodes[3 * i - 1]; j++)
      all.push(allFrames[data.nodes[3 * i - 2] + j]);
  return { frames: all.slice(cut), from, to, isCut: doubt === 1, guessed };
}

/* --- Sites, and the places that they belong to: one for each line that allocates --- */

const sites = data.sites.map((site) => {
  const stack = stackOf(site.stack);
  const head = site.merged ? pseudoFrame("(smaller sites)") : stack.frames[stack.from] ?? NO_STACK;
  return { values: MEASURES.map((measure) => site[measure.key]), blocks: site.live_blocks,
           merged: site.merged ?? 0, stack, head };
});

const places = (() => {
  const byLine = new Map();
  for (const site of sites) {
    const key = site.head.function + "\n" + site.head.where;
    let place = byLine.get(key);
    if (place === undefined) {
      place = { head: site.head, values: MEASURES.map(() => 0), sites: [], stacks: 0 };
      byLine.set(key, place);
    }
    site.values.forEach((value, i) => { place.values[i] += value; });
    place.sites.push(site);
    place.stacks += site.merged || 1;
  }
  return [...byLine.values()];
})();

/* --- Elements --- */

function byId(id) {
  return document.getElementById(id);
}

/* An element with a class ("" for none) and children: elements, or texts that stay texts. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.append(...children.filter((child) => child !== null));
  return element;
}

function makeButton(className, ...children) {
  const button = make("button", className, ...children);
  button.type = "button";
  return button;
}

/* A function's name, shortened where it is C++'s, with the whole of it on demand. */
function nameOf(frame) {
  const name = make("bdi", "name", frame.name);
  if (frame.name !== frame.full) name.title = frame.full;
  return name;
}

const tip = {
  show(x, y, ...lines) {
    const box = byId("tip");
    box.replaceChildren(...lines);
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    box.style.left = Math.max(4, Math.min(x + 14, innerWidth - width - 8)) + "px";
    box.style.top = (y + 18 + height > innerHeight ? Math.max(4, y - height - 12) : y + 18) + "px";
  },
  hide() {
    byId("tip").hidden = true;
  },
};
