// The dashboard in a real Chromium: one start of it, every promise of the page. tests/it/dashboard/browser.rs starts
// this, answers what it asks, and compares what it sees with the store.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [, , runUrl, serveUrl, screenshots, chrome] = process.argv;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 30_000;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Tells the other side, and waits until it has done its part. */
async function tell(what, value = null) {
  process.stdout.write(`${what} ${JSON.stringify(value)}\n`);
  const { value: answer, done } = await answers.next();
  assert.ok(!done && answer === "ok", `${what}: ${answer}`);
}

const browser = await chromium.launch({
  executablePath: chrome,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
// axe is put into the page by the debugger: the page's own policy stays as it is.
const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: "light" });
const complaints = [];

async function opened(url) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    // A server that is down is what one of these tests is about.
    if (["error", "warning"].includes(message.type()) && !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== new URL(url).host) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForSelector('#link[data-state="live"]');
  await page.waitForSelector("#facts:not([hidden])");
  return page;
}

/** The numbers that the page shows, by currency, read at one instant. */
const numbers = (page) => page.evaluate(() => {
  const read = (node) => Number(node.textContent.replaceAll(",", ""));
  return Object.fromEntries([...document.querySelectorAll("[data-currency]")].map((panel) => [panel.dataset.currency,
    Object.fromEntries([...panel.querySelectorAll("[data-now]")].map((node) => [node.dataset.now, read(node)]))]));
});

const says = (page, id, words) => page.waitForFunction(([id, words]) => document.getElementById(id).textContent.includes(words), [id, words]);

async function axeFinds(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  assert.deepEqual(found, [], `axe, ${where}`);
}

const page = await opened(runUrl);

// The verdict comes first, and every second's numbers are the store's.
assert.equal(await page.textContent("#verdict-word"), "Fine");
assert.match(await page.textContent("#sentence"), /\S{3}/);
for (let second = 0; second < 3; second += 1) {
  await tell("seen", await numbers(page));
  await page.waitForTimeout(1000);
}

// A wait counts down by itself, in the title as well.
await page.waitForFunction(() => document.getElementById("dial").dataset.mode === "wait"
  && Number(document.getElementById("dial-big").textContent.split(":").pop()) >= 4);
const left = () => page.textContent("#dial-big").then((words) => words.split(":").reduce((sum, part) => sum * 60 + Number(part), 0));
const [before, from] = [await left(), Date.now()];
await page.waitForTimeout(2200);
const [after, took] = [await left(), (Date.now() - from) / 1000];
assert.ok(Math.abs(before - after - took) <= 1.5, `${before} s left, ${after} s left after ${took} s`);
assert.match(await page.title(), /%\s·\s\d+:\d\d\s·/);
assert.match(await page.textContent("#sentence"), /^Waiting for the vendor until \d\d:\d\d:\d\d/);
await tell("seen", await numbers(page));

// A milestone that was reached has its time.
await page.waitForSelector(".milestones .reached");
assert.match(await page.textContent(".milestones .reached .when"), /^\d\d:\d\d:\d\d$/);
assert.match(await page.textContent("#zone"), /UTC[+-]\d\d:\d\d/);

// Paused from the page: the numbers stand still, and are exactly the store's.
await page.click("#pause");
await says(page, "told", "is paused");
await says(page, "sentence", "Paused by request");
await page.waitForFunction(() => document.getElementById("pause").hidden && !document.getElementById("resume").hidden);
await page.waitForTimeout(1500);
await tell("exact", await numbers(page));

// Another pace.
await page.selectOption("#pace-rate", "10");
await says(page, "told", "10 requests a second");

