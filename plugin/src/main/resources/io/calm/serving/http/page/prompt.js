// The prompt box: streams an answer, measures it, and stops it.

import { events, send } from "./api.js";
import { byId, number, setText } from "./dom.js";

let running = null;
let current;

/** Sets the model that answers; undefined if none can. */
export function usePromptModel(model) {
  current = model?.status === "ready" ? model : undefined;
  byId("send").disabled = running !== null || !current;
  setText(byId("prompt-label"), current?.chat === false ? "Text to continue" : "Message");
}

/** Connects the form. */
export function startPrompt() {
  byId("prompt-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  byId("prompt-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      ask();
    }
  });
  byId("stop").addEventListener("click", () => running?.abort());
}

function body(model, text) {
  const shared = {
    model: model.name,
    max_tokens: Number(byId("max-tokens").value) || 256,
    temperature: Number(byId("temperature").value),
    stream: true,
    stream_options: { include_usage: true },
  };
  return model.chat === false
    ? { ...shared, prompt: text }
    : { ...shared, messages: [{ role: "user", content: text }] };
}

async function ask() {
  const text = byId("prompt-text").value;
  if (running || !current || text.trim() === "") {
    if (current && text.trim() === "") {
      setText(byId("prompt-problem"), "Write a prompt first.");
      byId("prompt-text").focus();
    }
    return;
  }
  const answer = byId("answer");
  const model = current;
  running = new AbortController();
  byId("send").disabled = true;
  byId("stop").disabled = false;
  answer.setAttribute("aria-busy", "true");
  answer.replaceChildren();
  setText(byId("prompt-problem"), "");
  setText(byId("prompt-state"), "Answering …");
  const measured = { start: performance.now(), pieces: 0 };
  try {
    await stream(model, text, answer, measured);
    setText(byId("prompt-state"), facts("Done", measured));
  } catch (error) {
    const stopped = running.signal.aborted;
    setText(byId("prompt-state"), facts(stopped ? "Stopped" : "Failed", measured));
    if (!stopped) {
      setText(byId("prompt-problem"), error.message);
    }
  } finally {
    running = null;
    answer.removeAttribute("aria-busy");
    byId("stop").disabled = true;
    byId("send").disabled = !current;
  }
}

async function stream(model, text, answer, measured) {
  const response = await send(model.chat === false ? "/v1/completions" : "/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(body(model, text)),
    signal: running.signal,
  });
  measured.variant = response.headers.get("X-CALM-Variant") ?? model.variant;
  for await (const event of events(response)) {
    if (event.error) {
      throw new Error(event.error.message ?? String(event.error));
    }
    measured.tokens = event.usage?.completion_tokens ?? measured.tokens;
    const choice = event.choices?.[0];
    const piece = choice?.delta?.content ?? choice?.text ?? "";
    measured.reason = choice?.finish_reason ?? measured.reason;
    if (piece !== "") {
      measured.first ??= performance.now();
      measured.last = performance.now();
      measured.pieces += 1;
      append(answer, piece);
    }
  }
}

function append(answer, piece) {
  const below = answer.scrollHeight - answer.scrollTop - answer.clientHeight;
  answer.append(piece);
  if (below < 24) {
    answer.scrollTop = answer.scrollHeight;
  }
}

function facts(word, measured) {
  const tokens = measured.tokens ?? measured.pieces;
  const parts = [word + (measured.reason === "length" ? " (maximum tokens)" : "")];
  if (measured.first !== undefined) {
    parts.push(`first token after ${number(measured.first - measured.start, 0)} ms`);
    const seconds = (measured.last - measured.first) / 1000;
    parts.push(`${number(tokens)} tokens`);
    if (tokens > 1 && seconds > 0) {
      parts.push(`${number((tokens - 1) / seconds, 1)} tokens per second`);
    }
  }
  if (measured.variant) {
    parts.push(measured.variant);
  }
  return parts.join(" · ");
}
