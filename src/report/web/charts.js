/* --- Live bytes over time --- */

const FEWEST_MOMENTS = 5; /* fewer are no picture */

/* About four round numbers of bytes up to `highest`. */
function byteTicks(highest) {
  let step = 2 ** Math.max(0, Math.floor(Math.log2(highest / 3)));
  if (highest / step > 6) step *= 2;
  return d3.range(0, highest + 1, step);
}

function drawTimeline() {
  const moments = data.timeline;
  if (moments.length < FEWEST_MOMENTS) {
    byId("timeline").hidden = true;
    return;
  }
  const box = byId("timeline-chart");
  const margin = { top: 18, right: 26, bottom: 24, left: 64 }, height = 190;
  const peak = data.totals.peak_live_bytes, peakTime = data.totals.peak_seconds;
  let chosen = -1;

  function draw() {
    const width = Math.max(260, box.clientWidth);
    const last = Math.max(data.program.wall_seconds, moments[moments.length - 1].seconds);
    const highest = Math.max(1, peak, d3.max(moments, (moment) => moment.live_bytes));
    const x = d3.scaleLinear([0, last || 1], [margin.left, width - margin.right]);
    const y = d3.scaleLinear([0, highest], [height - margin.bottom, margin.top]);
    const shape = [...moments, { ...moments[moments.length - 1], seconds: last }];
    const across = (moment) => x(moment.seconds);
    const up = (moment) => y(Math.max(0, moment.live_bytes));

    box.replaceChildren();
    const svg = d3.select(box).append("svg").attr("viewBox", `0 0 ${width} ${height}`)
      .attr("height", height).attr("tabindex", 0).attr("role", "img")
      .attr("aria-label", `Live bytes over ${secondWords(last)}, at most ${byteWords(peak)}. ` +
            "Left and right arrow keys read single moments.");
    svg.append("g").attr("transform", `translate(0,${height - margin.bottom})`)
      .call(d3.axisBottom(x).ticks(width / 110).tickFormat(secondWords).tickSizeOuter(0));
    svg.append("g").attr("transform", `translate(${margin.left},0)`)
      .call(d3.axisLeft(y).tickValues(byteTicks(highest))
        .tickFormat((bytes) => byteWords(bytes).replace(/\.0+ /, " "))
        .tickSize(margin.left + margin.right - width))
      .call((axis) => axis.select(".domain").remove());
    svg.append("path").attr("class", "area").attr("d",
      d3.area().curve(d3.curveStepAfter).x(across).y0(y(0)).y1(up)(shape));
    svg.append("path").attr("class", "edge").attr("d",
      d3.line().curve(d3.curveStepAfter).x(across).y(up)(shape));
    if (peakTime !== null && peakTime <= last) {
      const mark = svg.append("g").attr("class", "peak");
      const atEnd = x(peakTime) > width - 120;
      mark.append("line").attr("x1", x(peakTime)).attr("x2", x(peakTime))
        .attr("y1", y(peak)).attr("y2", y(0));
      mark.append("text").attr("x", x(peakTime) + (atEnd ? -5 : 5)).attr("y", margin.top - 6)
        .attr("text-anchor", atEnd ? "end" : "start").text("peak " + byteWords(peak));
    }
    const here = svg.append("line").attr("class", "here").attr("y1", margin.top)
      .attr("y2", y(0)).attr("visibility", "hidden");
    const spot = svg.append("circle").attr("class", "spot").attr("r", 4.5)
      .attr("visibility", "hidden");

    function read(index) {
      chosen = Math.max(0, Math.min(moments.length - 1, index));
      const moment = moments[chosen];
      here.attr("x1", across(moment)).attr("x2", across(moment)).attr("visibility", "visible");
      spot.attr("cx", across(moment)).attr("cy", up(moment)).attr("visibility", "visible");
      byId("timeline-reading").textContent =
        `after ${secondWords(moment.seconds)}: ${byteWords(moment.live_bytes)} in ` +
        `${several(moment.live_blocks, "block")}, ` +
        `${several(moment.allocations, "allocation")} so far`;
    }
    svg.on("pointermove", () => {
      const [left] = d3.mouse(svg.node());
      read(d3.bisector((moment) => moment.seconds).right(moments, x.invert(left)) - 1);
    });
    svg.on("keydown", () => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[d3.event.key];
      if (step === undefined) return;
      d3.event.preventDefault();
      read(chosen + step);
    });
  }
  draw();
  new ResizeObserver(draw).observe(box);
  byId("timeline-reading").textContent = "Point at the curve to read it.";
}

/* --- Sizes --- */

function drawSizes() {
  if (data.sizes.length === 0) {
    byId("sizes").hidden = true;
    return;
  }
  const most = d3.max(data.sizes, (size) => size.allocations);
  const mostBytes = d3.max(data.sizes, (size) => size.bytes);
  const bar = (part) => {
    const fill = make("span", "fill");
    fill.style.setProperty("--part", part);
    return make("td", "", part === 0 ? "" : fill);
  };
  for (const size of data.sizes) {
    const range = size.low === size.high ? countWords(size.low)
      : `${countWords(size.low)} – ${countWords(size.high)}`;
    byId("size-table").tBodies[0].append(make("tr", "", make("td", "", range),
      make("td", "", countWords(size.allocations)), bar(size.allocations / most),
      make("td", "", byteWords(size.bytes)), bar(mostBytes === 0 ? 0 : size.bytes / mostBytes)));
  }
}
