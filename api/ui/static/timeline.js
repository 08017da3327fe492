// When each step ran: bars in lanes on a canvas, the critical path above all others.

import { get, query, runPath } from "./api.js";
import { atMost, button, el, oncePerFrame, put, setText } from "./dom.js";
import { clock, count, duration, line, now, several } from "./format.js";
import { packLanes, tickStep } from "./lanes.js";
import { drawTimeline } from "./timeline-draw.js";
import { readColours } from "./overview.js";
import { isFinal } from "./phase.js";

const LANE = { least: 22, most: 30 };
const TOP = 30;
const GAP = 16;
const SIDE = 14;

/** Show the timeline. */
export function openTimeline(place, route, ctx) {
  const canvas = el("canvas", { class: "gantt", tabindex: 0, role: "img", "aria-label": "Timeline" });
  const tip = el("div", { class: "tip", hidden: true });
  const summary = el("span", { class: "muted", role: "status" });
  const only = el("input", { type: "checkbox", onchange: () => (pack(), fit()) });
  const note = el("div", { class: "over note" });
  const box = el("div", { class: "timeline" }, canvas, tip, note);
  put(place, el("div", { class: "timebox" },
    el("div", { class: "bar" }, el("label", { class: "check" }, only, el("span", { text: "Critical path only" })), summary, el("span", { class: "grow" }),
      button("+", () => zoom(1.5), { "aria-label": "Nearer", title: "Nearer (+)" }), button("−", () => zoom(1 / 1.5), { "aria-label": "Farther", title: "Farther (−)" }), button("Fit", () => fit(), { title: "All of it (0)" })), box));

  const state = { data: null, rows: [], lanes: [], chain: 0, scale: 1, x: 0, y: 0, fitted: true, node: route.node, hover: null, colours: readColours() };
  let closed = false;
  const draw = oncePerFrame(drawNow);

  async function load() {
    try {
      const data = await get(runPath(ctx.run, "timeline") + query({ limit: 2000 }));
      if (closed) return;
      state.data = data;
      pack();
      describe();
      draw();
    } catch (error) {
      if (!closed && error.status) put(note, el("p", { role: "alert", text: error.message }));
    }
  }

  const ends = () => Math.max(state.data.end ?? now(), state.data.start ?? 0);
  const endOf = (row) => row.finished ?? (isFinal(row.phase) ? row.started : now());

  function pack() {
    if (!state.data) return;
    const { rows, critical } = state.data;
    state.rows = only.checked ? rows.filter((row) => row.critical) : rows;
    Object.assign(state, packLanes(state.rows, critical, now() + 1e9));
  }

  function describe() {
    const { rows, start, left, total } = state.data;
    const chain = rows.filter((row) => row.critical && row.started);
    const busy = chain.reduce((sum, row) => sum + endOf(row) - row.started, 0);
    const words = chain.length ? `Critical path: ${several(chain.length, "step")}, ${duration(busy)} of ${duration(ends() - start)}` : "";
    setText(summary, [words, left ? `${count(left)} short steps of ${count(total)} are not drawn` : ""].filter(Boolean).join("  ·  "));
    canvas.setAttribute("aria-label", `Timeline of ${several(rows.length, "step")}. ${words}. The tab Steps has the same as a table.`);
    put(note, state.rows.length ? null : el("p", { text: "Nothing has begun yet." }));
  }

  function drawNow() {
    if (!state.data || !box.clientWidth) return;
    if (state.fitted) place0();
    clamp();
    drawTimeline(canvas, { ...state, width: box.clientWidth, height: box.clientHeight, t0: state.data.start, endOf, laneTop, step: tickStep(1 / state.scale), lane: lane(), top: TOP });
    box.dataset.painted = String(state.rows.length);
  }

  function place0() {
    const seconds = Math.max(0.05, ends() - state.data.start);
    state.scale = (box.clientWidth - 2 * SIDE) / seconds;
    state.x = SIDE;
  }

  function lane() {
    const room = (box.clientHeight - TOP - GAP - 24) / Math.max(1, state.lanes.length);
    return Math.max(LANE.least, Math.min(LANE.most, Math.floor(room)));
  }

  function laneTop(at) {
    return TOP + 8 + at * lane() + (state.chain && at >= state.chain ? GAP : 0) - state.y;
  }

  function clamp() {
    const whole = state.lanes.length * lane() + TOP + GAP + 24;
    state.y = Math.max(0, Math.min(state.y, whole - box.clientHeight));
  }

  function fit() {
    Object.assign(state, { fitted: true, y: 0 });
    draw();
  }

  function zoom(factor, at = box.clientWidth / 2) {
    if (!state.data) return;
    const scale = Math.min(50000, Math.max(1e-4, state.scale * factor));
    state.x = at - ((at - state.x) * scale) / state.scale;
    state.scale = scale;
    state.fitted = false;
    draw();
  }

  function pan(dx, dy) {
    state.y -= dy;
    if (dx) {
      state.x += dx;
      state.fitted = false;
    }
    draw();
  }

  function find(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    if (y < TOP) return null;
    const at = state.lanes.findIndex((_, number) => y >= laneTop(number) && y < laneTop(number) + lane());
    const time = (x - state.x) / state.scale + (state.data?.start ?? 0);
    const slack = 3 / state.scale;
    let best = null;
    for (const row of state.lanes[at] ?? []) {
      if (time >= row.started - slack && time <= endOf(row) + slack) best = row;
    }
    return best;
  }

  function showTip(event) {
    const row = find(event);
    if (row !== state.hover) {
      state.hover = row;
      draw();
    }
    tip.hidden = !row;
    canvas.classList.toggle("over-bar", Boolean(row));
    if (!row) return;
    put(tip, el("b", { text: line(row.title) }), el("span", { text: `${row.phase}, ${duration(endOf(row) - row.started)}` }),
      el("span", { class: "muted", text: `began ${clock(row.started)}, ${duration(row.started - state.data.start)} after the run` }),
      row.key ? el("span", { class: "muted", text: `key ${line(row.key)}` }) : null, row.critical ? el("span", { class: "critical", text: "on the critical path" }) : null);
    const frame = box.getBoundingClientRect();
    const left = Math.min(event.clientX - frame.left + 14, frame.width - tip.offsetWidth - 8);
    const top = Math.min(event.clientY - frame.top + 16, frame.height - tip.offsetHeight - 8);
    tip.style.setProperty("transform", `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`);
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return showTip(event);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) canvas.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, moved: true };
    tip.hidden = true;
    pan(dx, dy);
  });
  canvas.addEventListener("pointerup", (event) => {
    const row = drag && !drag.moved ? find(event) : null;
    drag = null;
    if (row) ctx.go({ node: row.id, loop: "" });
  });
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => ((tip.hidden = true), (state.hover = null), draw()));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY * unit * 0.004), event.clientX - canvas.getBoundingClientRect().left);
    else if (event.shiftKey && !event.deltaX) pan(-event.deltaY * unit, 0);
    else pan(-event.deltaX * unit, -event.deltaY * unit);
  }, { passive: false });

  /** The next bar by its start. */
  function walk(step) {
    const rows = state.lanes.flat().sort((a, b) => a.started - b.started);
    const at = rows.findIndex((row) => row.id === state.node);
    const row = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
    if (row) ctx.go({ node: row.id, loop: "" });
  }

  function key(event) {
    const move = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (move) pan(...move);
    else if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else return false;
    return true;
  }

  const growing = setInterval(() => {
    if (state.rows.some((row) => !row.finished && !isFinal(row.phase))) draw();
  }, 500);
  const recolour = () => ((state.colours = readColours()), draw());
  addEventListener("themechange", recolour);
  const resized = new ResizeObserver(draw);
  resized.observe(box);
  const soon = atMost(1200, load);
  load();

  return {
    key,
    again: load,
    change: () => soon(),
    update(next) {
      state.node = next.node;
      draw();
    },
    close() {
      closed = true;
      soon.cancel();
      draw.cancel();
      clearInterval(growing);
      resized.disconnect();
      removeEventListener("themechange", recolour);
    },
  };
}
