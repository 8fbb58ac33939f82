// What a window has that jsdom has not, or that would ask something of the world: all of it is noted on the page.

const give = (on, name, value) => Object.defineProperty(on, name, { configurable: true, writable: true, value });
const ask = (on, name, get) => Object.defineProperty(on, name, { configurable: true, get });

/** Before any script runs. */
export function furnish(window, page) {
  time(window, page.clock);
  sight(window, page);
  network(window, page);
  notices(window, page);
  observers(window, page);
  elements(window, page);
}

function time(window, clock) {
  window.setTimeout = (work, wait, ...args) => clock.start(work, wait, args);
  window.setInterval = (work, every, ...args) => clock.start(work, every, args, every);
  window.clearTimeout = window.clearInterval = (id) => clock.stop(id);
  window.Date.now = () => clock.now;
  window.Math.random = () => 0.5;
  give(window, "performance", { now: () => clock.now - clock.began, timeOrigin: clock.began });
}

function sight(window, page) {
  ask(window.document, "hidden", () => page.hidden);
  ask(window.document, "visibilityState", () => (page.hidden ? "hidden" : "visible"));
  give(window, "matchMedia", () => ({ matches: page.phone }));
  give(window, "print", () => page.prints++);
}

function network(window, page) {
  ask(window.navigator, "onLine", () => !page.offline);
  give(window.navigator, "sendBeacon", (url, body) => page.beacons.push({ url, body }));
  give(window, "fetch", async (url, { method = "GET", body, headers = {}, signal } = {}) => {
    const request = { url: String(url), method, body, headers: { ...headers }, signal };
    page.requests.push(request);
    const { status = 200, redirected = false, text = "", json, says = {} } = await page.answers(request);
    return { ok: status < 400, status, redirected, headers: new Headers(says), text: async () => text, json: async () => json };
  });
  give(window, "htmx", {
    ajax: async (verb, path, how) => void page.drawn.push({ verb, path, target: how.target }),
    process: (element) => page.processed.push(element),
    trigger: (target, type, detail) => page.fire(target, type, { detail }),
    swap: (target, html, how, { eventInfo }) => {
      target.replaceChildren(page.fragment(html));
      for (const type of ["htmx:afterSwap", "htmx:afterSettle"]) page.fire(target, type, { detail: eventInfo });
    },
    config: {},
  });
  class WebSocket extends window.EventTarget {
    constructor(address) {
      super();
      this.address = String(address);
      page.sockets.push(this);
    }
  }
  give(window, "WebSocket", WebSocket);
}

function notices(window, page) {
  class Notification extends window.EventTarget {
    static get permission() {
      return page.permission;
    }
    static async requestPermission() {
      page.permission = page.answersPermission;
    }
    constructor(title, { body, tag }) {
      super();
      page.notices.push(Object.assign(this, { body, tag }));
    }
    close() {
      this.closed = true;
    }
  }
  give(window, "Notification", Notification);
}

function observers(window, page) {
  class IntersectionObserver {
    watched = new Set();
    constructor(told) {
      this.told = told;
      page.eyes.push(this);
    }
    observe(element) {
      page.glances.push(element);
      this.watched.add(element);
    }
    unobserve(element) {
      this.watched.delete(element);
    }
    disconnect() {
      this.watched.clear();
    }
  }
  class ResizeObserver {
    observe() {}
  }
  give(window, "IntersectionObserver", IntersectionObserver);
  give(window, "ResizeObserver", ResizeObserver);
}

function elements({ Document, Element, Event, HTMLDialogElement, HTMLElement }, page) {
  give(Document.prototype, "elementFromPoint", () => null);
  ask(HTMLElement.prototype, "innerText", function () {
    return this.textContent;
  });
  give(Element.prototype, "scrollIntoView", function () {
    page.scrolledTo.push(this);
  });
  give(HTMLElement.prototype, "showPopover", function () {
    this.toggleAttribute("data-popped", true);
  });
  give(HTMLDialogElement.prototype, "showModal", function () {
    this.open = true;
  });
  give(HTMLDialogElement.prototype, "close", function (value) {
    this.open = false;
    if (value !== undefined) this.returnValue = value;
    this.dispatchEvent(new Event("close"));
  });
}
