// Making elements. Text from outside goes through textContent and setAttribute alone, never through markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: props are attributes, `on…` are listeners; children are nodes, texts or null. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (name === "href" || name === "src") node.setAttribute(name, ownAddress(value));
    else if (name === "style") throw new Error("styles are set in style.css");
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Only addresses of this page's own server, so that no data can become a `javascript:` link. */
function ownAddress(value) {
  return /^(#|\/(?!\/)|blob:)/.test(value) ? value : "#/";
}

/** Take all children out and put these in. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SIGNS = {
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  theme: "M8 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 1 0 0-11.6zM8 2.2v11.6M10 4.5v7M12 6v4",
  turn: "M3 4h5a4 4 0 0 1 4 4v4M9.5 10l2.5 2.5 2.5-2.5",
  info: "M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 1 0 0-12.4zM8 7.3v4M8 4.7v.3",
  back: "M10 3 5 8l5 5",
  close: "M4 4l8 8M12 4l-8 8",
};

/** A small sign for a button that has a name of its own for screen readers. */
export function sign(name) {
  return svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, class: `sign sign-${name}`, "aria-hidden": "true" }, svg("path", { d: SIGNS[name] }));
}

/** Change a text only when it is another, so that selections and screen readers are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A button. */
export function button(text, onclick, props = {}) {
  return el("button", { type: "button", onclick, ...props }, text);
}

/** Call at most once per frame. */
export function oncePerFrame(action) {
  let asked = 0;
  const call = () => {
    if (!asked) asked = requestAnimationFrame(() => ((asked = 0), action()));
  };
  call.cancel = () => cancelAnimationFrame(asked);
  return call;
}

/** Call once, so many milliseconds after the last request. */
export function later(wait, action) {
  let timer = 0;
  const call = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), wait);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}

let said = 0;

/** Say something to the person for some seconds. */
export function say(text, isError = false) {
  const place = document.getElementById("said");
  place.className = isError ? "said shown error" : "said shown";
  place.textContent = text;
  clearTimeout(said);
  said = setTimeout(() => (place.className = "said"), isError ? 9000 : 4500);
}

/** Copy a text, and say so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not let this page copy; select the text instead.", true);
  }
}

/** Call at most once in so many milliseconds, and once more after the last request. */
export function atMost(wait, action) {
  let timer = 0;
  let last = 0;
  const call = () => {
    if (timer) return;
    timer = setTimeout(() => ((timer = 0), (last = performance.now()), action()), Math.max(0, last + wait - performance.now()));
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}
