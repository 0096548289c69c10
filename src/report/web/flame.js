/* --- The flame graph: callers above, what they call below --- */

const ROW = 20;         /* pixels */
const NARROWEST = 0.6;  /* pixels; narrower boxes are not drawn */
const LETTER = 6.65;    /* pixels of one, in the graph's type */
const HUES = [199, 32, 145, 268, 350, 88, 225, 305];

/* The boxes: stacks from their outer ends, equal functions joined. */
const flameRoot = (() => {
  let count = 0;
  const makeBox = (frame, parent) => ({
    id: count++, frame, parent, depth: parent === null ? 0 : parent.depth + 1,
    values: MEASURES.map(() => 0), children: new Map(),
  });
  const root = makeBox(pseudoFrame(baseName(programPath())), null);
  const add = (box, site) => {
    for (let i = 0; i < MEASURES.length; i++) box.values[i] += site.values[i];
  };
  for (const site of sites) {
    const way = site.stack.frames.slice(0, site.stack.to || undefined).reverse();
    if (site.merged !== 0) way.push(pseudoFrame(several(site.merged, "smaller site")));
    if (way.length === 0) way.push(NO_STACK);
    let box = root;
    add(box, site);
    for (const frame of way) {
      let child = box.children.get(frame.function);
      if (child === undefined) {
        child = makeBox(frame, box);
        box.children.set(frame.function, child);
      }
      box = child;
      add(box, site);
    }
  }
  return root;
})();

/* A colour for each of the modules that weigh most; the others are grey. */
const moduleHues = (() => {
  const weights = new Map();
  for (const place of places)
    for (const site of place.sites)
      for (const frame of site.stack.frames.slice(0, site.stack.to))
        weights.set(frame.module,
                    (weights.get(frame.module) ?? 0) + site.values[0] + site.values[2]);
  weights.delete("");
  const order = [...weights].sort((a, b) => b[1] - a[1]).map((entry) => entry[0]);
  return new Map(order.slice(0, HUES.length).map((module, i) => [module, HUES[i]]));
})();

/* A little lighter or darker by name, so that neighbours differ. */
function shadeOf(frame) {
  let hash = 7;
  for (let i = 0; i < frame.name.length; i++) hash = (hash * 31 + frame.name.charCodeAt(i)) | 0;
  return (Math.abs(hash) % 13) - 6;
}

function colour(element, module) {
  const hue = moduleHues.get(module);
  element.style.setProperty("--hue", hue ?? 0);
  element.style.setProperty("--full", hue === undefined ? 0 : 1);
}

