/* --- Stacks as lists --- */

const REPEATS = 3; /* calls of a function by itself that are worth one line */

function frameLine(frame, className, mark) {
  const where = make("span", "where", make("bdi", "", frame.where));
  where.title = frame.module;
  if (mark !== "") where.append(make("span", "mark", mark));
  return make("li", className, nameOf(frame), where);
}

/* The frames of a stack; wrappers and what starts the program are faint. */
function stackList(stack) {
  const list = make("ol", "frames");
  for (let i = 0; i < stack.frames.length; i++) {
    const frame = stack.frames[i];
    const state = i < stack.from || i >= stack.to ? "dim" : i === stack.from ? "first" : "";
    list.append(frameLine(frame, state, frame.inlined ? "inlined" : ""));
    let end = i + 1;
    while (end < stack.frames.length && stack.frames[end].function === frame.function) end++;
    if (end - i > REPEATS) {
      list.append(make("li", "", make("span", "left-out",
        `… called by itself ${countWords(end - i - 1)} times`)));
      i = end - 1;
    }
    if (stack.guessed >= i && stack.guessed < end)
      list.append(make("li", "", make("span", "left-out", "the callers of this are guessed")));
  }
  if (stack.isCut)
    list.append(make("li", "", make("span", "left-out", "… whose callers are not known")));
  if (stack.frames.length === 0)
    list.append(make("li", "", make("span", "left-out", NO_STACK.name)));
  if (stack.frames.length > 12) list.tabIndex = 0;
  return list;
}

/* --- Errors --- */

/* "4 bytes past the end of a block of 13 bytes" */
function errorPlace(error) {
  const block = `a block of ${several(error.block_bytes, "byte")}`;
  if (error.block_bytes === 0 && error.allocated_at[0] === 0) return "in no block";
  if (error.offset === 0) return `the start of ${block}`;
  if (error.offset < 0) return `${several(-error.offset, "byte")} before ${block}`;
  if (error.offset >= error.block_bytes)
    return `${several(error.offset - error.block_bytes, "byte")} past the end of ${block}`;
  return `${several(error.offset, "byte")} into ${block}`;
}

function finding(isOpen, isSuppressed, ...summary) {
  const details = make("details", "finding" + (isSuppressed ? " suppressed" : ""),
    make("summary", "", ...summary, isSuppressed ? make("span", "kind", "suppressed") : null));
  details.open = isOpen;
  return details;
}

/* Stacks are made when they are first looked at: there may be thousands. */
function fillWhenOpen(details, fill) {
  const filled = () => {
    if (details.open && details.children.length === 1) details.append(...fill());
  };
  details.addEventListener("toggle", filled);
  details.fill = filled;
  filled();
}

function placeWords(stack) {
  const frame = stack.frames[stack.from] ?? NO_STACK;
  return make("span", "place", nameOf(frame), " ", make("span", "where", frame.where));
}

function drawErrors() {
  byId("errors").hidden = data.errors.length === 0;
  data.errors.forEach((error, i) => {
    const stack = stackOf(error.stack);
    const details = finding(i < 5 && !error.suppressed, error.suppressed,
      make("span", "kind error", error.kind), make("span", "", error.address),
      make("span", "blocks", errorPlace(error)), placeWords(stack));
    fillWhenOpen(details, () => {
      const parts = [make("div", "stack", stackList(stack))];
      for (const [title, reference] of [["freed at", error.freed_at],
                                        ["allocated at", error.allocated_at]])
        if (reference[0] !== 0)
          parts.push(make("h3", "", title), make("div", "stack", stackList(stackOf(reference))));
      return parts;
    });
    byId("error-list").append(details);
  });
}

/* --- Leaks --- */

const LEAK_KINDS = ["definite", "indirect", "possible", "reachable"];
const LEAKS_AT_ONCE = 6;

const leakList = {
  kinds: new Set(),
  shown: LEAKS_AT_ONCE,

  draw() {
    const records = data.leaks.records.filter((leak) => this.kinds.has(leak.kind))
      .sort((a, b) => a.suppressed - b.suppressed ||
        LEAK_KINDS.indexOf(a.kind) - LEAK_KINDS.indexOf(b.kind) ||
        b.bytes - a.bytes || b.blocks - a.blocks);
    byId("leak-list").replaceChildren(...records.slice(0, this.shown).map((leak, i) => {
      const stack = stackOf(leak.stack);
      const isLost = leak.kind === "definite" || leak.kind === "indirect";
      const details = finding(i < 2 && isLost && !leak.suppressed, leak.suppressed,
        make("span", "amount", byteWords(leak.bytes)),
        make("span", "blocks", several(leak.blocks, "block")),
        make("span", "kind " + leak.kind, leak.kind), placeWords(stack));
      fillWhenOpen(details, () => [make("div", "stack", stackList(stack))]);
      return details;
    }));
    if (records.length > this.shown) {
      const more = makeButton("", `Show more of ${countWords(records.length - this.shown)} others`);
      more.addEventListener("click", () => {
        this.shown += 8 * LEAKS_AT_ONCE;
        this.draw();
      });
      byId("leak-list").append(more);
    }
    if (records.length === 0)
      byId("leak-list").append(make("p", "reading", "None of the kinds that are chosen."));
  },

  start() {
    if (data.leaks === null || data.leaks.records.length === 0) {
      byId("leaks").hidden = true;
      return;
    }
    const present = LEAK_KINDS.filter((kind) =>
      data.leaks[kind].blocks !== 0 || data.leaks.records.some((leak) => leak.kind === kind));
    const lost = present.filter((kind) => kind !== "reachable");
    this.kinds = new Set(lost.length === 0 ? present : lost);
    for (const kind of present) {
      const button = makeButton("", `${kind} `,
        make("span", "blocks", byteWords(data.leaks[kind].bytes)));
      button.setAttribute("aria-pressed", String(this.kinds.has(kind)));
      button.addEventListener("click", () => {
        if (!this.kinds.delete(kind)) this.kinds.add(kind);
        button.setAttribute("aria-pressed", String(this.kinds.has(kind)));
        this.draw();
      });
      byId("leak-kinds").append(button);
    }
    this.draw();
  },
};

