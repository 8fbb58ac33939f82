// A page with one of our scripts on it. Its document is jsdom's; the clock, the network and what a window shows are
// ours, so that a test says what happens and when. What goes wrong in the script makes the test fail.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Script } from "node:vm";
import { JSDOM, VirtualConsole } from "jsdom";
import { Clock } from "./clock.js";
import { furnish } from "./furniture.js";

export { answered, later } from "./clock.js";

process.env.TZ = "UTC";
const STATIC = new URL("../../static/", import.meta.url);

class Page {
  requests = []; // what was fetched: { url, method, body, headers }
  beacons = [];
  sockets = [];
  drawn = []; // what htmx was asked to fetch
  processed = []; // elements that htmx was told of
  sent = []; // forms that nobody kept from being sent
  followed = []; // links, likewise
  toasts = [];
  announced = [];
  events = []; // types of all that scripts told each other
  scrolledTo = [];
  notices = [];
  prints = 0;
  navigations = 0; // to where, jsdom does not say
  answers = () => ({ status: 500, text: "" });
  phone = false;
  hidden = false;
  permission = "default";
  eyes = []; // observers of the screen
  glances = []; // elements that one was asked to look at: it tells what it sees of them then
  #errors = [];

  constructor(html, { url, now }) {
    this.clock = new Clock(Date.parse(now));
    const console = new VirtualConsole();
    console.on("jsdomError", (error) => {
      if (error.type === "not-implemented" && error.message.includes("navigation")) this.navigations++;
      else this.#errors.push(error.cause ?? error);
    });
    const beforeParse = (window) => furnish(window, this);
    this.dom = new JSDOM(html, { url, runScripts: "outside-only", virtualConsole: console, beforeParse });
    this.window = this.dom.window;
    this.document = this.window.document;
    this.#listen();
  }

  run(name) {
    const source = readFileSync(new URL(name, STATIC), "utf-8");
    const script = new Script(`(() => {"use strict"; ${source}\n})()`, { filename: `static/${name}` });
    script.runInContext(this.dom.getInternalVMContext());
  }

  close() {
    this.window.close();
    assert.deepEqual(this.#errors, []);
  }

  // --- What a person does ----------------------------------------------------------------------

  find(selector) {
    return this.document.querySelector(selector);
  }

  all(selector) {
    return [...this.document.querySelectorAll(selector)];
  }

  /** Says whether the browser would have done what it does by itself. */
  fire(target, type, how = {}) {
    const { Event, MouseEvent, KeyboardEvent, CustomEvent } = this.window;
    const kinds = { click: MouseEvent, keydown: KeyboardEvent };
    const Kind = "detail" in how && type !== "click" ? CustomEvent : (kinds[type] ?? Event);
    const element = typeof target === "string" ? this.find(target) : target;
    assert.ok(element, `There is no ${target}`);
    return element.dispatchEvent(new Kind(type, { bubbles: true, cancelable: true, ...how }));
  }

  click(target, how) {
    return this.fire(target, "click", how);
  }

  press(key, how = {}) {
    return this.fire(how.on ?? this.document.activeElement, "keydown", { key, ...how });
  }

  type(selector, value) {
    this.find(selector).value = value;
    return this.fire(selector, "input");
  }

  /** Open or close a fold, and tell of it at once, as jsdom does not. */
  fold(selector, open = true) {
    this.find(selector).open = open;
    this.fire(selector, "toggle", { bubbles: false });
  }

  show() {
    this.hidden = false;
    this.fire(this.document, "visibilitychange");
  }

  hide() {
    this.hidden = true;
    this.fire(this.document, "visibilitychange");
  }

  /** What an observer of the screen is told: these came into sight. */
  sees(...elements) {
    for (const eye of this.eyes) {
      const entries = elements.filter((it) => eye.watched.has(it)).map((target) => ({ isIntersecting: true, target }));
      if (entries.length) eye.told(entries);
    }
  }

  watches(element) {
    return this.eyes.some((eye) => eye.watched.has(element));
  }

  // --- What scripts and htmx tell -----------------------------------------------------------------

  tell(type, detail = {}) {
    return this.fire(this.document, type, { detail });
  }

  fragment(html) {
    const template = this.document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  get focused() {
    return this.document.activeElement;
  }

  pass(milliseconds) {
    return this.clock.pass(milliseconds);
  }

  #listen() {
    const { window } = this;
    for (const type of ["page:toast", "page:announce", "page:halts", "page:banner", "page:bell", "page:resync", "page:signed-out", "page:refused", "desk:rows", "desk:sent", "desk:decided", "desk:put-back", "desk:ran-out", "desk:select", "desk:show-new"]) {
      this.document.addEventListener(type, ({ detail }) => {
        this.events.push(type);
        if (type === "page:toast") this.toasts.push(detail.text);
        if (type === "page:announce") this.announced.push(detail.text);
      });
    }
    // jsdom tells of a fold some time later: tests do it themselves.
    window.addEventListener("toggle", (event) => event.isTrusted && event.stopImmediatePropagation(), true);
    // After everybody else: there is no browser here to go on.
    window.addEventListener("submit", (event) => {
      if (!event.defaultPrevented && event.target.method !== "dialog") this.sent.push(event.target);
      event.preventDefault();
    });
    window.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href]");
      if (!link) return;
      if (!event.defaultPrevented) this.followed.push(link.getAttribute("href"));
      event.preventDefault();
    });
  }
}

const NOW = "2026-03-02T09:00:00Z";

/** This HTML with this script on it, as long as the test takes; `before` the script runs, more can be set. */
export function open(t, html, script, { url = "https://desk.example/queue/", now = NOW, before = () => {} } = {}) {
  const page = new Page(html, { url, now });
  t.after(() => page.close());
  before(page);
  page.run(script);
  return page;
}
