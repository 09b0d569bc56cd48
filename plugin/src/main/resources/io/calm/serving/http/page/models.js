// The list of models, the load of the selected one, its search and its plan.

import { modelPath, hasKey } from "./api.js";
import { byId, duration, element, number, setText, svg, table } from "./dom.js";

const HISTORY = 60;
const GAP_SECONDS = 5;
const WORDS = {
  searching: "Trying algorithms", quantizing: "Quantizing", guard: "Checking against uniform plans",
};
const histories = new Map();

/** Shows the list; calls `select` with the name of a model that is clicked. */
export function showModels(models, selected, select) {
  const list = byId("models");
  byId("no-models").hidden = models.length > 0;
  const names = models.map((model) => model.name);
  const shown = [...list.children].map((item) => item.dataset.name);
  if (names.join("\n") !== shown.join("\n")) {
    list.replaceChildren(...names.map((name) => entry(name, select)));
  }
  models.forEach((model, i) => {
    const [button] = list.children[i].children;
    const state = button.querySelector("small");
    button.setAttribute("aria-pressed", String(model.name === selected));
    setText(state, stateWords(model));
    state.className = { ready: "good", loading: "warn", failed: "bad" }[model.status] ?? "";
  });
}

function entry(name, select) {
  const button = element("button", { type: "button" }, element("span", {}, name), element("small"));
  button.addEventListener("click", () => select(name));
  return element("li", { "data-name": name }, button);
}

function stateWords(model) {
  if (model.status === "ready") {
    return `ready, ${model.variant}${model.search ? ", search running" : ""}`;
  }
  const progress = model.progress;
  return progress && progress.layers > 0
    ? `loading, block ${progress.block + 1} of ${progress.layers}`
    : model.status;
}

/** Notes the counters of all ready models, for the throughput. */
export function sample(models, now) {
  for (const name of [...histories.keys()]) {
    if (!models.some((model) => model.name === name && model.load)) {
      histories.delete(name);
    }
  }
  for (const { name, load } of models) {
    if (load?.step_tokens === undefined) {
      continue;
    }
    const history = histories.get(name) ?? { rates: [] };
    const passed = (now - history.time) / 1000;
    if (passed > GAP_SECONDS) {
      history.rates = []; // a hidden tab samples too seldom for a history by the second
    }
    if (history.tokens !== undefined && passed > 0 && load.step_tokens >= history.tokens) {
      history.rates.push((load.step_tokens - history.tokens) / passed);
      history.rates.splice(0, Math.max(0, history.rates.length - HISTORY));
    }
    history.tokens = load.step_tokens;
    history.time = now;
    histories.set(name, history);
  }
}

/** Shows the state and the load of a model; undefined if there is none. */
export function showModel(model) {
  setText(byId("now-title"), model ? model.name : "Model");
  const load = model?.load;
  setText(byId("summary"), summary(model));
  byId("reason").hidden = !model?.reason;
  setText(byId("reason"), model?.reason ?? "");
  const rates = model ? (histories.get(model.name)?.rates ?? []) : [];
  setText(byId("rate"), number(rates.at(-1), 0));
  setText(byId("running"), load ? `${load.running} of ${load.max_running}` : "–");
  setText(byId("waiting"), load ? `${load.waiting} of ${load.queue_size}` : "–");
  setText(byId("kv"), load?.kv_blocks > 0 ? `${load.kv_blocks_used} of ${load.kv_blocks}` : "–");
  showHistory(rates);
  showReport(model);
  showSearch(model);
}

function summary(model) {
  if (!model) {
    return "No model is selected.";
  }
  const words = { ready: `Serves ${model.variant ?? ""}`, loading: "Loading", failed: "Failed" };
  const context = model.load ? `, context ${number(model.load.max_context)} tokens` : "";
  return `${words[model.status] ?? model.status}${context}. ${model.url}`;
}

function showHistory(rates) {
  const most = Math.max(1, ...rates);
  const points = rates
    .map((rate, i) => `${(HISTORY - rates.length + i) * (600 / (HISTORY - 1))},${52 - (rate / most) * 48}`)
    .join(" ");
  const label = `Tokens per second in the last minute: now ${number(rates.at(-1))}, maximum ${number(Math.max(0, ...rates))}`;
  byId("history").replaceChildren(
    svg(
      "svg",
      { viewBox: "0 0 600 56", preserveAspectRatio: "none", role: "img", "aria-label": label },
      svg("line", { x1: 0, y1: 53, x2: 600, y2: 53 }),
      svg("polyline", { points }),
    ),
  );
}

function showReport(model) {
  const ready = model?.status === "ready";
  byId("report").hidden = !ready || hasKey();
  byId("report-file").hidden = !ready || !hasKey();
  if (ready) {
    byId("report").href = modelPath(model.name, "/report");
  }
}

