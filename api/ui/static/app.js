// The page: which view is shown, the bar at the top, keys that work everywhere, and the connection.

import { onLink, openSession, session } from "./api.js";
import { help } from "./dialog.js";
import { button, el, put, sign, svg } from "./dom.js";
import { duration, now } from "./format.js";
import { openRun } from "./run.js";
import { openRuns } from "./runs.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
let view = null;

/** What the address says: `#/run/ID/TAB?node=…`. */
function readRoute() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const parts = path.split("/").map(decoded);
  const query = new URLSearchParams(search);
  const said = (name) => query.get(name) ?? "";
  if (parts[0] === "run" && parts[1]) {
    return { name: "run", run: parts[1], tab: parts[2] || "graph", node: said("node"), root: said("root"), loop: said("loop"), phase: said("phase") };
  }
  return { name: "runs", text: said("text"), phase: said("phase") };
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

function show() {
  const route = readRoute();
  if (view && view.name === route.name && view.run === route.run) {
    view.update(route);
    return;
  }
  view?.close();
  put(main);
  view = route.name === "run" ? openRun(main, route) : openRuns(main, route, session);
  main.focus({ preventScroll: true });
}

function drawTop() {
  const logo = svg("svg", { viewBox: "0 0 32 32", width: 22, height: 22, "aria-hidden": "true", class: "logo" },
    svg("path", { d: "M9 9c7 0 7 7 14 7M9 23c7 0 7-7 14-7" }),
    ...[[9, 9], [9, 23], [23, 16]].map(([cx, cy]) => svg("circle", { cx, cy, r: 3.6 })));
  put(document.getElementById("top"),
    el("a", { href: "#/", class: "home", "aria-label": "dflow: all runs" }, logo, el("span", { text: "dflow" })),
    el("span", { class: "folder", title: session.folder, text: tail(session.folder) }),
    el("span", { class: "grow" }),
    button("?", help, { class: "quiet", "aria-label": "Help: keys", title: "Keys (?)" }),
    button(sign("theme"), turnTheme, { class: "quiet", "aria-label": "Dark or light", title: "Dark or light (t)", id: "theme" }));
}

/** The last two names of a path. */
function tail(path) {
  const names = path.split("/").filter(Boolean);
  return names.length > 2 ? `…/${names.slice(-2).join("/")}` : path;
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("dflow-theme", root.dataset.theme);
  } catch {
    // no storage: until the page is closed
  }
  dispatchEvent(new Event("themechange"));
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest?.("input, textarea, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    else if (event.key !== "Enter" || typing.tagName === "SELECT") return;
  }
  if (view?.key?.(event, Boolean(typing))) event.preventDefault();
  else if (typing) return;
  else if (event.key === "?") help();
  else if (event.key === "t") turnTheme();
}

function showLink(state) {
  banner.hidden = state === "ok";
  banner.className = `banner ${state}`;
  if (state === "lost") banner.textContent = "The connection to dflow ui is lost. What is shown may be old; trying again …";
  if (state === "denied") showDenied();
  else if (state === "ok") view?.again?.();
}

function showDenied() {
  banner.hidden = true;
  view?.close();
  view = null;
  document.title = "No access · dflow";
  put(main, el("section", { class: "empty", role: "alert" },
    el("h1", { text: "No access" }),
    el("p", { text: "The server does not know this browser (401). Open the address that dflow ui printed, the one that ends with ?token=…; each start of dflow ui prints another one." })));
}

/** Durations of what runs grow by themselves. */
function tick() {
  if (document.hidden) return;
  for (const node of document.querySelectorAll("[data-since]")) {
    const text = (node.dataset.before ?? "") + duration(now() - Number(node.dataset.since));
    if (node.textContent !== text) node.textContent = text;
  }
}

async function start() {
  onLink(showLink);
  addEventListener("keydown", onKey);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
  setInterval(tick, 1000);
  drawTop();
  addEventListener("hashchange", show);
  show();
  await openSession().catch(() => null); // the banner says it
  drawTop();
}

start();
