// The comparison of a model with its uniform twin.

import { json, modelPath } from "./api.js";
import { byId, element, number, setText, svg, table } from "./dom.js";

let shown = "";

/** Shows the latency of a model; undefined while it is not known. */
export function showLatency(latency) {
  const baseline = latency?.baseline ?? {};
  const probe = latency?.probe ?? {};
  byId("probe").disabled =
    !latency || baseline.state !== "ready" || ["waiting", "running"].includes(probe.state);
  setText(byId("latency-note"), note(latency, baseline, probe));
  const text = JSON.stringify(latency ?? null);
  if (text === shown) {
    return;
  }
  shown = text;
  const parts = [];
  if (probe.rows?.length) {
    parts.push(scrolled("Paired steps", pairedTable(probe.rows)));
  }
  const shadow = latency?.shadow;
  if (shadow?.share > 0) {
    parts.push(
      scrolled("Requests", shadowTable(shadow, latency.variant, baseline.variant ?? "uniform")),
    );
  }
  byId("latency-body").replaceChildren(...parts.flat());
}

/** Says why there is nothing to show. */
export function showNoLatency(reason) {
  showLatency(undefined);
  setText(byId("latency-note"), reason);
}

function note(latency, baseline, probe) {
  if (!latency) {
    return "Not loaded yet.";
  }
  const twins = {
    off: baseline.setting === "off" ? "The comparison is off (calm.baseline=off)." : "There is nothing to compare.",
    missing: "There is no uniform twin yet.",
    making: "The uniform twin is being made.",
    failed: "The uniform twin could not be opened.",
  };
  const sentences = [];
  if (baseline.state === "ready") {
    sentences.push(`${latency.variant} is compared with ${baseline.variant}.`);
    if (baseline.identical) {
      sentences.push("Both have the same blocks, so the difference is noise.");
    }
  } else {
    sentences.push(twins[baseline.state] ?? "There is no uniform twin.");
    if (baseline.reason) {
      sentences.push(sentence(baseline.reason));
    }
    return sentences.join(" ");
  }
  const states = {
    none: "Nothing has been measured yet.",
    waiting: "The measurement waits until the model is idle.",
    running: "A measurement is running; it stops as soon as a request arrives.",
    stopped: "A request stopped the last measurement.",
  };
  if (probe.state === "done" && probe.finished) {
    sentences.push(`Measured ${new Date(probe.finished).toLocaleString()}.`);
  } else if (states[probe.state]) {
    sentences.push(states[probe.state]);
  }
  if (!(latency.shadow?.share > 0)) {
    sentences.push("No requests are compared (calm.compare.share=0).");
  }
  return sentences.join(" ");
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

function scrolled(title, content) {
  return [
    element("h3", {}, title),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, content),
  ];
}

function pairedTable(rows) {
  const bounds = rows.flatMap((row) => [row.low_percent, row.high_percent]).filter(Number.isFinite);
  const most = Math.max(0.5, ...bounds.map(Math.abs));
  const milliseconds = (side, key) => number(side?.[key], 2);
  return table(
    "Milliseconds per step; deviation of the served model with its 95 % interval",
    ["Step", "Served p50", "p99", "Uniform p50", "p99", "Deviation", "95 % interval", "Range"],
    rows.map((row) => [
      `${row.phase}, ${row.sequences} ${row.sequences === 1 ? "sequence" : "sequences"}`,
      milliseconds(row.served, "p50_ms"),
      milliseconds(row.served, "p99_ms"),
      milliseconds(row.uniform, "p50_ms"),
      milliseconds(row.uniform, "p99_ms"),
      `${signed(row.deviation_percent)} %`,
      `${signed(row.low_percent)} to ${signed(row.high_percent)} %`,
      interval(row, most),
    ]),
  );
}

function signed(value) {
  return value > 0 ? `+${number(value, 2)}` : number(value, 2);
}

function interval(row, most) {
  const at = (value) => 65 + (value / most) * 60;
  if (![row.low_percent, row.high_percent, row.deviation_percent].every(Number.isFinite)) {
    return "–";
  }
  return element(
    "td",
    { class: "interval" },
    svg(
      "svg",
      { viewBox: "0 0 130 16", "aria-hidden": "true" },
      svg("line", { class: "zero", x1: 65, x2: 65, y1: 1, y2: 15 }),
      svg("line", { class: "range", x1: at(row.low_percent), x2: at(row.high_percent), y1: 8, y2: 8 }),
      svg("circle", { cx: at(row.deviation_percent), cy: 8, r: 3.5 }),
    ),
  );
}

function shadowTable(shadow, served, uniform) {
  const line = (name, key, unit, digits) => {
    const cells = (side) =>
      ["mean", "p50", "p99"].map((q) => number(shadow[side]?.[key]?.[q + unit], digits));
    return [name, ...cells("served"), ...cells("uniform")];
  };
  return table(
    `${number(shadow.share * 100, 1)} % of the requests are answered by ${uniform}: ` +
      `${number(shadow.served?.requests)} by ${served}, ${number(shadow.uniform?.requests)} by ${uniform}`,
    ["Measure", "Served mean", "p50", "p99", "Uniform mean", "p50", "p99"],
    [
      line("Time to first token, ms", "time_to_first_token", "_ms", 1),
      line("Between tokens, ms", "inter_token", "_ms", 2),
      line("Tokens per second", "tokens_per_second", "", 1),
    ],
  );
}

/** Asks for a measurement now and shows the answer. */
export async function measure(model) {
  setText(byId("latency-problem"), "");
  byId("probe").disabled = true;
  try {
    showLatency(await json(modelPath(model, "/latency"), { method: "POST" }));
  } catch (error) {
    byId("probe").disabled = false;
    setText(byId("latency-problem"), error.message);
  }
}
