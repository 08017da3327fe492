// The panel at the right: a step, the copies of a loop, or a call that has not begun.

import { button, el, put, sign } from "./dom.js";
import { line } from "./format.js";
import { openCopies } from "./copies.js";
import { openNode } from "./node.js";
import { icon } from "./phase.js";

/** Shows what the address names, or a call that has no address yet. */
export function openPanel(side, ctx) {
  let shown = "";
  let inner = null;

  makeGrip(side);

  function clear() {
    inner?.close();
    inner = null;
    shown = "";
  }

  function shut() {
    clear();
    side.hidden = true;
    ctx.go({ node: "", loop: "" });
  }

  function open(name, make) {
    if (shown === name) return;
    clear();
    shown = name;
    side.hidden = false;
    const content = el("div", { class: "panelbody" });
    put(side, side.firstChild, button(sign("close"), shut, { class: "quiet shut", "aria-label": "Close the panel", title: "Close (Esc)" }), content);
    try {
      inner = make(content);
    } catch (error) {
      put(content, el("p", { class: "problem", role: "alert", text: error.message }));
    }
  }

  return {
    isOpen: () => !side.hidden,
    shut,
    plan(call) {
      open(`plan ${call.call}`, (content) => openPlanned(content, call));
    },
    update({ node, loop }) {
      if (loop) open(`loop ${node} ${loop}`, (content) => openCopies(content, node, loop, ctx));
      else if (node) open(`node ${node}`, (content) => openNode(content, node, ctx));
      else {
        clear();
        side.hidden = true;
      }
    },
    change: (event) => inner?.change?.(event),
    again: () => inner?.again?.(),
    close: clear,
  };
}

function openPlanned(place, call) {
  put(place,
    el("header", {}, icon("Pending", { side: 18 }), el("h2", { text: line(call.title) })),
    el("p", { class: "muted", text: line(call.note) || "This step has not begun." }),
    call.after.length ? el("div", {}, el("h3", { text: "It waits for" }), el("ul", { class: "names" }, call.after.slice(0, 200).map((name) => el("li", { text: line(name) })))) : null);
  return { close() {} };
}

/** The line at the left of the panel, by which it is made wider. */
function makeGrip(side) {
  const grip = el("div", { class: "grip", role: "separator", "aria-orientation": "vertical", "aria-label": "Width of the panel", tabindex: 0 });
  const widen = (width) => {
    const most = Math.max(320, innerWidth * 0.7);
    const wide = Math.round(Math.min(most, Math.max(320, width)));
    side.style.setProperty("width", `${wide}px`);
    return wide;
  };
  const remember = (width) => {
    try {
      localStorage.setItem("dflow-panel", String(width));
    } catch {
      // no storage: until the page is closed
    }
  };
  try {
    const before = Number(localStorage.getItem("dflow-panel"));
    if (before) widen(before);
  } catch {
    // no storage: the usual width
  }
  grip.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    const move = (moved) => remember(widen(side.getBoundingClientRect().right - moved.clientX));
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", () => grip.removeEventListener("pointermove", move), { once: true });
  });
  grip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: 24, ArrowRight: -24 }[event.key];
    if (!step) return;
    event.stopPropagation();
    remember(widen(side.getBoundingClientRect().width + step));
  });
  put(side, grip);
}
