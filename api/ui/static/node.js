// The panel of one step: what it is doing, what went in and out, its log, its files, and what can be done with it.

import { get, runPath, seg } from "./api.js";
import { atMost, button, copy, el, put } from "./dom.js";
import { openArtifact, openFolder } from "./files.js";
import { clock, duration, iso, line, now, plain, several, size } from "./format.js";
import { openLog } from "./log.js";
import { icon, isFinal, tint } from "./phase.js";
import { openScript } from "./preview.js";

const LONG = 1200;

/** Show a node and keep it up to date. */
export function openNode(place, id, ctx) {
  const path = runPath(ctx.run, "nodes", seg(id));
  let node = null;
  let before = "";
  let log = null;
  let closed = false;

  const head = el("div", { class: "nodehead" });
  const facts = el("div");
  const parts = Object.fromEntries(["log", "outputs", "inputs", "script", "files", "commands"].map((name) => [name, el("div", { class: `part part-${name}` })]));
  put(place, head, facts, Object.values(parts));

  async function load() {
    let found;
    try {
      found = await get(path);
    } catch (error) {
      if (!closed && error.status && error.status !== 401) put(head, el("p", { class: "problem", role: "alert", text: error.message }));
      return;
    }
    if (closed) return;
    const attempt = node && (found.retries !== node.retries || (isFinal(node.phase) && !isFinal(found.phase)));
    node = found;
    drawHead();
    drawFacts();
    drawLog(attempt);
    const is = JSON.stringify([node.inputs, node.outputs, node.script, node.directory, node.command, node.can, node.attempts]);
    if (is === before) return;
    before = is;
    drawPorts(parts.outputs, "Outputs", "outputs", node.outputs);
    drawPorts(parts.inputs, "Inputs", "inputs", node.inputs);
    drawScript();
    drawFiles();
    drawCommands();
  }

  function drawHead() {
    const kind = node.type === "Suspend" ? "suspend" : "";
    const acts = node.can ?? [];
    put(head,
      el("header", {}, icon(node.phase, { side: 20, kind }), el("h2", { text: line(node.title), title: line(node.name) }), el("span", { class: `status ${tint(node.phase)}`, text: kind && node.phase === "Running" ? "Waiting" : node.phase })),
      el("p", { class: "path", title: line(node.name), text: line(node.name) }),
      el("div", { class: "actions" },
        node.title.endsWith(")") && node.title.includes("(") && node.parent ? button("All copies", () => ctx.go({ node: node.parent, loop: node.title.slice(0, node.title.indexOf("(")) }), { class: "plain" }) : null,
        acts.includes("retry") ? button("Run this step again", () => ctx.act("retry", { steps: [node.id] }), { class: "plain", "data-action": "retry-step" }) : null,
        ["Steps", "DAG", "Retry", "TaskGroup"].includes(node.type) ? button("Show in the graph by itself", () => ctx.go({ tab: "graph", root: node.id, node: "", loop: "" }), { class: "plain" }) : null),
      acts.includes("resume") ? resumeForm() : null);
  }

  /** The values that a waiting step is to give when it goes on. */
  function resumeForm() {
    const known = head.querySelector("form.resume");
    if (known) return known; // somebody may be typing
    const names = node.supplied ?? [];
    const fields = names.map((name) => el("label", {}, el("span", { text: line(name) }), el("input", { name, type: "text", autocomplete: "off", required: (node.needed ?? []).includes(name) })));
    return el("form", { class: "resume", onsubmit: (event) => {
      event.preventDefault();
      const given = [...event.target.querySelectorAll("input")].filter((input) => input.value !== "").map((input) => [input.name, input.value]);
      ctx.act("resume", { steps: [node.id], outputs: Object.fromEntries(given) });
    } }, el("p", { text: names.length ? "It waits for a person, who may give:" : "It waits for a person." }), fields, el("button", { type: "submit", class: "plain", "data-action": "resume-step", text: "Go on" }));
  }

  function drawFacts() {
    const goes = node.started && !node.finished && !isFinal(node.phase);
    const took = goes ? el("span", { "data-since": node.started, text: duration(now() - node.started) }) : node.started && node.finished ? duration(node.finished - node.started) : null;
    const usage = node.usage ?? {};
    const rows = [
      ["Key", node.key && line(node.key)],
      ["Template", node.template && line(node.template)],
      ["Began", node.started && el("time", { title: iso(node.started), text: clock(node.started) })],
      ["Ended", node.finished && el("time", { title: iso(node.finished), text: clock(node.finished) })],
      [goes ? "Running" : "Took", took],
      ["CPU", (node.cpu ?? usage.cpu) !== undefined && (node.cpu ?? usage.cpu) !== null ? duration(node.cpu ?? usage.cpu) : null],
      ["Memory", (node.rss ?? usage.maxRss) ? `${size(node.rss ?? usage.maxRss)} at most` : null],
      ["Host", node.host && line(node.host)],
      ["Exit code", node.exitCode ?? null],
      ["Tried", node.retries ? several(node.retries + 1, "time") : null],
      ["Reused", node.reused && `from ${line(node.reused)}`],
      ["Memoized", node.memoized && line(node.memoized)],
    ];
    put(facts,
      node.message ? el("pre", { class: `message ${tint(node.phase)}`, text: plain(node.message).slice(0, 8000) }) : null,
      node.note ? el("p", { class: "notebox", text: plain(node.note) }) : null,
      el("dl", { class: "facts" }, rows.filter(([, value]) => value || value === 0).map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", {}, value)))));
  }

  function drawLog(anew) {
    if (anew) {
      log?.close();
      log = null;
    }
    if (log || !node.log) return;
    const body = el("div");
    put(parts.log, section("Log", true, body));
    log = openLog(body, path);
  }

  function drawPorts(part, title, side, ports) {
    const parameters = Object.entries(ports?.parameters ?? {});
    const artifacts = Object.entries(ports?.artifacts ?? {});
    const open = part.querySelector("details")?.open ?? true;
    if (!parameters.length && !artifacts.length) return void put(part);
    put(part, section(`${title} (${parameters.length + artifacts.length})`, open,
      parameters.length ? el("dl", { class: "values" }, parameters.map(([name, port]) => parameter(name, port))) : null,
      artifacts.length ? el("div", { class: "artifacts" }, artifacts.map(([name, port]) => openArtifact(path, side, name, port))) : null));
  }

  function drawScript() {
    put(parts.script, node.script ? onceOpened("Script", (body) => openScript(body, path)) : null);
  }

  function drawFiles() {
    const attempts = (node.attempts ?? []).map((attempt) => el("li", { class: "path", text: line(attempt.directory) }));
    put(parts.files, node.directory ? onceOpened("Working directory", (body) => openFolder(body, path)) : null,
      attempts.length > 1 ? section(`Attempts (${attempts.length})`, false, el("ol", { class: "names" }, attempts)) : null);
  }

  function drawCommands() {
    const { retry = node.command, debug, logs } = node.commands ?? {};
    const commands = [...(node.type === "Pod" ? [logs, debug] : []), retry, node.directory && `cd ${quoted(node.directory)}`].filter(Boolean);
    put(parts.commands, commands.length > 0 && section("On the command line", false, commands.map((text) => el("div", { class: "command" }, el("code", { text: plain(text) }), button("Copy", () => copy(text), { class: "quiet small", "aria-label": `Copy: ${plain(text)}` })))));
  }

  const soon = atMost(700, load);
  load();
  return {
    change(event) {
      const ids = (event.nodes ?? []).map((changed) => (typeof changed === "object" ? changed.id : changed));
      if (event.many || ids.includes(id)) soon();
    },
    again: load,
    close() {
      closed = true;
      soon.cancel();
      log?.close();
    },
  };
}

function section(title, open, ...content) {
  return el("details", { class: "section", open }, el("summary", { text: title }), content);
}

/** A section whose content is asked for when it is opened. */
function onceOpened(title, fill) {
  const body = el("div");
  const details = section(title, false, body);
  details.addEventListener("toggle", () => details.open && fill(body), { once: true });
  return details;
}

/** A word for a POSIX shell. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${String(word).replaceAll("'", "'\\''")}'`;
}

function shown(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

function parameter(name, port) {
  const text = shown(port.value);
  const body = el("pre", { class: "value", text: plain(text.slice(0, LONG)) });
  const more = text.length > LONG ? button(`Show all ${size(text.length)}`, (event) => {
    body.textContent = plain(text);
    event.target.remove();
  }, { class: "quiet small" }) : null;
  return el("div", {},
    el("dt", {}, el("span", { text: line(name) }), port.type ? el("span", { class: "type", text: line(port.type) }) : null, button("Copy", () => copy(text), { class: "quiet small", "aria-label": `Copy ${line(name)}` })),
    el("dd", {}, port.value === null || port.value === undefined ? el("span", { class: "muted", text: "no value yet" }) : body, more, port.cut ? el("span", { class: "muted", text: "The value is longer; only its beginning is shown." }) : null));
}
