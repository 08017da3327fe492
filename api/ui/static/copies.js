// The copies of a loop, a page at a time.

import { get, query, runPath } from "./api.js";
import { atMost, button, el, put, setText } from "./dom.js";
import { count, duration, line, now } from "./format.js";
import { PHASES, icon, isFinal } from "./phase.js";

const PAGE = 100;

/** Show the copies of one call of a group. */
export function openCopies(place, node, call, ctx) {
  const state = { phase: "", offset: 0, total: 0, copies: [] };
  let closed = false;
  const total = el("span", { class: "muted" });
  const phase = el("select", { "aria-label": "Copies in this phase" }, el("option", { value: "", text: "All phases" }), PHASES.slice(0, 7).map((word) => el("option", { value: word, text: word })));
  const list = el("ul", { class: "copies" });
  const pager = el("div", { class: "pager" });
  put(place, el("header", {}, el("h2", { text: line(call) }), el("span", { class: "tag", text: "loop" })), el("div", { class: "bar" }, phase, total), list, pager);
  phase.addEventListener("change", () => (Object.assign(state, { phase: phase.value, offset: 0 }), load()));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (!step) return;
    const all = [...list.querySelectorAll("button")];
    all[Math.min(all.length - 1, Math.max(0, all.indexOf(document.activeElement) + step))]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  async function load() {
    try {
      const answer = await get(runPath(ctx.run, "graph") + query({ node, call, phase: state.phase, offset: state.offset, limit: PAGE }));
      if (closed) return;
      Object.assign(state, { copies: answer.copies, total: answer.total });
      draw();
    } catch (error) {
      if (!closed && error.status) put(list, el("li", { class: "problem", role: "alert", text: error.message }));
    }
  }

  function draw() {
    setText(total, state.total ? `${count(state.total)} ${state.phase ? state.phase.toLowerCase() : "begun"}` : "");
    const focused = document.activeElement?.dataset?.node;
    put(list, state.copies.map(row));
    if (!state.copies.length) put(list, el("li", { class: "muted", text: state.phase ? "None is in this phase." : "None has begun." }));
    if (focused) list.querySelector(`[data-node="${CSS.escape(focused)}"]`)?.focus();
    const last = Math.min(state.total, state.offset + PAGE);
    put(pager, state.total > PAGE && [
      button("‹ Previous", () => turn(-PAGE), { disabled: state.offset === 0 }),
      el("span", { class: "muted", text: `${count(state.offset + 1)}–${count(last)} of ${count(state.total)}` }),
      button("Next ›", () => turn(PAGE), { disabled: last >= state.total })]);
  }

  function row(copy) {
    const goes = copy.started && !copy.finished && !isFinal(copy.phase);
    const time = el("span", { class: "time", text: copy.started && (copy.finished || goes) ? duration((copy.finished ?? now()) - copy.started) : "" });
    if (goes) time.dataset.since = copy.started;
    return el("li", {}, el("button", { type: "button", class: "copy", "data-node": copy.id, onclick: () => ctx.go({ node: copy.id, loop: "" }) },
      icon(copy.phase, { label: true, side: 14 }), el("span", { class: "name", text: line(copy.title) }), el("span", { class: "words", text: line(copy.message || copy.note || copy.key || "").slice(0, 160) }), time));
  }

  function turn(by) {
    state.offset = Math.max(0, state.offset + by);
    load();
    place.parentElement.scrollTop = 0;
  }

  const soon = atMost(700, load);
  load();
  return {
    change: () => soon(),
    again: load,
    close() {
      closed = true;
      soon.cancel();
    },
  };
}
