// The graph of a run: cards and lines as SVG where they can be read, a canvas from farther away.

import { button, el, oncePerFrame, put, sign } from "./dom.js";
import { count, line } from "./format.js";
import { makeGraphData } from "./graph-data.js";
import { makeNear, touches } from "./near.js";
import { drawOverview, readColours } from "./overview.js";
import { buildScene, openNew, refreshScene, sameShape } from "./scene.js";
import { makeViewport } from "./viewport.js";
import { nextCard } from "./walk.js";

const MOST_CARDS = 180;
const READABLE = 0.3;

/**
 * @param ctx `run`, `go(changes)` that changes the address, `plan(call)` that shows a call which has not begun
 */
export function openGraph(place, route, ctx) {
  const canvas = el("canvas", { class: "overview", "aria-hidden": "true" });
  const near = makeNear();
  const note = el("div", { class: "over note" });
  const crumbs = el("div", { class: "over crumbs", hidden: true });
  const tools = el("div", { class: "over tools", role: "toolbar", "aria-label": "View" });
  const box = el("div", { class: "graph" }, canvas, near.image, crumbs, note, tools);
  put(place, box);

  const data = makeGraphData(ctx.run);
  const state = { root: route.root, open: null, known: new Set(), opens: true, horizontal: true, selected: "", scene: null, far: false, busy: new Set(), colours: readColours(), placed: false };
  const draw = oncePerFrame(drawNow);
  const view = makeViewport(box, draw);
  let loading = null;
  let wanted = false;
  let timer = 0;
  let closed = false;

  put(tools,
    button("+", () => view.zoomAt(1.3), { "aria-label": "Nearer", title: "Nearer (+)" }),
    button("−", () => view.zoomAt(1 / 1.3), { "aria-label": "Farther", title: "Farther (−)" }),
    button("Fit", () => fitAll(), { title: "All of it (0)" }),
    button(sign("turn"), turn, { "aria-label": "Left to right or top to bottom", title: "Left to right or top to bottom" }),
    button("Fold", () => foldAll(), { title: "Fold all groups" }));

  async function load() {
    if (loading) return void (wanted = true);
    loading = true;
    wanted = false;
    const asked = state.root;
    try {
      const opened = state.open ? [...data.fetched.keys()] : [];
      const found = await data.load(asked, opened);
      if (!closed && asked === state.root) take(found);
    } catch (error) {
      if (!closed && error.status) put(note, el("p", { role: "alert", text: error.message }));
    } finally {
      loading = null;
      if (wanted && !closed) later();
    }
  }

  /** Ask again soon, but leave the server and the browser time for other things. */
  function later() {
    if (timer) return;
    timer = setTimeout(() => ((timer = 0), load()), Math.min(10000, Math.max(500, data.took * 5)));
  }

  function take({ root, fetched }) {
    const before = data.root;
    const insideBefore = data.insideOf;
    const oldFetched = data.fetched;
    const insideNow = (call) => fetched.get(call.id) ?? call.inside ?? null;
    const first = !state.open;
    state.open ??= new Set();
    if (state.opens) openNew(root, state.open, state.known);
    const same = before && state.scene && before.id === root.id && sameShape(before, root, state.open, insideBefore, insideNow);
    data.root = root;
    data.fetched = fetched;
    if (same) refreshScene(state.scene, root, data.insideOf);
    else layOutAgain(!first && oldFetched !== null);
    drawCrumbs();
    put(note, words(root));
    draw();
  }

  function words(root) {
    if (!root.calls.length) return el("p", { text: "Nothing has begun yet." });
    return root.more ? el("p", { text: `${count(root.more)} more calls are not drawn; the tab Steps has all of them.` }) : null;
  }

  /** New places; what is in the middle of the screen (or selected) stays where it is. */
  function layOutAgain(keep, anchor = null) {
    const old = state.scene;
    state.scene = buildScene(data.root, state.open, data.insideOf, state.horizontal);
    near.forget();
    if (!state.placed || !keep || !old) {
      if (box.clientWidth) atFirst();
      return;
    }
    const fixed = anchor ?? (state.selected && old.byKey.get(state.selected)) ?? nearest(old);
    const now = fixed && state.scene.byKey.get(fixed.key);
    if (now) view.set(view.k, view.x + (fixed.x - now.x) * view.k, view.y + (fixed.y - now.y) * view.k);
  }

  function nearest(scene) {
    const { x0, x1, y0, y1 } = view.seen();
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    let best = null;
    let least = Infinity;
    for (const item of scene.cards) {
      const distance = Math.hypot(item.x + item.w / 2 - x, item.y + item.h / 2 - y);
      if (distance < least) [best, least] = [item, distance];
    }
    return best;
  }

  /** The whole of it, where its words can be read then; lying or standing, as it has more room. */
  function atFirst() {
    state.placed = true;
    let k = view.fitting(state.scene.w, state.scene.h);
    if (k < 0.7 && state.scene.cards.length <= MOST_CARDS && !state.turned) {
      const other = buildScene(data.root, state.open, data.insideOf, !state.horizontal);
      const standing = view.fitting(other.w, other.h);
      if (standing > k * 1.25) {
        [state.scene, state.horizontal, k] = [other, !state.horizontal, standing];
        near.forget();
      }
    }
    const { scene } = state;
    const [width, height] = view.size();
    if (k >= 0.55 || scene.cards.length > MOST_CARDS) view.fit(scene.w, scene.h);
    else if (scene.h * 0.8 > height && scene.w * 0.8 <= width) view.set(0.8, (width - scene.w * 0.8) / 2, 40);
    else view.set(0.8, 36, Math.max(40, (height - scene.h * 0.8) / 2) - (scene.h * 0.8 > height ? (scene.h * 0.8 - height) / 2 : 0));
    if (state.selected) show(state.selected);
  }

  function fitAll() {
    if (state.scene) view.fit(state.scene.w, state.scene.h);
  }

  function turn() {
    state.horizontal = !state.horizontal;
    state.turned = true;
    if (!data.root) return;
    layOutAgain(false);
    fitAll();
  }

  function foldAll() {
    Object.assign(state, { open: new Set(), opens: false });
    data.fetched = new Map();
    if (!data.root) return;
    layOutAgain(false);
    fitAll();
  }

  function drawCrumbs() {
    crumbs.hidden = !state.root;
    if (state.root && data.root) put(crumbs, button("↑ Whole run", () => ctx.go({ root: "" })), el("span", { class: "path", text: line(data.root.name), title: line(data.root.name) }));
  }

  // ---- drawing

  function drawNow() {
    const { scene } = state;
    if (!scene || !box.clientWidth) return;
    if (!state.placed) atFirst();
    const seen = view.seen();
    const visible = scene.cards.reduce((sum, item) => sum + (touches(item, seen) ? 1 : 0), 0);
    const far = visible > MOST_CARDS || (view.k < READABLE && visible > 60);
    if (far !== state.far) {
      state.far = far;
      box.classList.toggle("far", far);
      near.forget();
    }
    if (far) drawOverview(canvas, scene, view, state.colours, state.selected);
    else {
      canvas.width = canvas.width && 1;
      near.draw(scene, view, state);
    }
    if (!box.dataset.painted) performance.mark("graph-painted");
    box.dataset.painted = String(scene.byKey.size);
    box.dataset.mode = far ? "far" : "near";
  }

  // ---- what the person does

  box.addEventListener("click", (event) => {
    if (view.moved || event.target.closest(".over")) return;
    if (state.far) return clickFar(event);
    const g = event.target.closest("[data-key]");
    const item = g && state.scene.byKey.get(g.dataset.key);
    if (!item) return;
    if (event.target.closest("[data-opens]")) toggle(item);
    else if (!item.inner || event.target.closest("[data-select]")) select(item);
  });
  box.addEventListener("dblclick", (event) => {
    const g = event.target.closest("[data-key]");
    const item = g && state.scene.byKey.get(g.dataset.key);
    if (item?.call.kind === "group" && !event.target.closest("[data-opens]")) toggle(item);
  });

  function clickFar(event) {
    const [x, y] = view.world(event);
    const item = state.scene.cards.find((card) => x >= card.x - 8 && x <= card.x + card.w + 8 && y >= card.y - 8 && y <= card.y + card.h + 8);
    if (!item) return;
    select(item);
    if (view.k < READABLE) view.reveal(item, { centre: true, k: 0.85 });
  }

  function select(item) {
    mark(item.key);
    const { call, group } = item;
    if (call.kind === "loop" && call.strip) ctx.go({ node: call.id ?? group.id, loop: call.call });
    else if (call.id && call.kind !== "loop") ctx.go({ node: call.id, loop: "" });
    else ctx.plan(call);
  }

  function mark(key) {
    near.mark(state.selected, key);
    state.selected = key;
    draw();
  }

  function show(key) {
    const item = state.scene?.byKey.get(key);
    if (item) view.reveal(item.inner ? { ...item, h: 40 } : item);
  }

  async function toggle(item) {
    const { call, key } = item;
    if (item.inner) {
      state.open.delete(key);
      data.fetched.delete(call.id);
    } else {
      state.open.add(key);
      if (!data.insideOf(call)) {
        if (!call.id || state.busy.has(key)) return;
        state.busy.add(key);
        draw();
        try {
          data.fetched.set(call.id, await data.ask(call.id));
        } catch (error) {
          state.open.delete(key);
          put(note, el("p", { role: "alert", text: error.message }));
        }
        state.busy.delete(key);
        if (closed) return;
      }
    }
    layOutAgain(true, item);
    draw();
  }

  function findKey(node, loop) {
    if (!node || !state.scene) return "";
    for (const item of state.scene.byKey.values()) {
      if (loop ? (item.call.id ?? item.group.id) === node && item.call.call === loop : item.call.id === node) return item.key;
    }
    return "";
  }

  function key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const item = state.scene?.byKey.get(state.selected);
    if (step) {
      const next = nextCard(state.scene, item, step, view.seen());
      if (next) mark(next.key), show(next.key), next.key === state.selected && select(next);
    } else if (event.key === "Enter" && item) select(item);
    else if (event.key === "x" && item?.call.kind === "group") toggle(item);
    else if (event.key === "+" || event.key === "=") view.zoomAt(1.3);
    else if (event.key === "-") view.zoomAt(1 / 1.3);
    else if (event.key === "0") fitAll();
    else return false;
    return true;
  }

  const recolour = () => ((state.colours = readColours()), draw());
  addEventListener("themechange", recolour);
  const resized = new ResizeObserver(draw);
  resized.observe(box);
  load();

  return {
    key,
    again: load,
    change(event) {
      if (state.scene && event.nodes?.length && data.patch(event.nodes, state.scene)) draw();
      later();
    },
    update(next) {
      if (next.root !== state.root) {
        Object.assign(state, { root: next.root, open: null, known: new Set(), opens: true, placed: false, scene: null, selected: "" });
        near.forget();
        data.fetched = new Map();
        load();
      }
      const found = findKey(next.node, next.loop);
      if (found !== state.selected) mark(found);
      if (found) requestAnimationFrame(() => show(found));
    },
    close() {
      closed = true;
      clearTimeout(timer);
      draw.cancel();
      resized.disconnect();
      removeEventListener("themechange", recolour);
    },
  };
}
