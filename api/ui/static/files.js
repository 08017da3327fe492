// Artifacts and directories as trees that open where they are clicked.

import { get, query } from "./api.js";
import { el, put } from "./dom.js";
import { line, size } from "./format.js";
import { openPreview } from "./preview.js";

/** An artifact of a node: its name, and what is in it once it is opened. */
export function openArtifact(path, side, name, port) {
  const where = port.path === null || port.path === undefined ? port.key : null;
  if (where !== null) {
    return el("div", { class: "artifact" }, el("div", { class: "entry" }, el("span", { class: "name", text: line(name) }), el("span", { class: "muted", text: where ? `in the storage: ${line(where)}` : "not there yet" })));
  }
  return branch(line(name), "artifact", (body) => fill(body, { path, side, name, inside: "" }), line(port.path));
}

/** The working directory of a node. */
export function openFolder(body, path) {
  return fill(body, { path, side: "workdir", name: "", inside: "" });
}

function branch(title, kind, open, hint = "") {
  const body = el("div", { class: "inside", hidden: true });
  let loaded = false;
  const head = el("button", { type: "button", class: `entry ${kind}`, "aria-expanded": "false", title: hint || title }, el("span", { class: "twist", "aria-hidden": "true" }), el("span", { class: "name", text: title }));
  head.addEventListener("click", () => {
    body.hidden = !body.hidden;
    head.setAttribute("aria-expanded", String(!body.hidden));
    if (!loaded) open(body);
    loaded = true;
  });
  return el("div", { class: "branch" }, head, body);
}

async function fill(body, place) {
  put(body, el("p", { class: "muted", text: "Reading …" }));
  try {
    const found = await get(address(place, "files"));
    if (found.kind === "directory") {
      put(body, entries(found, place));
      if (found.entries.length === 1) body.querySelector("button.entry.directory")?.click(); // nothing else to choose
    }
    else put(body, fileBar(found, place), openPreview(found.preview, address(place, "file", "preview"), found.size));
  } catch (error) {
    put(body, el("p", { class: "problem", role: "alert", text: error.message }));
  }
}

function address({ path, side, name, inside }, what, as = null) {
  return `${path}/${what}${query({ side, name, path: inside, as })}`;
}

function entries(found, place) {
  if (!found.entries.length) return el("p", { class: "muted", text: "An empty directory." });
  return [
    found.entries.map((entry) => entryOf(entry, { ...place, inside: place.inside ? `${place.inside}/${entry.name}` : entry.name })),
    found.more ? el("p", { class: "muted", text: `and ${found.more} more` }) : null];
}

function entryOf(entry, place) {
  if (entry.kind === "link-out" || entry.kind === "other") {
    const words = entry.kind === "other" ? "no ordinary file" : "a link to somewhere outside of the run";
    return el("div", { class: "branch" }, el("div", { class: "entry out" }, el("span", { class: "name", text: line(entry.name) }), el("span", { class: "muted", text: words })));
  }
  const node = branch(line(entry.name) + (entry.kind === "directory" ? "/" : ""), entry.kind, (body) => fill(body, place));
  if (entry.kind === "file") node.firstChild.append(el("span", { class: "size", text: size(entry.size) }));
  return node;
}

function fileBar(found, place) {
  return el("div", { class: "filebar" }, el("span", { class: "muted", text: size(found.size) }),
    el("a", { href: address(place, "file", "download"), download: "", text: "Download" }));
}
