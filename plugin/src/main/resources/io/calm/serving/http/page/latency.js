// The comparison of a model with its uniform twin.

import { json, modelPath } from "./api.js";
import { byId, element, number, setText, svg, table } from "./dom.js";

let shown = "";

/** Shows the latency of a model; undefined while it is not known. */
export function showLatency(latency) {
  const baseline = latency?.baseline ?? {};
  const probe = latency?.probe ?? {};
  byId("probe").disabled =
    !baseline.variant || baseline.state === "making" || ["waiting", "running"].includes(probe.state);
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
  const sentences = about(latency, baseline);
  if (baseline.variant) {
    sentences.push(...measured(probe));
  }
  if (baseline.state === "ready" && !(latency.shadow?.share > 0)) {
    sentences.push("No requests are compared (calm.compare.share=0).");
  }
  return sentences.join(" ");
}

/** Says what the model is compared with, or why not. */
function about(latency, baseline) {
  if (baseline.state === "ready") {
    return [
      `${latency.variant} is compared with ${baseline.variant}.`,
      ...(baseline.identical ? ["Both have the same blocks, so the difference is noise."] : []),
    ];
  }
  const twins = {
    off: baseline.setting === "off" ? "The comparison is off (calm.baseline=off)." : "There is nothing to compare.",
    missing: "There is no uniform twin yet; a measurement makes it first.",
    making: "The uniform twin is being made.",
    failed: "The uniform twin could not be opened.",
  };
  return [
    twins[baseline.state] ?? "There is no uniform twin.",
    ...(baseline.reason ? [sentence(baseline.reason)] : []),
  ];
}

/** Says when the measurement was, what becomes of the next one, and why. */
function measured(probe) {
  const reason = probe.reason ?? "";
  const states = {
    none: probe.finished ? "" : "Nothing has been measured yet.",
    waiting: `The measurement waits ${reason}`,
    running: "A measurement is running; it stops as soon as a request arrives.",
    stopped: `The last measurement was stopped: ${reason}`,
    done: reason,
  };
  const date = probe.finished ? `Measured ${new Date(probe.finished).toLocaleString()}.` : "";
  const state = states[probe.state] ?? "";
  return [date, state && sentence(state.trim())].filter(Boolean);
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
    ["Step", "Served p50", "p99", "Uniform p50", "p99", "Openings", "Deviation", "95 % interval", "Range"],
    rows.map((row) => [
      `${row.phase}, ${row.sequences} ${row.sequences === 1 ? "sequence" : "sequences"}`,
      milliseconds(row.served, "p50_ms"),
      milliseconds(row.served, "p99_ms"),
      milliseconds(row.uniform, "p50_ms"),
      milliseconds(row.uniform, "p99_ms"),
      number(row.openings),
      `${signed(row.deviation_percent)} %`,
      hasInterval(row) ? `${signed(row.low_percent)} to ${signed(row.high_percent)} %` : "–",
      interval(row, most),
    ]),
  );
}

function signed(value) {
  return value > 0 ? `+${number(value, 2)}` : number(value, 2);
}

/** Returns whether there were enough openings for an interval. */
function hasInterval(row) {
  return [row.low_percent, row.high_percent, row.deviation_percent].every(Number.isFinite);
}

function interval(row, most) {
  const at = (value) => 65 + (value / most) * 60;
  if (!hasInterval(row)) {
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
