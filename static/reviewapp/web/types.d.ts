// What the scripts hear, tell each other and look for: read by `tsc` in `make lint`, by no browser.

/** The first element that fits, typed by its tag or by what takes it. */
type Find = {
  <K extends keyof HTMLElementTagNameMap>(selector: K, within?: ParentNode): HTMLElementTagNameMap[K] | null;
  <E extends HTMLElement = HTMLElement>(selector: string, within?: ParentNode): E | null;
};

/** Our pages hold HTML alone, so that what is found in them is more than an `Element`. */
interface ParentNode {
  querySelector<K extends keyof HTMLElementTagNameMap>(selectors: K): HTMLElementTagNameMap[K] | null;
  querySelector<E extends HTMLElement = HTMLElement>(selectors: string): E | null;
  querySelectorAll<K extends keyof HTMLElementTagNameMap>(selectors: K): NodeListOf<HTMLElementTagNameMap[K]>;
  querySelectorAll<E extends HTMLElement = HTMLElement>(selectors: string): NodeListOf<E>;
}
interface Element {
  closest<K extends keyof HTMLElementTagNameMap>(selectors: K): HTMLElementTagNameMap[K] | null;
  closest<E extends HTMLElement = HTMLElement>(selectors: string): E | null;
}

interface HTMLCollection {
  [Symbol.iterator](): ArrayIterator<HTMLElement>;
}

type From<E extends Event, T extends EventTarget> = E & { readonly target: T };

/** What htmx says in `detail`, as far as the scripts look. */
interface HtmxDetail {
  elt: HTMLElement;
  target: HTMLElement;
  xhr: XMLHttpRequest;
  successful: boolean;
  path: string;
  formData: FormData;
  triggeringEvent?: SubmitEvent;
  pathInfo: { requestPath: string };
  shouldSwap: boolean;
  requestConfig: { elt: HTMLElement; path: string; triggeringEvent?: SubmitEvent };
}
type HtmxEvent = From<CustomEvent<HtmxDetail>, HTMLElement>;

/** At the document one hears of elements: what is pressed, typed, sent and opened. */
interface DocumentEventMap {
  change: From<Event, HTMLInputElement>;
  click: From<PointerEvent, HTMLElement>;
  close: From<Event, HTMLDialogElement>;
  focusin: From<FocusEvent, HTMLElement>;
  input: From<InputEvent, HTMLInputElement>;
  keydown: From<KeyboardEvent, HTMLElement>;
  submit: From<SubmitEvent, HTMLFormElement>;
  toggle: From<ToggleEvent, HTMLDetailsElement>;

  "htmx:afterRequest": HtmxEvent;
  "htmx:afterSettle": HtmxEvent;
  "htmx:afterSwap": HtmxEvent;
  "htmx:beforeRequest": HtmxEvent;
  "htmx:beforeSwap": HtmxEvent;
  "htmx:configRequest": HtmxEvent;
  "htmx:load": HtmxEvent;
  "htmx:responseError": HtmxEvent;
  "htmx:wsBeforeMessage": CustomEvent<{ message: string }>;
  "htmx:wsClose": CustomEvent<{ event: CloseEvent; socketWrapper?: { reconnect(): void } }>;

  "page:announce": CustomEvent<{ text: string; topic?: string; now?: boolean }>;
  "page:banner": CustomEvent<{ banner: HTMLElement }>;
  "page:bell": CustomEvent<{ news: HTMLElement }>;
  "page:toast": CustomEvent<{ text: string; stays?: boolean }>;
  "page:resync": CustomEvent<null>;
  "page:socket": CustomEvent<{ open: boolean }>;
  "page:refused": CustomEvent<{ status: number; why: string | null }>;
  "desk:decided": CustomEvent<{ refused: boolean }>;
  "desk:undo-read": CustomEvent<{ isRead: boolean }>; // what can be undone, with all that was decided before
  "desk:put-back": CustomEvent<{ typed: any; why: string }>;
  "desk:send": CustomEvent<{ form: HTMLFormElement; submitter: HTMLElement | null; typed: any }>;
  "desk:select": From<CustomEvent, HTMLElement>;
}

interface HTMLElementEventMap {
  change: From<Event, HTMLInputElement>;
  click: From<PointerEvent, HTMLElement>;
}
interface WindowEventMap {
  submit: From<SubmitEvent, HTMLFormElement>;
}

interface Htmx {
  ajax(verb: string, path: string, how: { source?: Element; target: string; swap: string }): Promise<void>;
  process(element: Element): void;
  swap(target: Element, html: string, how: object, more: { eventInfo: HtmxDetail; contextElement: Element }): void;
  trigger(target: Element, type: string, detail?: object): void;
  createWebSocket(address: string): WebSocket;
  config: { wsReconnectDelay: (tries: number) => number };
}
declare const htmx: Htmx;