/* --- Rows that unfold --- */

/* The row of `thing`, whose button shows and hides another below it: table.open says of which
   things, table.stackRow makes it. */
function foldingRow(table, thing, button, cells) {
  const isOpen = table.open.has(thing);
  button.setAttribute("aria-expanded", String(isOpen));
  const row = make("tr", isOpen ? "open" : "", make("td", "", button), ...cells);
  button.addEventListener("click", () => {
    if (table.open.delete(thing)) {
      row.nextSibling.remove();
    } else {
      table.open.add(thing);
      row.after(table.stackRow(thing));
    }
    row.classList.toggle("open", table.open.has(thing));
    button.setAttribute("aria-expanded", String(table.open.has(thing)));
  });
  return isOpen ? [row, table.stackRow(thing)] : [row];
}

/* --- Pools, arenas and maps --- */

const HOLDERS_AT_ONCE = 20;

const HOLDER_COLUMNS = [
  { name: "Created", key: "created", words: countWords },
  { name: "Not destroyed", key: "not_destroyed", words: countWords },
  { name: "Live blocks", key: "live_blocks", words: countWords },
  { name: "Live bytes", key: "live_bytes", words: byteWords },
  { name: "Peak", key: "peak_bytes", words: byteWords },
  { name: "Reserved", key: "reserved_bytes", words: byteWords },
];

const holderTable = {
  shown: HOLDERS_AT_ONCE,
  open: new Set(),

  stackRow(holder) {
    const cell = make("td", "", make("div", "stack", make("p", "", "created by"),
                                     stackList(stackOf(holder.stack))));
    cell.colSpan = HOLDER_COLUMNS.length + 1;
    return make("tr", "stacks", cell);
  },

  row(holder) {
    const stack = stackOf(holder.stack), creator = stack.frames[stack.from] ?? NO_STACK;
    const button = makeButton("place", make("span", "kind", holder.kind),
      make("bdi", "name", holder.name),
      make("span", "where", make("bdi", "", `${creator.name} ${creator.where}`.trim())));
    button.title = `${holder.kind} ${holder.name}\n${creator.full}\n${creator.where}`;
    return foldingRow(this, holder, button, HOLDER_COLUMNS.map(({ key, words }) => {
      const isLeft = key === "not_destroyed" && holder[key] !== 0;
      return make("td", holder[key] === 0 ? "none" : isLeft ? "bad" : "", words(holder[key]));
    }));
  },

  draw() {
    /* First those that are left over. */
    const rows = [...data.holders].sort((a, b) =>
      (b.not_destroyed !== 0) - (a.not_destroyed !== 0) || b.peak_bytes - a.peak_bytes);
    byId("holder-table").tBodies[0].replaceChildren(
      ...rows.slice(0, this.shown).flatMap((holder) => this.row(holder)));
    const rest = rows.length - this.shown, more = byId("holder-more");
    more.hidden = rest <= 0;
    more.textContent = `Show ${countWords(Math.min(rest, 4 * HOLDERS_AT_ONCE))} more`;
  },

  start() {
    byId("holders").hidden = data.holders.length === 0;
    byId("holder-table").tHead.rows[0].append(...["Name and creator",
      ...HOLDER_COLUMNS.map((column) => column.name)].map((name) => {
      const head = make("th", "", name);
      head.scope = "col";
      return head;
    }));
    byId("holder-more").addEventListener("click", () => {
      this.shown += 4 * HOLDERS_AT_ONCE;
      this.draw();
    });
    this.draw();
  },
};

/* --- Places --- */

const PLACES_AT_ONCE = 25;
const STACKS_AT_ONCE = 5;

const COLUMNS = [
  { name: "Place", text: (place) => place.head.name },
  ...MEASURES.map((measure, i) => ({ name: measure.name, measure, value: (place) => place.values[i],
                                     words: (value) => measureWords(measure, value) })),
  { name: "Mean size", value: (place) => place.values[2] / (place.values[3] || 1),
    words: byteWords },
  { name: "Stacks", value: (place) => place.stacks, words: countWords },
];

