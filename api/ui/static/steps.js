// All steps of a run as a table, of which only the rows that can be seen exist.

import { get, query, runPath } from "./api.js";
import { atMost, el, later, oncePerFrame, put, setText } from "./dom.js";
import { clock, count, duration, iso, line, middle, now, size } from "./format.js";
import { PHASES, icon, isFinal, tint } from "./phase.js";

const ROW = 31;
const PAGE = 200;
const KEPT = 12;
const COLUMNS = [["", "sym"], ["Step", "step"], ["Key", "key"], ["Template", "tmpl"], ["Began", "began"], ["Took", "took"], ["CPU", "cpu"], ["Memory", "mem"], ["Message", "msg"]];

/** Show the table. */
export function openSteps(place, route, ctx) {
  const state = { text: "", phase: route.phase, total: null, pages: new Map(), asked: new Set(), rows: new Map(), chosen: -1, node: route.node };
  let closed = false;

  const text = el("input", { type: "search", class: "filter", placeholder: "Filter by name, key, template  ( / )", "aria-label": "Filter the steps", spellcheck: "false" });
  const phase = el("select", { "aria-label": "Filter by phase" }, el("option", { value: "", text: "All phases" }), PHASES.slice(0, 7).map((word) => el("option", { value: word, text: word, selected: word === state.phase })));
  const total = el("span", { class: "muted", role: "status" });
  const body = el("div", { class: "rows", role: "rowgroup" });
  const scroll = el("div", { class: "scroll", tabindex: 0, role: "table", "aria-label": "Steps", "aria-colcount": COLUMNS.length },
    el("div", { class: "trow thead", role: "row" }, COLUMNS.map(([words, name]) => el("span", { class: `s-${name}`, role: "columnheader", text: words }))), body);
  const note = el("div", { class: "empty", hidden: true });
  put(place, el("div", { class: "steps" }, el("div", { class: "bar" }, text, phase, total), scroll, note));

  const again = later(180, () => {
    Object.assign(state, { pages: new Map(), asked: new Set(), total: null, chosen: -1 });
    scroll.scrollTop = 0;
    draw();
  });
  text.addEventListener("input", () => ((state.text = text.value), again()));
  phase.addEventListener("change", () => ctx.go({ phase: phase.value }));
  const draw = oncePerFrame(drawNow);
  scroll.addEventListener("scroll", draw, { passive: true });
  const resized = new ResizeObserver(draw);
  resized.observe(scroll);

  function range() {
    const from = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 8);
    return [from, Math.min(state.total ?? 0, from + Math.ceil(scroll.clientHeight / ROW) + 16)];
  }

  async function ask(page) {
    if (state.asked.has(page)) return;
    state.asked.add(page);
    const { pages, asked } = state;
    try {
      const answer = await get(runPath(ctx.run, "nodes") + query({ text: state.text, phase: state.phase, offset: String(page * PAGE), limit: PAGE }));
      if (closed || pages !== state.pages) return;
      pages.set(page, answer.nodes);
      state.total = answer.total;
      forgetFar();
      draw();
    } catch (error) {
      if (closed || !error.status) return;
      note.hidden = false;
      put(note, el("p", { role: "alert", text: error.message }));
    } finally {
      asked.delete(page);
    }
  }

  /** Pages far from what is seen are asked for again when they are needed. */
  function forgetFar() {
    const near = Math.floor(scroll.scrollTop / ROW / PAGE);
    for (const page of [...state.pages.keys()]) if (state.pages.size > KEPT && Math.abs(page - near) > KEPT / 2) state.pages.delete(page);
  }

  function drawNow() {
    if (state.total === null) return void ask(0);
    setText(total, `${count(state.total)} step${state.total === 1 ? "" : "s"}`);
    note.hidden = state.total > 0;
    if (!state.total) put(note, el("p", { text: state.text || state.phase ? "No step matches." : "Nothing has begun yet." }));
    body.style.setProperty("height", `${state.total * ROW}px`);
    scroll.setAttribute("aria-rowcount", state.total + 1);
    const [from, to] = range();
    for (const [at, row] of state.rows) if (at < from || at >= to) row.node.remove(), state.rows.delete(at);
    for (let at = from; at < to; at++) {
      const page = Math.floor(at / PAGE);
      const node = state.pages.get(page)?.[at % PAGE];
      if (!node) ask(page);
      drawRow(at, node);
    }
  }

  function drawRow(at, node) {
    const is = node ? `${node.id} ${node.phase} ${node.started} ${node.finished} ${node.message} ${node.note} ${node.cpu}` : "";
    let row = state.rows.get(at);
    if (!row) {
      row = { node: el("div", { class: "trow", role: "row", "aria-rowindex": at + 2 }), is: null };
      row.node.style.setProperty("transform", `translateY(${at * ROW}px)`);
      body.append(row.node);
      state.rows.set(at, row);
    }
    row.node.classList.toggle("chosen", at === state.chosen);
    row.node.classList.toggle("selected", Boolean(node) && node.id === state.node);
    if (row.is === is) return;
    row.is = is;
    row.node.dataset.node = node?.id ?? "";
    put(row.node, node ? cellsOf(node) : el("span", { class: "s-step muted", text: "…" }));
  }

  body.addEventListener("click", (event) => {
    const row = event.target.closest("[data-node]");
    if (row?.dataset.node) ctx.go({ node: row.dataset.node, loop: "" });
  });

  function move(step) {
    if (!state.total) return;
    state.chosen = Math.min(state.total - 1, Math.max(0, state.chosen + step));
    const top = state.chosen * ROW;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + 2 * ROW > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + 2 * ROW - scroll.clientHeight;
    scroll.focus({ preventScroll: true });
    draw();
  }

  function key(event, typing = false) {
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    if (typing) move(1);
    else if (step) move(step);
    else if (event.key === "/") text.select(), text.focus();
    else if (event.key === "Enter" && state.rows.get(state.chosen)) ctx.go({ node: state.rows.get(state.chosen).node.dataset.node, loop: "" });
    else return false;
    return true;
  }

  /** Ask again for the pages that can be seen; the others when they are. */
  function refresh() {
    const [from, to] = range();
    const seen = new Set([Math.floor(from / PAGE), Math.floor(Math.max(0, to - 1) / PAGE)]);
    for (const page of [...state.pages.keys()]) if (!seen.has(page)) state.pages.delete(page);
    for (const page of seen) ask(page);
  }

  const soon = atMost(900, refresh);
  draw();
  return {
    key,
    again: refresh,
    change: () => soon(),
    update(next) {
      state.node = next.node;
      if (next.phase !== state.phase) {
        phase.value = state.phase = next.phase;
        again();
      }
      draw();
    },
    close() {
      closed = true;
      again.cancel();
      soon.cancel();
      draw.cancel();
      resized.disconnect();
    },
  };
}