function showSearch(model) {
  const progress = model?.progress ?? model?.search;
  byId("search").hidden = !progress;
  if (!progress) {
    return;
  }
  setText(
    byId("search-note"),
    model.search
      ? `The model answers as ${model.variant} while the search runs. The result replaces it.`
      : "The model answers when the search is done.",
  );
  setText(byId("search-phase"), WORDS[progress.phase] ?? capitalized(progress.phase));
  const known = progress.layers > 0 || progress.tokens > 0;
  if (known) {
    byId("search-bar").value = fraction(progress);
  } else {
    byId("search-bar").removeAttribute("value");
  }
  showSearchBlocks(progress);
  const facts = [
    ["Block", progress.layers > 0 ? `${progress.block + 1} of ${progress.layers}` : "–"],
    ["Algorithm", progress.algorithm || "–"],
    ["Last score", [progress.last_algorithm, number(progress.last_score, 5)].join(" ").trim()],
    ["Evaluations", number(progress.evaluations)],
    ["Elapsed", duration(progress.elapsed_seconds)],
    ["Time left", duration(progress.eta_seconds)],
  ];
  const list = byId("search-facts");
  if (list.children.length === 0) {
    list.append(...facts.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
  }
  facts.forEach(([, value], i) => setText(list.children[i].lastChild, value));
}

function fraction(progress) {
  if (progress.layers > 0) {
    const within = progress.pool > 0 ? progress.candidate / progress.pool : 0;
    return Math.min(1, (progress.block + within) / progress.layers);
  }
  return progress.token / progress.tokens;
}

function showSearchBlocks(progress) {
  const target = byId("search-blocks");
  target.hidden = !(progress.layers > 0);
  if (target.children.length !== progress.layers) {
    target.replaceChildren(...Array.from({ length: progress.layers }, () => element("span")));
    target.setAttribute("role", "img");
  }
  [...target.children].forEach((block, i) => {
    block.className = i < progress.block ? "done" : i === progress.block ? "current" : "";
  });
  target.setAttribute("aria-label", `Block ${progress.block + 1} of ${progress.layers}`);
}

const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Shows the plan of a model; undefined if there is none. */
export function showPlan(plan) {
  byId("plan").hidden = !plan?.blocks?.length;
  if (byId("plan").hidden) {
    return;
  }
  // The algorithms of the block's parts; one if it was chosen as a whole.
  const served = (block) => servedAlgorithm(plan, block).split("/");
  const names = [...new Set([...plan.pool, ...plan.blocks.flatMap(served)])];
  const counts = new Map(); // of blocks, parts as fractions
  plan.blocks.forEach((block) => {
    const parts = served(block);
    parts.forEach((name) => counts.set(name, (counts.get(name) ?? 0) + 1 / parts.length));
  });
  const most = (block) => {
    const parts = served(block);
    const share = (name) => parts.filter((part) => part === name).length;
    return parts.reduce((best, name) => (share(name) > share(best) ? name : best));
  };
  const used = names.filter((name) => counts.has(name));
  const look = (name) => `a${names.indexOf(name) % 6}`;
  const letter = (name) => name.charAt(0).toUpperCase();
  setText(byId("plan-reason"), `Served: ${plan.served} (${plan.reason ?? "no reason is known"}).`);
  const blocks = byId("plan-blocks");
  blocks.setAttribute("role", "img");
  blocks.setAttribute(
    "aria-label",
    `${plan.blocks.length} blocks: ` + used.map((name) => `${name} ${blockCount(counts.get(name))}`).join(", "),
  );
  blocks.replaceChildren(
    ...plan.blocks.map((block) =>
      element(
        "span",
        { class: look(most(block)), title: `Block ${block.block}: ${served(block).join("/")}` },
        letter(most(block)),
      ),
    ),
  );
  byId("plan-legend").replaceChildren(
    ...used.map((name) =>
      element(
        "li",
        {},
        element("i", { class: look(name), "aria-hidden": "true" }, letter(name)),
        `${name}: ${blockCount(counts.get(name))}`,
      ),
    ),
  );
  byId("plan-table").replaceWith(scores(plan, names, served));
}

/** Returns a number of blocks, with two digits for parts. */
const blockCount = (count) => String(Math.round(count * 100) / 100);

/**
 * Returns the algorithm that serves a block: the plan's uniform one, or the block's own, which has
 * slashes between those of its parts.
 */
function servedAlgorithm(plan, block) {
  const uniform = /^uniform-(.+)$/.exec(plan.served ?? "");
  return uniform ? uniform[1] : block.algorithm;
}

function scores(plan, names, served) {
  const made = table(
    `Score (${plan.metric}) of each algorithm, the served one in bold; higher is better`,
    ["Block", ...names],
    plan.blocks.map((block) => [
      String(block.block),
      ...names.map((name) => {
        const text = number(block.candidates?.[name]?.score, 5);
        return element("td", served(block).includes(name) ? { class: "best" } : {}, text);
      }),
    ]),
  );
  made.id = "plan-table";
  return made;
}