const placeTable = {
  column: 1,
  descending: true,
  filter: "",
  shown: PLACES_AT_ONCE,
  open: new Set(),

  /* A site's stack has the words that are looked for. */
  matches(site) {
    return site.head.words.includes(this.filter) ||
      site.stack.frames.some((frame) => frame.words.includes(this.filter));
  },

  rows() {
    const column = COLUMNS[this.column], sign = this.descending ? -1 : 1;
    const chosen = this.filter === "" ? [...places]
      : places.filter((place) => place.sites.some((site) => this.matches(site)));
    return chosen.sort((a, b) => column.text
      ? sign * column.text(a).localeCompare(column.text(b))
      : sign * (column.value(a) - column.value(b)) || b.values[2] - a.values[2]);
  },

  cells(place) {
    return COLUMNS.slice(1).map((column) => {
      const value = column.value(place);
      const cell = make("td", value === 0 ? "none" : "", column.words(value));
      if (column.measure && value !== 0) {
        const whole = data.totals[column.measure.total];
        cell.classList.add("bar");
        cell.style.setProperty("--part", Math.min(1, value / (whole || 1)));
        cell.title = `${countWords(value)}, ${shareWords(value, whole)}`;
      }
      return cell;
    });
  },

  /* The heaviest of the place's stacks, by the column in use. */
  stackRow(place) {
    const cell = make("td", "");
    cell.colSpan = COLUMNS.length;
    const index = Math.min(Math.max(this.column - 1, 0), MEASURES.length - 1);
    const order = [...place.sites].sort((a, b) => b.values[index] - a.values[index]);
    const showMore = (from) => {
      for (const site of order.slice(from, from + STACKS_AT_ONCE)) {
        const words = MEASURES.map((measure, i) => site.values[i] === 0 ? null
          : `${measureWords(measure, site.values[i])} ${measure.name.toLowerCase()}`);
        const title = site.merged === 0 ? ""
          : `${several(site.merged, "site")} beyond these callers, added up: `;
        cell.append(make("div", "stack",
          make("p", "", title + words.filter((word) => word !== null).join(" · ")),
          stackList(site.stack)));
      }
      const left = order.length - from - STACKS_AT_ONCE;
      if (left <= 0) return;
      const more = makeButton("", `Show more of ${several(left, "other stack")}`);
      more.addEventListener("click", () => {
        more.remove();
        showMore(from + STACKS_AT_ONCE);
      });
      cell.append(more);
    };
    showMore(0);
    return make("tr", "stacks", cell);
  },

  row(place) {
    const button = makeButton("place", nameOf(place.head),
      make("span", "where", make("bdi", "", place.head.where)));
    button.title = `${place.head.full}\n${place.head.where}\n${place.head.module}`;
    return foldingRow(this, place, button, this.cells(place));
  },

  draw() {
    const rows = this.rows(), table = byId("site-table");
    const shown = rows.slice(0, this.shown);
    table.tBodies[0].replaceChildren(...shown.flatMap((place) => this.row(place)));
    table.tHead.rows[0].querySelectorAll("th").forEach((head, i) => {
      const order = this.descending ? "descending" : "ascending";
      if (i === this.column) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    });
    const rest = rows.slice(this.shown);
    table.tFoot.replaceChildren();
    if (rest.length !== 0) {
      const sum = { head: null, sites: [], stacks: 0, values: MEASURES.map(() => 0) };
      for (const place of rest) {
        place.values.forEach((value, i) => { sum.values[i] += value; });
        sum.stacks += place.stacks;
      }
      table.tFoot.append(make("tr", "", make("td", "", `${several(rest.length, "more place")}`),
                              ...this.cells(sum)));
    }
    const more = byId("site-more");
    more.hidden = rest.length === 0;
    more.textContent = `Show ${countWords(Math.min(rest.length, 4 * PLACES_AT_ONCE))} more`;
    byId("site-count").textContent = this.filter === "" ? several(rows.length, "place")
      : `${countWords(rows.length)} of ${several(places.length, "place")}`;
  },

  sort(column) {
    this.descending = this.column === column ? !this.descending : column !== 0;
    this.column = column;
    this.draw();
  },

  start() {
    if (sites.length === 0) {
      byId("sites").hidden = true;
      return;
    }
    COLUMNS.forEach((column, i) => {
      const button = makeButton("", column.name);
      button.addEventListener("click", () => this.sort(i));
      const head = make("th", "", button);
      head.scope = "col";
      byId("site-table").tHead.rows[0].append(head);
    });
    this.column = firstMeasure() + 1;
    byId("site-filter").addEventListener("input", (event) => {
      this.filter = event.target.value.trim().toLowerCase();
      this.shown = PLACES_AT_ONCE;
      this.draw();
    });
    byId("site-more").addEventListener("click", () => {
      this.shown += 4 * PLACES_AT_ONCE;
      this.draw();
    });
    this.draw();
  },
};
