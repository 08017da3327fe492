// The graph from nearby: cards, frames and lines as SVG, of which only those that can be seen are in the page.

import { drawCard, drawFrame, signature } from "./card.js";
import { put, svg } from "./dom.js";
import { arrowOf, pathOf } from "./scene.js";

const BORDER = 0.2; // of a screen, around it: so that a small move draws nothing anew

/** Whether a box lies in an area, at least with a part of it. */
export function touches(item, area) {
  return item.x < area.x1 && item.x + item.w > area.x0 && item.y < area.y1 && item.y + item.h > area.y0;
}

/** An SVG that draws a scene. */
export function makeNear() {
  const frames = svg("g");
  const links = svg("path", { class: "links" });
  const arrows = svg("path", { class: "arrows" });
  const cards = svg("g");
  const world = svg("g", {}, frames, links, arrows, cards);
  const image = svg("svg", { class: "world", role: "group", "aria-label": "Graph of the steps; arrow keys go from step to step", tabindex: 0 }, world);
  const drawn = new Map();
  let area = null;

  function draw(scene, view, state) {
    world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`);
    const seen = view.seen();
    const within = area && seen.x0 >= area.x0 && seen.x1 <= area.x1 && seen.y0 >= area.y0 && seen.y1 <= area.y1;
    if (!within) area = view.seen(area ? BORDER : 0); // at first only what is seen: that is quicker
    drawItems(scene.frames, frames, drawFrame, state);
    drawItems(scene.cards, cards, drawCard, state);
    if (!within) drawLines(scene);
  }

  function drawItems(items, parent, drawOne, state) {
    for (const item of items) {
      const known = drawn.get(item.key);
      if (!touches(item, area)) {
        if (known) {
          known.g.remove();
          drawn.delete(item.key);
        }
        continue;
      }
      const is = signature(item.call, state.busy.has(item.key));
      if (known?.is === is) continue;
      const g = drawOne(item, state.busy.has(item.key));
      g.dataset.key = item.key;
      if (item.key === state.selected) g.classList.add("selected");
      if (known) known.g.replaceWith(g);
      else parent.append(g);
      drawn.set(item.key, { g, is });
    }
  }

  function drawLines(scene) {
    let d = "";
    let heads = "";
    for (const edge of scene.lines) {
      if (edge.x0 > area.x1 || edge.x1 < area.x0 || edge.y0 > area.y1 || edge.y1 < area.y0) continue;
      d += pathOf(edge, scene.horizontal);
      heads += arrowOf(edge, scene.horizontal);
    }
    links.setAttribute("d", d);
    arrows.setAttribute("d", heads);
  }

  return {
    image,
    draw,
    /** Take all out: the next drawing begins anew. */
    forget() {
      drawn.clear();
      area = null;
      put(cards);
      put(frames);
      links.setAttribute("d", "");
      arrows.setAttribute("d", "");
    },
    mark(before, now) {
      drawn.get(before)?.g.classList.remove("selected");
      drawn.get(now)?.g.classList.add("selected");
    },
  };
}
