/* --- Types of blocks, and what lies where in them --- */

const TYPES_AT_ONCE = 20;
const LINE_BYTES = 64;
const LINES_SHOWN = 32; /* of a type: more are nobody's to read */
const COLOURS = 6;      /* of neighbouring members */

const layouts = new Map(data.layouts.map((layout) => [layout.name + "\n" + layout.size, layout]));

function layoutOf(type) {
  return layouts.get(type.name + "\n" + type.size);
}

/* "8 bytes", "3 bits" */
function sizeWords(bytes) {
  return Number.isInteger(bytes) ? several(bytes, "byte") : several(8 * bytes, "bit");
}

/* Members that share their bytes are one piece. */
function unionOf(members, offset, size) {
  return { name: members.map((member) => member.name ?? member.type).join(" | "),
           type: "union", from: offset, to: offset + size };
}

/* The pieces of a type, from byte to byte: those of bit-fields are fractions of some. What has no
   name is its own members. */
function membersOf(layout, base = 0) {
  return layout.members.flatMap((member) => {
    const from = base + member.offset;
    const isArray = member.type.includes("[");
    if (member.members !== undefined && !isArray)
      return member.type.startsWith("union") ? [unionOf(member.members, from, member.size)]
        : membersOf(member, from);
    const piece = { name: member.name ?? member.type, type: member.type, from,
                    to: from + member.size };
    if (member.bit_size !== null) {
      piece.from += member.bit_offset / 8;
      piece.to = piece.from + member.bit_size / 8;
    }
    return [piece];
  });
}

/* What is drawn: members, and what lies between them, which has no type. */
function piecesOf(layout) {
  if (layout.kind === "union") return [unionOf(layout.members, 0, layout.size)];
  const pieces = [];
  let end = 0;
  const hole = (to) => {
    if (to > end) pieces.push({ name: "", type: null, from: end, to });
  };
  for (const member of membersOf(layout)) {
    if (member.to === member.from) continue;
    hole(member.from);
    pieces.push(member);
    end = Math.max(end, member.to);
  }
  hole(layout.size);
  return pieces;
}

/* A row for each cache line, in which members are as wide as their bytes. */
function byteMap(layout) {
  const cell = 12, high = 24, left = 44;
  const size = Math.max(1, layout.size), all = Math.ceil(size / LINE_BYTES);
  const lines = Math.min(all, LINES_SHOWN), bytes = Math.min(size, LINE_BYTES);
  const width = left + bytes * cell + 1, height = lines * high + 1;
  const svg = d3.create("svg").attr("class", "bytes").attr("viewBox", `0 0 ${width} ${height}`)
    .attr("width", width).attr("role", "img")
    .attr("aria-label", `The bytes of ${layout.name}, a row for each cache line`);
  for (let line = 0; line < lines; line++)
    svg.append("text").attr("class", "offset").attr("x", left - 8)
      .attr("y", line * high + high / 2).attr("dy", ".35em").text(line * LINE_BYTES);
  piecesOf(layout).forEach((piece, number) => {
    const isHole = piece.type === null, size = sizeWords(piece.to - piece.from);
    for (let at = piece.from; at < piece.to && at < lines * LINE_BYTES;) {
      const line = Math.floor(at / LINE_BYTES);
      const end = Math.min(piece.to, (line + 1) * LINE_BYTES), part = (end - at) * cell;
      const box = svg.append("g").attr("transform",
        `translate(${left + at % LINE_BYTES * cell},${line * high})`);
      box.append("title").text(isHole ? `hole: ${size}`
        : `${piece.name}: ${piece.type}\noffset ${countWords(Math.floor(piece.from))}, ${size}`);
      box.append("rect").attr("class", isHole ? "hole" : "member-" + number % COLOURS)
        .attr("width", part).attr("height", high - 3).attr("rx", 2);
      const most = Math.floor((part - 4) / 6.7); /* letters */
      if (most >= Math.min(piece.name.length, 3) && piece.name !== "")
        box.append("text").attr("x", 3).attr("y", (high - 3) / 2).attr("dy", ".35em")
          .text(piece.name.length <= most ? piece.name : piece.name.slice(0, most - 1) + "…");
      at = end;
    }
  });
  const rest = all > lines ? `… and ${several(all - lines, "cache line")} more` : "";
  return [svg.node(), make("p", "", rest)];
}

const TYPE_COLUMNS = [
  { name: "At the peak", value: (type) => type.peak.bytes, words: byteWords },
  { name: "Live at the end", value: (type) => type.live.bytes, words: byteWords },
  { name: "Objects at the peak", value: (type) => type.size > 1 ? type.peak.objects : 0,
    words: countWords },
  { name: "Size", value: (type) => type.size ?? 0, words: byteWords },
  { name: "Padding at the peak", words: byteWords, isLoss: true,
    value: (type) => (layoutOf(type)?.wasted ?? 0) * (type.peak.objects ?? 0) },
];

const typeTable = {
  shown: TYPES_AT_ONCE,
  open: new Set(),

  stackRow(type) {
    const layout = layoutOf(type), words = [];
    if (layout.file !== null) words.push(`${pathWords(layout.file)}:${layout.line}`);
    words.push(`align ${layout.align}`, several(layout.cachelines, "cache line"));
    words.push(layout.wasted === 0 ? "no byte wasted"
      : `${several(layout.wasted, "byte")} wasted: ${shareWords(layout.wasted, layout.size)}`);
    const cell = make("td", "", make("div", "stack", make("p", "", words.join(" · ")),
                                     ...byteMap(layout)));
    cell.colSpan = TYPE_COLUMNS.length + 1;
    return make("tr", "stacks", cell);
  },

  row(type) {
    const doubt = type.name === null || type.certain ? null
      : make("span", "where", "not certain everywhere");
    const name = make("bdi", type.name === null ? "none" : "name", type.name ?? "(not known)");
    const cells = TYPE_COLUMNS.map(({ value, words, isLoss }) => {
      const figure = value(type);
      return make("td", figure === 0 ? "none" : isLoss ? "bad" : "",
                  figure === 0 ? "" : words(figure));
    });
    if (layoutOf(type) === undefined)
      return [make("tr", "", make("td", "", make("span", "place flat", name, doubt)), ...cells)];
    return foldingRow(this, type, makeButton("place", name, doubt), cells);
  },

  draw() {
    const rows = data.types.filter((type) => type.peak.bytes !== 0 || type.live.bytes !== 0);
    byId("type-table").tBodies[0].replaceChildren(
      ...rows.slice(0, this.shown).flatMap((type) => this.row(type)));
    const rest = rows.length - this.shown, more = byId("type-more");
    more.hidden = rest <= 0;
    more.textContent = `Show ${countWords(Math.min(rest, 4 * TYPES_AT_ONCE))} more`;
  },

  start() {
    byId("types").hidden = data.types.every((type) => type.name === null);
    byId("type-table").tHead.rows[0].append(...["Type",
      ...TYPE_COLUMNS.map((column) => column.name)].map((name) => {
      const head = make("th", "", name);
      head.scope = "col";
      return head;
    }));
    byId("type-more").addEventListener("click", () => {
      this.shown += 4 * TYPES_AT_ONCE;
      this.draw();
    });
    this.draw();
  },
};