function cellsOf(node) {
  const goes = node.started && !node.finished && !isFinal(node.phase);
  const took = el("span", { class: "s-took", role: "cell", text: node.started && (goes || node.finished) ? duration((node.finished ?? now()) - node.started) : "" });
  if (goes) took.dataset.since = node.started;
  const cell = (name, text, title = null) => el("span", { class: `s-${name}`, role: "cell", text, title });
  return [
    el("span", { class: `s-sym ${tint(node.phase)}`, role: "cell" }, icon(node.phase, { label: true, side: 14, kind: node.type === "Suspend" ? "suspend" : "" })),
    el("span", { class: "s-step", role: "cell", title: line(node.name) }, el("span", { text: middle(node.title, 60) }), el("span", { class: "where", text: parentOf(node) })),
    cell("key", middle(node.key ?? "", 40), line(node.key ?? "")),
    cell("tmpl", middle(node.template ?? "", 30), line(node.template ?? "")),
    cell("began", clock(node.started), iso(node.started)),
    took,
    cell("cpu", duration(node.cpu)),
    cell("mem", size(node.rss)),
    cell("msg", line(node.message || node.note || "").slice(0, 240), line(node.message || node.note || "").slice(0, 1000)),
  ];
}

/** Where in the run a step stands, without its own name and that of the run. */
function parentOf(node) {
  const path = line(node.name);
  const inside = path.endsWith(line(node.title)) ? path.slice(0, path.length - line(node.title).length - 1) : path;
  return middle(inside.replace(/^[^.[]*\.?/, "").replace(/^\[\d+\]$/, ""), 46);
}
