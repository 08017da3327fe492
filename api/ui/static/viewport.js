// Pan and zoom: a scale and an offset, the pointer, the wheel and fingers.

const SCALE = { least: 0.01, most: 2.5 };

/** Make an element move and zoom what `onchange` draws; a press without a move is a click of its own. */
export function makeViewport(element, onchange) {
  const view = { k: 1, x: 0, y: 0, moved: false };
  const pointers = new Map();
  let start = null;

  const within = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  view.size = () => [element.clientWidth, element.clientHeight];
  view.panBy = (dx, dy) => {
    view.x += dx;
    view.y += dy;
    onchange();
  };
  view.zoomAt = (factor, x = element.clientWidth / 2, y = element.clientHeight / 2) => {
    const k = Math.min(SCALE.most, Math.max(SCALE.least, view.k * factor));
    view.x = x - ((x - view.x) * k) / view.k;
    view.y = y - ((y - view.y) * k) / view.k;
    view.k = k;
    onchange();
  };
  view.set = (k, x, y) => {
    Object.assign(view, { k, x, y });
    onchange();
  };
  /** Show all of it, never larger than life. */
  view.fit = (w, h, margin = 36) => {
    const [width, height] = view.size();
    const k = Math.max(SCALE.least, Math.min(1, (width - 2 * margin) / Math.max(1, w), (height - 2 * margin) / Math.max(1, h)));
    view.set(k, (width - w * k) / 2, (height - h * k) / 2);
  };
  /** The scale at which all of it could be seen. */
  view.fitting = (w, h, margin = 36) => {
    const [width, height] = view.size();
    return Math.min(1, (width - 2 * margin) / Math.max(1, w), (height - 2 * margin) / Math.max(1, h));
  };
  /** Bring a box into view, moving no more than is needed. */
  view.reveal = (box, { centre = false, k = view.k } = {}) => {
    const [width, height] = view.size();
    if (centre || k !== view.k) {
      view.set(k, width / 2 - (box.x + box.w / 2) * k, height / 2 - (box.y + box.h / 2) * k);
      return;
    }
    const margin = 24;
    const [left, top] = [box.x * k + view.x, box.y * k + view.y];
    const dx = Math.max(margin - left, Math.min(0, width - margin - (left + box.w * k)));
    const dy = Math.max(margin - top, Math.min(0, height - margin - (top + box.h * k)));
    if (dx || dy) view.panBy(dx, dy);
  };
  /** What of the world can be seen, with a border of so many screens around it. */
  view.seen = (border = 0) => {
    const [width, height] = view.size();
    return {
      x0: (-view.x - border * width) / view.k,
      y0: (-view.y - border * height) / view.k,
      x1: (width - view.x + border * width) / view.k,
      y1: (height - view.y + border * height) / view.k,
    };
  };
  view.world = (event) => {
    const [x, y] = within(event);
    return [(x - view.x) / view.k, (y - view.y) / view.k];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button, input, select, a, label")) return;
    pointers.set(event.pointerId, within(event));
    start = within(event);
    view.moved = false;
  });
  element.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const [x, y] = within(event);
    if (!view.moved && Math.hypot(x - start[0], y - start[1]) < 4) return;
    if (!view.moved) element.setPointerCapture(event.pointerId);
    view.moved = true;
    element.classList.add("panning");
    if (pointers.size === 2) pinch(event.pointerId, last, [x, y]);
    else view.panBy(x - last[0], y - last[1]);
    pointers.set(event.pointerId, [x, y]);
  });
  function pinch(id, last, next) {
    const [other] = [...pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
    const after = Math.hypot(next[0] - other[0], next[1] - other[1]);
    if (before > 0) view.zoomAt(after / before, other[0], other[1]);
  }
  const release = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) element.classList.remove("panning");
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) view.zoomAt(Math.exp(-event.deltaY * unit * 0.0035), ...within(event));
    else if (event.shiftKey && !event.deltaX) view.panBy(-event.deltaY * unit, 0);
    else view.panBy(-event.deltaX * unit, -event.deltaY * unit);
  }, { passive: false });
  return view;
}
