// The page GET /calm in a real browser: node page.mjs DIRECTORY_WITH_NODE_MODULES URL
// The server has a ready model "scripted" and a model "searching" whose search goes on.
// CHROMIUM names the browser; SHOTS, if set, a directory for screenshots. Prints "ok".
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [directory, url] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(directory), "node_modules", "x"));
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** Opens the page and notes what it must not do. */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) faults.push(`a request leaves the host: ${request.url()}`);
  });
  await page.goto(`${url}/calm`);
  await page.getByText("Connected").waitFor();
  await page.getByRole("button", { name: /scripted/ }).waitFor();
  return { context, page, faults };
}

async function accessible(page, where) {
  // The policy of the page forbids foreign scripts; the driver evaluates axe outside of it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], where);
}

async function noScroll(page, where) {
  const [content, visible] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= visible, `${where}: ${content} px of content in ${visible} px`);
}

async function shot(page, name) {
  if (process.env.SHOTS) {
    await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
  }
}

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries({
    desktop: { width: 1280, height: 900 },
    phone: { width: 390, height: 844 },
  })) {
    const where = `${colorScheme} ${size}`;
    const { context, page, faults } = await open({ colorScheme, viewport });
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const bright = back.match(/\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0) > 384;
    assert.equal(bright, colorScheme === "light", `${where}: ${back}`);

    await page.getByRole("button", { name: /searching/ }).click();
    await page.getByRole("heading", { name: "Search", exact: true }).waitFor();
    await page.locator("#search-facts").getByText("gptq").waitFor();
    await page.locator("#search-facts").getByText("3 of 8").waitFor();
    assert.equal(await page.locator("#search-blocks span").count(), 8, where);
    await noScroll(page, `${where}, search`);
    await accessible(page, `${where}, search`);
    await shot(page, `${where} search`.replaceAll(" ", "-"));

    await page.getByRole("button", { name: /scripted/ }).click();
    await page.getByLabel("Message").fill("say(hello browser)");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("#answer").getByText("hello browser").waitFor();
    await page.locator("#prompt-state").getByText(/Done.*first token.*tokens/).waitFor();
    await page.locator("#plan").waitFor();
    await noScroll(page, `${where}, answer`);
    await accessible(page, `${where}, answer`);
    await shot(page, `${where} answer`.replaceAll(" ", "-"));
    assert.deepEqual(faults, [], where);
    await context.close();
  }
}

{
  // With the keyboard alone: skip link, prompt, send, and stop.
  const { context, page, faults } = await open({});
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "prompt-text");
  await page.keyboard.type("say(by keyboard)");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "send");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is visible");
  await page.keyboard.press("Enter");
  await page.locator("#answer").getByText("by keyboard").waitFor();
  await page.locator("#prompt-text").fill("slow(a)");
  await page.locator("#prompt-text").focus();
  await page.locator("#max-tokens").fill("3000");
  await page.locator("#max-tokens").press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#stop:enabled").waitFor();
  await page.locator("#stop").focus();
  await page.keyboard.press("Enter");
  await page.locator("#prompt-state").getByText("Stopped").waitFor();
  assert.deepEqual(faults, []);

  // The server's own words about a bad request.
  await page.locator("#temperature").evaluate((input) => { input.value = "9"; input.removeAttribute("max"); });
  await page.locator("#prompt-text").fill("say(x)");
  await page.locator("#prompt-text").press("Control+Enter");
  await page.locator("#prompt-problem").getByText(/temperature: expected/).waitFor();

  // A server that is gone, and back.
  await context.setOffline(true);
  await page.locator("#connection").getByText("does not answer").waitFor();
  await context.setOffline(false);
  await page.locator("#connection").getByText("Connected").waitFor({ timeout: 20_000 });
  await context.close();
}

