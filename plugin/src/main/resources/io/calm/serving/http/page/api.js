// Requests to the server that this page came from. The API key stays in this tab.

const STORED = "calm.api-key";
const POLL_TIMEOUT_MS = 10_000;

/** An answer with an error status, with the server's own message. */
export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasKey = () => stored() !== "";

function stored() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

export function setKey(key) {
  sessionStorage.setItem(STORED, key);
}

export function dropKey() {
  sessionStorage.removeItem(STORED);
}

/** Sends a request and returns the response; throws a ServerError for a status that is not 2xx. */
export async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (hasKey()) {
    headers.set("Authorization", `Bearer ${stored()}`);
  }
  const response = await fetch(path, {
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
    ...options,
    headers,
  });
  if (!response.ok) {
    throw new ServerError(response.status, await problem(response));
  }
  return response;
}

async function problem(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const message = body.error?.message ?? body.message ?? body.error;
    if (typeof message === "string") {
      return message;
    }
  } catch {
    // not JSON: the status is all there is
  }
  return `The server answered with status ${response.status}.`;
}

/** Returns the JSON of a path. */
export async function json(path, options = {}) {
  const response = await send(path, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS), ...options });
  return response.json();
}

export const modelPath = (name, rest = "") => `/calm/models/${encodeURIComponent(name)}${rest}`;

/** Yields the data of each server-sent event of a response until [DONE]. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    const parts = (rest + value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const data = part
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim())
        .join("\n");
      if (data === "[DONE]") {
        return;
      }
      if (data !== "") {
        yield JSON.parse(data);
      }
    }
  }
}
