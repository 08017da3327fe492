// What the server says of the graph of a run: the group that is looked at, and the groups inside of it that are open.

import { get, query, runPath } from "./api.js";

/** Holds the groups of one run; `load` asks again for all that is shown. */
export function makeGraphData(run) {
  const data = { root: null, fetched: new Map(), took: 300 };

  /** The GROUP inside of a call, when it is here. */
  data.insideOf = (call) => data.fetched.get(call.id) ?? call.inside ?? null;

  /** Ask for a group, the whole run for "". */
  data.ask = async (node) => (await get(runPath(run, "graph") + query({ node }))).root;

  /** Ask again for what is shown: the group at the top, and those that were asked for one by one. */
  data.load = async (node, opened) => {
    const began = performance.now();
    const [root, ...groups] = await Promise.all([data.ask(node), ...opened.map((id) => data.ask(id).catch(() => null))]);
    data.took = performance.now() - began;
    return { root, fetched: new Map(opened.map((id, at) => [id, groups[at]]).filter(([, group]) => group)) };
  };

  /** Put changed nodes into the calls that they are of, before the whole is asked for again; whether one was there. */
  data.patch = (nodes, scene) => {
    const byId = new Map(nodes.filter((node) => typeof node === "object").map((node) => [node.id, node]));
    if (!byId.size) return false;
    const byPlace = new Map([...byId.values()].map((node) => [`${node.parent} ${node.title}`, node]));
    let found = false;
    for (const item of scene.byKey.values()) {
      const { call, group } = item;
      if (call.kind === "loop") continue;
      const node = byId.get(call.id) ?? byPlace.get(`${group.id} ${call.title}`);
      if (!node) continue;
      const { phase, message, note, started, finished } = node;
      Object.assign(call, { id: node.id, phase, message, note, started, finished });
      found = true;
    }
    return found;
  };
  return data;
}
