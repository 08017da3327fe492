// One run: its header, its tabs, and the panel at the right.

import { act, follow, get, query, runPath } from "./api.js";
import { confirm } from "./dialog.js";
import { button, copy, el, put, say, setText, sign } from "./dom.js";
import { clock, duration, iso, line, now, plain } from "./format.js";
import { openGraph } from "./graph.js";
import { openPanel } from "./panel.js";
import { BY_WEIGHT, icon, isFinal, tint } from "./phase.js";
import { makeBar } from "./runs.js";
import { openSteps } from "./steps.js";
import { openTimeline } from "./timeline.js";

const TABS = { graph: ["Graph", openGraph], timeline: ["Timeline", openTimeline], steps: ["Steps", openSteps] };

const ACTIONS = {
  terminate: ["Terminate", "End the run now?", "Steps that are running are killed. What has succeeded is kept: the run can be gone on with later.", true],
  stop: ["Stop", "Stop the run?", "Steps that are running go on to their end; no others begin.", true],
  suspend: ["Suspend", null, null, false],
  resume: ["Resume", null, null, false],
  retry: ["Retry", null, null, false],
};

/** Open a run; the view that `app.js` talks to. */
export function openRun(place, first) {
  const run = first.run;
  let route = { ...first };
  let info = null;
  let tab = null;
  let stream = null;
  let version = null;
  let closed = false;
  let quietUntil = 0;

  const head = el("div", { class: "runhead" });
  const said = el("div", { class: "runsaid" });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Views of the run" });
  const body = el("div", { class: "tabbody", role: "tabpanel", id: "tabbody" });
  const side = el("aside", { class: "panel", "aria-label": "Selected step", hidden: true });
  const work = el("div", { class: "work" }, body, side);
  const section = el("section", { class: "run" }, head, said, tabs, work);
  put(place, section);

  const ctx = { run, go, plan: (call) => panel.plan(call), act: doAct, info: () => info };
  const panel = openPanel(side, ctx);

  function go(changes) {
    const next = { ...route, ...changes };
    const address = addressOf(next);
    if (address !== location.hash) location.hash = address;
    else update(next);
  }

  function addressOf({ tab: name, node, root, loop, phase }) {
    return `#/run/${encodeURIComponent(run)}/${name}${query({ root, node, loop, phase: name === "steps" ? phase : "" })}`;
  }

  async function load() {
    try {
      info = await get(runPath(run));
    } catch (error) {
      if (!closed && error.status && error.status !== 401) showMissing(error);
      return;
    }
    if (closed) return;
    drawHead();
    listen();
  }

  function showMissing(error) {
    document.title = "Not found · dflow";
    put(place, el("div", { class: "empty", role: "alert" }, el("h2", { text: "This run cannot be shown" }),
      el("p", { text: `${plain(run)}: ${error.message}` }), el("p", {}, el("a", { href: "#/", text: "All runs" }))));
  }

  /** Follow what goes on; a run that has ended is looked at now and then, in case somebody goes on with it. */
  function listen() {
    if (["Succeeded", "Failed", "Error", "Terminated", "damaged"].includes(info.status) || performance.now() < quietUntil) return;
    stream ??= follow(() => runPath(run, "stream") + query({ since: version }), { change: onChange, end: onEnd }, everything);
  }

  function onChange(event) {
    version = event.version ?? version;
    if (info) {
      const before = info.status;
      Object.assign(info, { status: event.status ?? info.status, counts: event.counts ?? info.counts, total: event.total ?? info.total, can: event.can ?? info.can });
      drawHead();
      if (before !== info.status) load();
    }
    tab?.change?.(event);
    panel.change(event);
  }

  function onEnd() {
    stream?.close();
    stream = null;
    quietUntil = performance.now() + 2000;
    everything();
    return "end";
  }

  function everything() {
    load();
    tab?.again?.();
    panel.again();
  }

  // ---- header

  const bar = makeBar();

  function drawHead() {
    const { status, counts = {}, started, finished, runner } = info;
    document.title = `${titleMark(status)} ${line(info.name ?? run)} · dflow`;
    const total = Math.max(info.total ?? 0, Object.values(counts).reduce((sum, number) => sum + number, 0));
    const done = Object.entries(counts).reduce((sum, [phase, number]) => sum + (isFinal(phase) ? number : 0), 0);
    bar.show({ done, total, failed: (counts.Failed ?? 0) + (counts.Error ?? 0), running: counts.Running ?? 0 });
    const goes = started && !finished && status === "Running";
    const time = goes ? el("span", { "data-since": started, text: duration(now() - started) }) : el("span", { text: finished && started ? duration(finished - started) : "" });
    const focus = document.activeElement?.dataset?.action;
    put(head,
      el("a", { href: "#/", class: "back", "aria-label": "All runs", title: "All runs (Esc)" }, sign("back")),
      icon(status, { side: 20 }),
      el("h1", { text: line(info.name ?? run), title: info.directory ?? "" }),
      button(sign("copy"), () => copy(run), { class: "quiet small", "aria-label": "Copy the id", title: "Copy the id" }),
      button(sign("info"), () => go({ node: info.name ?? run, loop: "" }), { class: "quiet small", "aria-label": "The run: its inputs and outputs", title: "The run: its inputs and outputs" }),
      el("span", { class: `status ${tint(status)}`, role: "status", text: line(status) }),
      bar.node,
      el("span", { class: "counts" }, BY_WEIGHT.filter((phase) => counts[phase]).map((phase) =>
        el("button", { type: "button", class: "count", title: `${counts[phase]} ${phase.toLowerCase()}: show them`, onclick: () => go({ tab: "steps", phase }) }, icon(phase, { side: 13 }), el("span", { text: String(counts[phase]) }), el("span", { class: "word", text: ` ${phase.toLowerCase()}` })))),
      el("span", { class: "grow" }),
      el("span", { class: "when" }, started ? el("time", { title: iso(started), text: clock(started) }) : null, time),
      el("span", { class: "actions" }, (info.can ?? []).filter((action) => Object.hasOwn(ACTIONS, action)).map(actionButton)));
    if (focus) head.querySelector(`[data-action="${CSS.escape(focus)}"]`)?.focus();
    drawSaid(runner, status);
  }

  function actionButton(action) {
    const [words, , , ends] = ACTIONS[action];
    return button(words, () => doAct(action), { class: ends ? "danger" : "plain", "data-action": action });
  }

  function drawSaid(runner, status) {
    const silent = runner?.silentFor > 30 && status === "Running";
    const text = silent ? `The engine on ${line(runner.host)} (process ${runner.pid}) has said nothing for ${duration(runner.silentFor)}.` : line(info.message ?? "");
    setText(said, text);
    said.hidden = !text;
  }

  async function doAct(action, given = {}) {
    const [words, question, text, ends] = ACTIONS[action];
    if (question && !(await confirm(question, `${line(run)}: ${text}`, words))) return false;
    for (const node of head.querySelectorAll("[data-action]")) node.disabled = true;
    try {
      say((await act(run, action, given)) || `${words}: asked.`);
    } catch (error) {
      say(error.message, true);
      return false;
    } finally {
      load();
      setTimeout(() => closed || load(), 800); // what can be done now is known a moment later
    }
    if (!ends) everything();
    return true;
  }

  // ---- tabs

  function drawTabs() {
    put(tabs, Object.entries(TABS).map(([name, [words]], at) =>
      el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(route.tab === name), "aria-controls": "tabbody", tabindex: route.tab === name ? 0 : -1, title: `${words} (${at + 1})`, onclick: () => go({ tab: name }) }, words)));
  }

  tabs.addEventListener("keydown", (event) => {
    const names = Object.keys(TABS);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.stopPropagation();
    go({ tab: names[(names.indexOf(route.tab) + step + names.length) % names.length] });
    requestAnimationFrame(() => document.getElementById(`tab-${route.tab}`)?.focus());
  });

  function openTab() {
    tab?.close();
    body.setAttribute("aria-labelledby", `tab-${route.tab}`);
    tab = TABS[route.tab][1](body, route, ctx);
    tab.name = route.tab;
  }

  function update(next) {
    const name = Object.hasOwn(TABS, next.tab) ? next.tab : "graph";
    route = { ...next, tab: name };
    drawTabs();
    if (tab?.name !== name) openTab();
    tab.update?.(route);
    panel.update(route);
  }

  function key(event, typing) {
    if (typing) return event.key === "Enter" ? Boolean(tab?.key?.(event, true)) : false;
    const number = ["1", "2", "3"].indexOf(event.key);
    if (number >= 0) go({ tab: Object.keys(TABS)[number] });
    else if (event.key === "Escape") {
      if (panel.isOpen()) panel.shut();
      else if (route.root) go({ root: "", node: "", loop: "" });
      else location.hash = "#/";
    } else if (event.target.closest?.("button, a, [role=tab], summary, .panel") && !["j", "k", "/"].includes(event.key)) return false;
    else return Boolean(tab?.key?.(event));
    return true;
  }

  const looking = setInterval(() => document.hidden || look(), 3000);

  async function look() {
    const before = info?.status;
    await load();
    if (info && before !== info.status) everything();
  }

  update(route);
  load();
  return {
    name: "run",
    run,
    update,
    key,
    again: everything,
    close() {
      closed = true;
      clearInterval(looking);
      stream?.close();
      tab?.close();
      panel.close();
    },
  };
}

function titleMark(status) {
  return { Running: "●", Succeeded: "✔", Failed: "✖", Error: "⚠", Terminated: "■", Pending: "◷" }[status] ?? "?";
}