const flame = {
  measure: 0,
  zoomed: flameRoot,
  current: flameRoot, /* what the keyboard is at */
  search: "",
  hits: new Set(),
  boxes: [],

  value(box) {
    return box.values[this.measure];
  },

  describe(box) {
    const measure = MEASURES[this.measure], value = this.value(box);
    let words = measureWords(measure, value) +
      `, ${shareWords(value, this.value(flameRoot))} of all`;
    let isInside = false;
    for (let up = box.parent; up !== null && !isInside; up = up.parent)
      isInside = up === this.zoomed;
    if (isInside && this.zoomed !== flameRoot)
      words += `, ${shareWords(value, this.value(this.zoomed))} of ${this.zoomed.frame.name}`;
    return words;
  },

  /* The visible boxes: those around the zoomed one over the whole width, then what is below it. */
  lay(width) {
    this.boxes = [];
    for (let box = this.zoomed.parent; box !== null; box = box.parent)
      this.boxes.push({ box, x: 0, width, above: true });
    const scale = width / (this.value(this.zoomed) || 1);
    const open = [{ box: this.zoomed, x: 0, width }];
    while (open.length > 0) {
      const place = open.pop();
      this.boxes.push(place);
      let x = place.x;
      const children = [...place.box.children.values()]
        .sort((a, b) => this.value(b) - this.value(a));
      for (const child of children) {
        const wide = this.value(child) * scale;
        if (wide < NARROWEST) break;
        open.push({ box: child, x, width: wide });
        x += wide;
      }
    }
  },

  draw() {
    const holder = byId("flame-chart");
    const width = Math.max(280, holder.clientWidth - 2);
    this.lay(width);
    const height = ROW * (1 + d3.max(this.boxes, (place) => place.box.depth));
    const svg = d3.select(holder).selectAll("svg").data([0]).join("svg")
      .attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`)
      .attr("aria-hidden", "true");
    const groups = svg.selectAll("g").data(this.boxes, (place) => place.box.id)
      .join((enter) => {
        const group = enter.append("g");
        group.append("rect").attr("rx", 2).attr("height", ROW - 1).each(function (place) {
          colour(this, place.box.frame.module);
          this.style.setProperty("--shade", shadeOf(place.box.frame));
        });
        group.append("text").attr("x", 4).attr("y", 14);
        return group;
      })
      .attr("class", (place) => [place.above ? "above" : "", place.box.frame.isSum ? "sum" : "",
                                 this.hits.has(place.box) ? "hit" : "",
                                 place.box === this.current ? "at" : ""].join(" ").trim())
      .attr("transform", (place) => `translate(${place.x},${place.box.depth * ROW})`);
    groups.select("rect").attr("width", (place) => Math.max(0.5, place.width - 0.5));
    groups.select("text").text((place) => {
      const letters = Math.floor((place.width - 8) / LETTER), name = place.box.frame.name;
      return letters < 3 ? "" : name.length <= letters ? name : name.slice(0, letters - 1) + "…";
    });
    holder.classList.toggle("searching", this.search !== "");
    this.drawPath();
    byId("flame-reset").hidden = this.zoomed === flameRoot && this.search === "";
  },

  /* The way from the root to the zoomed box, to go back by. */
  drawPath() {
    const way = [];
    if (this.zoomed !== flameRoot)
      for (let box = this.zoomed; box !== null; box = box.parent) way.unshift(box);
    const shown = way.length > 7 ? [...way.slice(0, 2), null, ...way.slice(-4)] : way;
    byId("flame-path").replaceChildren(...shown.flatMap((box, i) => {
      if (box === null) return ["›", "…"];
      const button = makeButton("", nameOf(box.frame));
      button.addEventListener("click", () => this.zoom(box));
      return i === 0 ? [button] : ["›", button];
    }));
  },

  zoom(box) {
    this.zoomed = this.current = box;
    this.draw();
    this.read(box);
    byId("flame-chart").scrollTop = (box.depth - 3) * ROW; /* with a few of those around it */
  },

  /* What the words under the graph say. */
  read(box) {
    const where = box.frame.where === "" ? "" : ` ${box.frame.where}`;
    byId("flame-reading").textContent = `${box.frame.full}${where}: ${this.describe(box)}`;
  },

  readSearch() {
    let sum = 0;
    for (const box of this.hits) {
      let outermost = true;
      for (let up = box.parent; up !== null && outermost; up = up.parent)
        outermost = !this.hits.has(up);
      if (outermost) sum += this.value(box);
    }
    const measure = MEASURES[this.measure];
    byId("flame-reading").textContent = this.hits.size === 0
      ? `Nothing is called “${this.search}”.`
      : `“${this.search}” is in ${measureWords(measure, sum)}, ` +
        `${shareWords(sum, this.value(flameRoot))} of all.`;
  },

  find(words) {
    this.search = words.trim().toLowerCase();
    this.hits = new Set();
    const open = this.search === "" ? [] : [flameRoot];
    while (open.length > 0) {
      const box = open.pop();
      if (box !== flameRoot && box.frame.words.includes(this.search)) this.hits.add(box);
      open.push(...box.children.values());
    }
    this.draw();
    if (this.search === "") this.read(this.current);
    else this.readSearch();
  },

  setMeasure(index) {
    this.measure = index;
    if (this.value(this.zoomed) === 0) this.zoomed = this.current = flameRoot;
    this.draw();
    if (this.search === "") this.read(this.current);
    else this.readSearch();
  },

  /* The box beside, above or below the current one, of those drawn. */
  neighbour(key) {
    const drawn = new Set(this.boxes.map((place) => place.box));
    const inOrder = (boxes) => boxes.filter((box) => drawn.has(box))
      .sort((a, b) => this.value(b) - this.value(a));
    const { current } = this;
    if (key === "ArrowUp") return current.parent;
    if (key === "ArrowDown") return inOrder([...current.children.values()])[0] ?? null;
    if (current.parent === null) return null;
    const row = inOrder([...current.parent.children.values()]);
    return row[row.indexOf(current) + (key === "ArrowRight" ? 1 : -1)] ?? null;
  },

  press(event) {
    if (event.key === "Enter" || event.key === " ") {
      this.zoom(this.current);
    } else if (event.key === "Escape" || event.key === "Backspace") {
      this.zoom(event.key === "Escape" || this.zoomed.parent === null ? flameRoot
        : this.zoomed.parent);
    } else if (event.key.startsWith("Arrow")) {
      const next = this.neighbour(event.key);
      if (next !== null) {
        this.current = next;
        this.draw();
        this.read(next);
        const holder = byId("flame-chart"), top = next.depth * ROW;
        if (top < holder.scrollTop || top + ROW > holder.scrollTop + holder.clientHeight)
          holder.scrollTop = top - holder.clientHeight / 2;
      }
    } else {
      return;
    }
    event.preventDefault();
  },

  point(event) {
    const place = d3.select(event.target.closest("g")).datum();
    const measure = make("div", "", this.describe(place.box));
    const where = place.box.frame.where === "" ? null : make("div", "", place.box.frame.where);
    tip.show(event.clientX, event.clientY, ...[make("b", "name", place.box.frame.full), where,
      make("div", "", place.box.frame.module), measure].filter((line) => line !== null));
  },

  drawLegend() {
    const entries = [...moduleHues.keys()].map((module) => {
      const swatch = make("i", "");
      colour(swatch, module);
      const entry = make("li", "", swatch, make("bdi", "", baseName(module)));
      entry.title = module;
      return entry;
    });
    byId("flame-legend").replaceChildren(...entries);
  },

  start() {
    if (sites.length === 0) {
      byId("flame").hidden = true;
      return;
    }
    MEASURES.forEach((measure, i) => {
      if (flameRoot.values[i] === 0) return;
      const input = make("input", "");
      Object.assign(input, { type: "radio", name: "measure", value: String(i) });
      input.addEventListener("change", () => this.setMeasure(i));
      byId("flame-measure").append(make("label", "", input, measure.name));
    });
    const inputs = [...byId("flame-measure").querySelectorAll("input")];
    if (inputs.length === 0) {
      byId("flame").hidden = true;
      return;
    }
    const first = inputs.find((input) => Number(input.value) === firstMeasure()) ?? inputs[0];
    first.checked = true;
    this.measure = Number(first.value);
    this.drawLegend();
    const holder = byId("flame-chart");
    holder.addEventListener("click", (event) => {
      const group = event.target.closest("g");
      if (group !== null) this.zoom(d3.select(group).datum().box);
    });
    holder.addEventListener("pointermove", (event) => {
      if (event.target.closest("g") === null) tip.hide();
      else this.point(event);
    });
    holder.addEventListener("pointerleave", () => tip.hide());
    holder.addEventListener("keydown", (event) => this.press(event));
    byId("flame-search").addEventListener("input", (event) => this.find(event.target.value));
    byId("flame-reset").addEventListener("click", () => {
      byId("flame-search").value = "";
      this.find("");
      this.zoom(flameRoot);
    });
    new ResizeObserver(() => this.draw()).observe(holder);
    this.draw();
    byId("flame-reading").textContent =
      "Wide is much. Click, or press Enter, to zoom; Escape goes back.";
  },
};
