// The list of runs.

import { follow, get } from "./api.js";
import { button, el, later, put, setText } from "./dom.js";
import { clock, count, cut, duration, iso, line, now, several } from "./format.js";
import { icon, isFinal, tint } from "./phase.js";

const CHOICES = ["Running", "Succeeded", "Failed", "Error", "Terminated", "Pending"];
const AT_ONCE = 300;

/** Open the list; the view that `app.js` talks to. */
export function openRuns(place, route, session) {
  const state = { runs: null, text: route.text, phase: route.phase, most: AT_ONCE, chosen: "", rows: new Map() };

  const text = el("input", { type: "search", class: "filter", placeholder: "Filter by name  ( / )", "aria-label": "Filter by name", value: state.text, spellcheck: "false" });
  const phase = el("select", { "aria-label": "Filter by phase" }, el("option", { value: "", text: "All phases" }),
    CHOICES.map((word) => el("option", { value: word, text: word, selected: word === state.phase })));
  const total = el("span", { class: "muted", role: "status" });
  const body = el("tbody");
  const table = el("table", { class: "runs" }, head(), body);
  const note = el("div");
  const serverNote = el("p", { class: "servernote", role: "status", hidden: true });
  put(place, el("section", { class: "page" },
    el("div", { class: "bar" }, el("h1", { text: "Runs" }), text, phase, total), serverNote, table, note));

  const remember = later(200, () => {
    const search = new URLSearchParams();
    if (state.text) search.set("text", state.text);
    if (state.phase) search.set("phase", state.phase);
    history.replaceState(null, "", `#/${search.size ? `?${search}` : ""}`);
  });
  text.addEventListener("input", () => ((state.text = text.value), draw(), remember()));
  phase.addEventListener("change", () => ((state.phase = phase.value), draw(), remember()));

  const take = (answer) => {
    state.runs = answer.runs;
    serverNote.hidden = !answer.serverError;
    setText(serverNote, line(answer.serverError ?? ""));
    draw();
  };
  const load = () => get("/api/runs").then(take, (error) => error.status && showError(error));
  const stream = follow(() => "/api/runs/stream", { runs: take }, load);
  load();

  function shown() {
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    return state.runs.filter((run) => (!state.phase || run.status === state.phase) && words.every((word) => (run.name ?? run.id).toLowerCase().includes(word)));
  }

  function draw() {
    if (!state.runs) return;
    const found = shown();
    const running = state.runs.filter((run) => run.status === "Running").length;
    document.title = running ? `● ${running} running · dflow` : "Runs · dflow";
    const of = found.length === state.runs.length ? "" : ` of ${count(state.runs.length)}`;
    setText(total, `${count(found.length)}${of}${of ? " runs" : found.length === 1 ? " run" : " runs"}`);
    const rows = new Map();
    for (const run of found.slice(0, state.most)) {
      const row = state.rows.get(run.id) ?? makeRow(run, () => choose(run.id));
      row.show(run, session.server);
      rows.set(run.id, row);
    }
    state.rows = rows;
    const wanted = [...rows.values()].map((row) => row.node);
    if (wanted.length !== body.children.length || wanted.some((node, at) => node !== body.children[at])) put(body, wanted);
    table.hidden = !found.length;
    put(note, emptyWords(state, found, session), found.length > state.most && button(`Show ${count(Math.min(AT_ONCE, found.length - state.most))} more`, () => ((state.most += AT_ONCE), draw())));
    mark();
  }

  function showError(error) {
    table.hidden = true;
    put(note, el("div", { class: "empty", role: "alert" }, el("h2", { text: "The runs cannot be read" }), el("p", { text: error.message })));
  }

  function choose(id, focus = false) {
    state.chosen = id;
    mark();
    if (focus) state.rows.get(id)?.link.focus();
  }

  function mark() {
    for (const [id, row] of state.rows) row.node.classList.toggle("chosen", id === state.chosen);
  }

  function move(step) {
    const ids = [...state.rows.keys()];
    if (!ids.length) return;
    const at = ids.indexOf(state.chosen);
    choose(ids[at < 0 ? (step > 0 ? 0 : ids.length - 1) : Math.min(ids.length - 1, Math.max(0, at + step))], true);
  }

  function key(event, typing) {
    if (event.key === "ArrowDown" || (!typing && event.key === "j")) move(1);
    else if (event.key === "ArrowUp" || (!typing && event.key === "k")) move(-1);
    else if (event.key === "/" && !typing) text.select(), text.focus();
    else if (event.key === "Enter" && typing && state.rows.size) move(1);
    else if (event.key === "Escape" && !typing && (state.text || state.phase)) {
      text.value = phase.value = state.text = state.phase = "";
      draw();
      remember();
    } else return false;
    return true;
  }

  return {
    name: "runs",
    run: undefined,
    key,
    again: load,
    update(next) {
      text.value = state.text = next.text;
      phase.value = state.phase = next.phase;
      draw();
    },
    close() {
      remember.cancel();
      stream.close();
    },
  };
}