{
  // A measured latency, in the shape of docs/reference/http-api.md.
  const side = { count: 60, mean_ms: 14.2, p50_ms: 14.1, p90_ms: 14.9, p99_ms: 16.0 };
  const rate = { count: 60, mean: 70.4, p50: 70.9, p90: 72.0, p99: 73.1 };
  const requests = { requests: 60, time_to_first_token: side, inter_token: side, tokens_per_second: rate };
  const row = { phase: "decode", sequences: 1, steps: 400, openings: 16, served: side, uniform: side };
  const latency = {
    model: "scripted", variant: "calm",
    baseline: { setting: "auto", variant: "uniform-gptq", identical: false, state: "ready", reason: "" },
    probe: {
      state: "done", reason: "", finished: "2026-11-28T02:00:00Z", seconds: 31.5,
      rows: [
        { ...row, deviation_percent: 0.11, low_percent: -0.08, high_percent: 0.3 },
        { ...row, phase: "prefill", sequences: 8, deviation_percent: -0.21, low_percent: -0.44, high_percent: 0.02 },
        { ...row, sequences: 8, openings: 1, deviation_percent: 0.4, low_percent: null, high_percent: null },
      ],
    },
    shadow: { share: 0.05, served: requests, uniform: requests },
  };
  for (const width of [1280, 390]) {
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    const page = await context.newPage();
    let asked = 0;
    await page.route("**/latency", (route) => {
      if (route.request().method() === "POST") {
        asked += 1;
        const probe = { ...latency.probe, state: "waiting", reason: "until the model is idle" };
        route.fulfill({ status: 202, json: { ...latency, probe } });
      } else {
        route.fulfill({ json: latency });
      }
    });
    await page.goto(`${url}/calm`);
    await page.locator("#latency-body").getByText("-0.08 to +0.30 %").waitFor();
    assert.equal(await page.locator("#latency-body tbody tr").nth(2).locator("td").nth(6).innerText(), "–");
    await page.locator("#latency-body").getByText("5.0 % of the requests").waitFor();
    await noScroll(page, `latency, ${width} px`);
    await accessible(page, `latency, ${width} px`);
    await shot(page, `latency-${width}`);
    await page.getByRole("button", { name: "Measure now" }).click();
    await page.locator("#latency-note").getByText("waits until the model is idle").waitFor();
    assert.equal(asked, 1);
    await context.close();
  }
}

{
  // What the note says of each state, in the server's own words, and when a measurement can be asked for.
  const probe = { state: "none", reason: "", finished: null, seconds: 0, rows: [] };
  const ready = { setting: "auto", variant: "uniform-gptq", identical: false, state: "ready", reason: "" };
  const off = { ...ready, variant: "", state: "off", reason: "no algorithm alone could quantize every block" };
  const states = [
    [ready, { ...probe, state: "stopped", reason: "memory: 3100 MiB needed" }, /stopped: memory: 3100 MiB needed\./, true],
    [ready, { ...probe, finished: "2026-11-28T02:00:00Z" }, /^(?!.*Nothing has been).*Measured .*2026/, true],
    [ready, { ...probe, state: "done", reason: "some kinds of steps are missing" }, /Some kinds of steps are missing\./, true],
    [ready, { ...probe, state: "running" }, /is running/, false],
    [{ ...ready, state: "missing" }, probe, /a measurement makes it first/, true],
    [{ ...ready, state: "making" }, probe, /is being made/, false],
    [{ ...ready, state: "failed", reason: "memory" }, probe, /could not be opened\. Memory\./, true],
    [off, probe, /nothing to compare/, false],
  ];
  for (const [baseline, measured, note, enabled] of states) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route("**/latency", (route) =>
      route.fulfill({ json: { model: "scripted", variant: "calm", baseline, probe: measured, shadow: { share: 0 } } }),
    );
    await page.goto(`${url}/calm`);
    await page.locator("#latency-note").getByText(note).waitFor();
    assert.equal(await page.getByRole("button", { name: "Measure now" }).isEnabled(), enabled, String(note));
    await context.close();
  }
}

{
  // A model that is unregistered between the list and its plan: the list is fetched again.
  const context = await browser.newContext();
  const page = await context.newPage();
  let gone = false;
  await page.route(/\/calm\/models\/scripted$/, (route) => {
    gone = true;
    route.fulfill({ status: 404, json: { code: 404, message: "model 'scripted' does not exist" } });
  });
  await page.route(/\/calm\/models$/, (route) => (gone ? route.fulfill({ json: { models: [] } }) : route.continue()));
  await page.goto(`${url}/calm`);
  await page.locator("#latency-note").getByText("There is no model.").waitFor();
  await page.getByText("Connected").waitFor();
  await context.close();
}

{
  // A server with an API key.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route(/\/(calm\/models|v1\/)/, (route) =>
    route.request().headers().authorization === "Bearer secret"
      ? route.continue()
      : route.fulfill({ status: 401, json: { code: 401, message: "expected a key" } }),
  );
  await page.goto(`${url}/calm`);
  await page.getByLabel("Key", { exact: true }).waitFor();
  await accessible(page, "API key");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The server does not accept this key.").waitFor();
  await page.keyboard.type("secret");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /scripted/ }).waitFor();
  await page.getByRole("button", { name: "Download report" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  await page.getByLabel("Message").fill("say(with a key)");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#answer").getByText("with a key").waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download report" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "scripted-report.html");
  await context.close();
}

await browser.close();
console.log("ok");
