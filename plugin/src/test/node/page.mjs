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

await browser.close();
console.log("ok");
