/* --- The head of the page --- */

const lost = data.leaks === null ? null : {
  bytes: data.leaks.definite.bytes + data.leaks.indirect.bytes,
  blocks: data.leaks.definite.blocks + data.leaks.indirect.blocks,
};
const errorCount = data.errors.filter((error) => !error.suppressed).length;

function drawProgram() {
  const { program } = data, name = programPath();
  document.title = `${baseName(name)} — mete report`;
  byId("program").append(make("bdi", "", baseName(name)));
  /* As a shell would take it, roughly: what has blanks in it is quoted. */
  const quoted = program.argv.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word
    : "'" + word.replace(/'/g, "'\\''").replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd") + "'");
  byId("command").append(make("bdi", "", quoted.join(" ")));
  byId("status").textContent = program.signal !== null ? `killed by signal ${program.signal}`
    : program.exit_status !== null ? `exit status ${program.exit_status}`
      : program.reached_exit ? "ended" : "still running, or never reached its exit";
  byId("facts").textContent =
    `after ${secondWords(program.wall_seconds)} · pid ${program.pid} · mode ${data.mode}`;
  byId("made").textContent =
    `Made by mete ${data.mete}. This page is whole: it asks no network for anything.`;
}

function drawVerdict() {
  const parts = [];
  const link = (target, words) => {
    const anchor = make("a", "", words);
    anchor.href = "#" + target;
    return anchor;
  };
  if (errorCount !== 0) parts.push(link("errors", several(errorCount, "error")));
  if (lost !== null && lost.blocks !== 0)
    parts.push(link("leaks", `${byteWords(lost.bytes)} lost in ${several(lost.blocks, "block")}`));
  const isBad = parts.length !== 0;
  if (!isBad && lost !== null && data.leaks.possible.blocks !== 0)
    parts.push(link("leaks", `${byteWords(data.leaks.possible.bytes)} possibly lost`));
  let state = isBad ? "bad" : parts.length !== 0 ? "warn" : "good";
  if (parts.length === 0 && lost === null) {
    parts.push(`No errors; the leak check was ${data.leak_check}`);
    state = "warn";
  } else if (parts.length === 0) {
    parts.push("No leaks, no errors");
  }
  byId("verdict").classList.add(state);
  byId("verdict").append(...parts.flatMap((part, i) => i === 0 ? [part] : ["·", part]));
}

function drawCards() {
  const { totals, tracker } = data;
  const isEstimate = data.mode === "sampled" || tracker.sample_blocks > 1;
  const peak = totals.peak_is_exact ? "exact"
    : totals.peak_error_bytes !== 0 && !isEstimate && data.mode !== "stats"
      ? `to within ${byteWords(totals.peak_error_bytes)}` : "estimated";
  const cards = [
    ["Peak of live bytes", byteWords(totals.peak_live_bytes),
     totals.peak_seconds === null ? peak : `after ${secondWords(totals.peak_seconds)}, ${peak}`,
     ""],
    ["Asked for in all", byteWords(totals.allocated_bytes),
     several(totals.allocations, "allocation"), ""],
    [data.program.reached_exit ? "Live at the end" : "Live", byteWords(totals.live_bytes),
     several(totals.live_blocks, "block"), ""],
    ["Temporary", shareWords(totals.temporary_allocations, totals.allocations),
     `${countWords(totals.temporary_allocations)} freed before the next allocation`, ""],
    ["Leaks", lost === null ? "–" : lost.blocks === 0 ? "none" : byteWords(lost.bytes),
     lost === null ? `check ${data.leak_check}`
       : lost.blocks === 0 ? (data.leaks.possible.blocks !== 0
         ? `${byteWords(data.leaks.possible.bytes)} possibly lost`
         : `${byteWords(data.leaks.reachable.bytes)} still reachable`)
         : `in ${several(lost.blocks, "block")}, definite and indirect`,
     lost === null ? "" : lost.blocks === 0 ? "good" : "bad"],
    ["Errors", errorCount === 0 ? "none" : countWords(errorCount),
     totals.failed_allocations === 0 ? "no request failed"
       : `${several(totals.failed_allocations, "request")} answered with NULL`,
     errorCount === 0 ? "good" : "bad"],
  ];
  /* Of single samples nobody knows what came next: none is seen to be temporary. */
  if (isEstimate)
    cards[3] = ["Estimates from", countWords(tracker.samples),
                `samples, one per ${byteWords(tracker.sample_bytes)}`, ""];
  byId("cards").append(...cards.map(([title, figure, more, state]) =>
    make("div", state, make("dt", "", title), make("dd", "figure", figure),
         make("dd", "more", more))));
}