function head() {
  const names = ["Status", "Run", "Progress", "Steps", "Began", "Took", ""];
  return el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col", text: name }))));
}

function emptyWords(state, found, session) {
  if (found.length) return null;
  if (!state.runs.length) {
    return el("div", { class: "empty" }, el("h2", { text: "No runs yet" }),
      el("p", { text: `There are no runs in ${session.folder || "this folder"}. One that is submitted there appears here by itself.` }));
  }
  return el("div", { class: "empty" }, el("h2", { text: "No run matches" }), el("p", { text: "Esc clears the filter." }));
}

/** A row that can show a run again and again. */
function makeRow(first, choose) {
  const cells = Object.fromEntries(["status", "run", "bar", "steps", "began", "took", "who"].map((name) => [name, el("td", { class: `c-${name}` })]));
  const link = el("a", { href: `#/run/${encodeURIComponent(first.id)}`, text: line(first.name ?? first.id), onfocus: choose });
  put(cells.run, link);
  const bar = makeBar();
  put(cells.bar, bar.node);
  const node = el("tr", { "data-run": first.id, onclick: (event) => event.target === link || link.click() }, Object.values(cells));
  let before = "";
  return {
    node,
    link,
    show(run, server) {
      const is = JSON.stringify(run);
      if (is === before) return;
      before = is;
      put(cells.status, icon(run.status), el("span", { class: tint(run.status), text: line(run.status) }));
      bar.show(run);
      put(cells.steps, el("span", { text: run.total ? `${count(run.done)} / ${count(run.total)}` : "" }), run.failed ? el("span", { class: "p-Failed", text: ` ${count(run.failed)} failed` }) : null);
      put(cells.began, el("time", { title: iso(run.started), text: clock(run.started) }));
      const goes = run.started && !run.finished && !isFinal(run.status);
      put(cells.took, goes ? el("span", { "data-since": run.started, text: duration(now() - run.started) }) : el("span", { text: run.started && run.finished ? duration(run.finished - run.started) : "" }));
      put(cells.who, run.error ? el("span", { class: "muted", title: line(run.error), text: cut(run.error, 60) }) : null, server || run.source === "argo" ? el("span", { class: "tag", text: run.source }) : null, run.runner ? el("span", { class: "muted", text: `${run.runner.host}:${run.runner.pid}` }) : null);
    },
  };
}

/** A bar of what has ended well, what failed, and what runs. */
export function makeBar() {
  const parts = ["Failed", "Succeeded", "Running"].map((phase) => el("i", { class: tint(phase) }));
  const node = el("span", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, parts);
  return {
    node,
    show({ done, total, failed = 0, running = 0 }) {
      const whole = total || 1;
      [failed, done - failed, running].forEach((number, at) => parts[at].style.setProperty("width", `${(100 * Math.max(0, number)) / whole}%`));
      node.setAttribute("aria-valuenow", Math.round((100 * done) / whole));
      node.setAttribute("aria-label", total ? `${several(done, "step")} of ${total} done` : "no steps yet");
    },
  };
}
