// Polling: one request at a time, about one a second, less often in a hidden tab or after an error.

import { dropKey, hasKey, json, modelPath, send, setKey } from "./api.js";
import { byId, setText } from "./dom.js";
import { measure, showLatency, showNoLatency } from "./latency.js";
import { sample, showModel, showModels, showPlan } from "./models.js";
import { startPrompt, usePromptModel } from "./prompt.js";

const VISIBLE_MS = 1_000;
const HIDDEN_MS = 15_000;
const MAX_BACKOFF_MS = 30_000;
const LATENCY_MS = 10_000;
const PROBING_MS = 2_000;

const page = {
  models: [],
  selected: undefined,
  planOf: "",
  latencyDue: 0,
  failures: 0,
  timer: 0,
  busy: false,
};

const selectedModel = () => page.models.find((model) => model.name === page.selected);

/** Identifies what a model serves, so that its plan is fetched once. */
const identity = (model) => (model?.status === "ready" ? `${model.name}\n${model.variant}` : "");

async function poll() {
  clearTimeout(page.timer);
  if (page.busy) {
    return;
  }
  page.busy = true;
  try {
    const soon = await next();
    page.failures = 0;
    document.body.classList.remove("gone");
    connection("Connected", "good");
    schedule(soon && !document.hidden ? 50 : document.hidden ? HIDDEN_MS : VISIBLE_MS);
  } catch (error) {
    failed(error);
  } finally {
    page.busy = false;
  }
}

/** Makes the request that is due. Returns whether another one should follow at once. */
async function next() {
  const model = selectedModel();
  if (identity(model) !== "" && identity(model) !== page.planOf) {
    const wanted = identity(model);
    const plan = await planOf(model.name);
    page.planOf = wanted;
    if (model.name === page.selected) {
      showPlan(plan);
    }
    page.latencyDue = 0;
    return true;
  }
  if (model?.status === "ready" && Date.now() >= page.latencyDue) {
    await updateLatency(model.name);
    return false;
  }
  const answer = await json("/calm/models");
  page.models = answer.models ?? [];
  sample(page.models, performance.now());
  if (!selectedModel()) {
    select(page.models[0]?.name);
  }
  show();
  return identity(selectedModel()) !== "" && identity(selectedModel()) !== page.planOf;
}

/** Fetches a plan; undefined if the server has none, e.g. of a model that is gone from its list. */
async function planOf(name) {
  try {
    return (await json(modelPath(name))).plan;
  } catch (error) {
    if (error.status === undefined || error.status === 401) {
      throw error;
    }
    return undefined;
  }
}

async function updateLatency(name) {
  page.latencyDue = Date.now() + LATENCY_MS;
  try {
    const latency = await json(modelPath(name, "/latency"));
    if (name !== page.selected) {
      return;
    }
    showLatency(latency);
    if (["waiting", "running"].includes(latency.probe?.state) || latency.baseline?.state === "making") {
      page.latencyDue = Date.now() + PROBING_MS;
    }
  } catch (error) {
    if (error.status === undefined || error.status === 401) {
      throw error;
    }
    showNoLatency(error.message);
  }
}

function schedule(milliseconds) {
  clearTimeout(page.timer);
  page.timer = setTimeout(poll, milliseconds);
}

function failed(error) {
  if (error.status === 401) {
    askForKey();
    return;
  }
  page.failures += 1;
  const wait = Math.min(MAX_BACKOFF_MS, VISIBLE_MS * 2 ** page.failures);
  document.body.classList.add("gone");
  const what = error.status === undefined ? "The server does not answer" : error.message;
  connection(`${what}; trying again every ${Math.round(wait / 1000)} s`, "bad");
  schedule(document.hidden ? Math.max(wait, HIDDEN_MS) : wait);
}

function connection(text, look) {
  setText(byId("connection"), text);
  byId("connection").className = `state ${look}`;
}

function askForKey() {
  const wrong = hasKey();
  dropKey();
  connection("An API key is required", "bad");
  byId("content").hidden = true;
  byId("key-form").hidden = false;
  setText(byId("key-problem"), wrong ? "The server does not accept this key." : "");
  byId("key").focus();
}

function show() {
  const model = selectedModel();
  showModels(page.models, page.selected, select);
  showModel(model);
  usePromptModel(model);
  if (model?.status !== "ready") {
    showPlan(undefined);
    showNoLatency(model ? "Available when the model is ready." : "There is no model.");
    page.planOf = "";
  }
}

function select(name) {
  if (name === page.selected) {
    return;
  }
  page.selected = name;
  page.planOf = "";
  showPlan(undefined);
  showLatency(undefined);
  show();
  schedule(50);
}

async function download() {
  const name = page.selected;
  try {
    const response = await send(modelPath(name, "/report"), { headers: { Accept: "text/html" } });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${name.replaceAll("/", "-")}-report.html`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    setText(byId("reason"), error.message);
    byId("reason").hidden = false;
  }
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  byId("content").hidden = false;
  poll();
});
byId("report-file").addEventListener("click", download);
byId("probe").addEventListener("click", async () => {
  await measure(page.selected);
  page.latencyDue = Date.now() + PROBING_MS;
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    poll();
  }
});
startPrompt();
poll();