// Keyboard only: to the verdict, to the map, into a story, and out again.
await page.keyboard.press("Home");
await page.focus(".skip");
assert.ok(await page.evaluate(() => document.activeElement.getBoundingClientRect().top >= 0), "the skip link is seen");
await page.focus("#map");
await page.keyboard.press("Home");
await page.keyboard.press("ArrowUp");
await says(page, "map-words", "stored");
await page.keyboard.press("Enter");
await page.waitForSelector("#story[open]");
const symbol = await page.textContent("#story-head");
assert.match(symbol, /^(BTC|ETH)-\d+[A-Z]{3}\d\d-/);
assert.ok(await page.isVisible("#story-chart"), "its bars are drawn");
assert.match(await page.textContent("#story-body .journal"), /rows/);
await axeFinds(page, "a story");
await page.keyboard.press("Escape");
assert.ok(await page.isHidden("#story"));
assert.equal(await page.evaluate(() => document.activeElement.id), "map", "the focus comes back");
// The same by the pointer.
const box = await page.locator("#map-canvas").boundingBox();
await page.mouse.click(box.x + 4, box.y + box.height - 26);
await page.waitForSelector("#story[open]");
await page.click("#story-close");
await page.click("#coverage-table summary");
assert.ok(await page.locator("#coverage-rows tr").count() > 1, "the map as a table");

// Hostile names are text (W4): the last column of BTC holds those that do not parse.
await page.click('#coverage-tabs button:has-text("BTC")');
await page.waitForFunction(() => document.getElementById("map").getAttribute("aria-label").startsWith("BTC"));
await page.focus("#map");
await page.keyboard.press("End");
await page.keyboard.press("Enter");
await page.waitForSelector("#story[open]");
const hostile = await page.textContent("#story-head");
assert.match(hostile, /<img src=x onerror|DROP TABLE|\\u\{202e\}/);
assert.equal(await page.locator("#story img, #story script, main img").count(), 0);
assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
assert.ok(!(await page.content()).includes("\u202e"), "nothing turns the direction of writing");
await tell("page", await page.content());
await page.keyboard.press("Escape");

// In every light and at every width; screenshots to be looked at.
for (const scheme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: scheme });
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
    await page.waitForTimeout(300);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} px: it scrolls sideways`);
    await page.screenshot({ path: `${screenshots}/${width}-${scheme}.png`, fullPage: true });
  }
}
await page.setViewportSize({ width: 1440, height: 1000 });
await page.emulateMedia({ colorScheme: "light" });
// The theme can be chosen by hand as well.
await page.click("#theme");
await page.click("#theme");
assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
await page.click("#theme");

// Readable for everybody; meanwhile the run hangs, and the page says since when (W6).
const other = await opened(serveUrl);
await tell("freeze");
for (const scheme of ["light", "dark"]) {
  await other.emulateMedia({ colorScheme: scheme });
  for (const width of [1440, 390]) {
    await other.setViewportSize({ width, height: 900 });
    await other.waitForTimeout(300);
    await axeFinds(other, `${scheme}, ${width} px`);
  }
}
await other.waitForSelector("#silence:not([hidden])");
assert.match(await other.textContent("#silence"), /No sign of life from process \d+ since \d\d:\d\d:\d\d \(\d+ s\)/);
await axeFinds(other, "a silent run");
await tell("thaw");
await other.waitForSelector("#silence", { state: "hidden" });
await other.setViewportSize({ width: 1440, height: 1000 });

// A server that goes away is said to have, since when; the page comes back by itself, and may order again.
await tell("down");
await other.waitForSelector('#link[data-state="lost"]');
assert.match(await other.textContent("#link"), /connection lost since \d\d:\d\d:\d\d; reconnecting/);
await tell("up");
await other.waitForSelector('#link[data-state="live"]');
await other.click("#resume");
await says(other, "told", "goes on");
await page.waitForFunction(() => document.getElementById("resume").hidden);
await tell("seen", await numbers(page));

// Stopped from the page, after it asked whether that is meant.
await page.click("#stop");
await page.waitForSelector("#confirm[open]");
await page.keyboard.press("Escape");
assert.ok(await page.isHidden("#confirm"));
assert.equal(await page.textContent("#told").then((words) => words.includes("finishes")), false);
await page.click("#stop");
await page.click("#confirm-yes");
await tell("ended");
await page.waitForSelector('#link[data-state="ended"]');
await says(other, "sentence", "still to be fetched");
assert.equal(await other.textContent("#verdict-word"), "Idle");
await other.waitForTimeout(1200);
await tell("exact", await numbers(other));
for (const one of [page, other]) await tell("page", await one.content());

assert.deepEqual(complaints, [], "the console is quiet, and nothing is asked of another host");
await browser.close();
process.stdout.write("done null\n");
process.exit(0);