/* --- What else there is to know --- */

function drawNotes() {
  const { tracker } = data, notes = [];
  const note = (words, isBad = false) => notes.push(make("li", isBad ? "bad" : "", words));
  const sums = data.sites.filter((site) => site.merged);
  const merged = d3.sum(sums, (site) => site.merged);

  if (data.mode === "sampled")
    note("All figures are estimates: about one block per " +
         `${byteWords(tracker.sample_bytes)} was recorded.`);
  else if (tracker.sample_blocks > 1)
    note("All figures are estimates: about one block in " +
         `${tracker.sample_blocks} was guarded and recorded.`);
  if (data.mode === "stats")
    note("In this mode bytes are block sizes, not what was asked for, and no stack is recorded.");
  if (tracker.dropped_allocations !== 0)
    note(`${several(tracker.dropped_allocations, "allocation")} could not be recorded with a ` +
         "stack: memory, the disk or the profile's size cap ran out.", true);
  if (tracker.dropped_errors !== 0)
    note(`${several(tracker.dropped_errors, "error")} could not be recorded.`, true);
  if (tracker.truncated_stacks !== 0)
    note(`${several(tracker.truncated_stacks, "stack")} could not be followed to the outermost ` +
         "frame.");
  if (merged !== 0)
    note(`Of ${countWords(data.site_count)} sites the ` +
         `${countWords(data.sites.length - sums.length)} heaviest are here as they are; ` +
         `${countWords(merged)} smaller ones are added up where their stacks part from these. ` +
         "The JSON of mete report has them all.");
  if (data.leaks !== null) {
    const blocks = d3.sum(LEAK_KINDS, (kind) => data.leaks[kind].blocks) +
      (data.leaks.suppressed?.blocks ?? 0);
    const missing = blocks - d3.sum(data.leaks.records, (leak) => leak.blocks);
    if (missing > 0) note(`${several(missing, "block")} of the leak check are not listed here.`);
  }
  if (tracker.inherited_allocations !== 0)
    note(`A forked child: ${countWords(tracker.inherited_allocations)} of the allocations are ` +
         "its parent's, from before the fork.");
  for (const entry of data.modules_without_names) note(`${entry.module} ${entry.why}`);
  for (const entry of data.suppressions)
    if (entry.matches === 0)
      note(`Unused suppression: ${entry.name} (${entry.file}:${entry.line})`);
  if (tracker.bytes !== 0) note(`Keeping the profile took ${byteWords(tracker.bytes)} of memory.`);
  byId("notes").hidden = notes.length === 0;
  byId("note-list").append(...notes);
}

function drawChapters() {
  for (const section of document.querySelectorAll("main > section")) {
    if (section.hidden) continue;
    const anchor = make("a", "", section.querySelector("h2").textContent);
    anchor.href = "#" + section.id;
    const number = section.id === "errors" ? errorCount : section.id === "leaks" ? lost.blocks
      : section.id === "holders" ? d3.sum(data.holders, (holder) => holder.not_destroyed) : 0;
    if (number !== 0) anchor.append(make("span", "number", countWords(number)));
    byId("chapters").append(make("li", "", anchor));
  }
}

/* --- All of it --- */

byId("page").hidden = false;
drawProgram();
drawVerdict();
drawCards();
drawTimeline();
drawErrors();
leakList.start();
flame.start();
placeTable.start();
typeTable.start();
holderTable.start();
drawSizes();
drawNotes();
drawChapters();

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input")) return;
  event.preventDefault();
  byId("flame-search").focus();
});

/* On paper every finding is open. */
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.finding:not([open])")];
  for (const details of opened) {
    details.open = true;
    details.fill();
  }
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
