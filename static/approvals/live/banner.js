// @ts-check
// Keeps the banner true on every open page: what is stopped, by whom and why, within a second.
//
// The queue's own socket brings it too; any other page opens one here, which may tell it that there is news of its own.
// Without a socket the page asks now and then.

const POLL = 15_000;
const SIGNED_OUT = 4401;
const NOT_ALLOWED = 4403;
const NOTICES = "/ws/notices/";

const banner = () => document.getElementById("banner");
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
const halts = (of) => [...of.querySelectorAll(".halt")].map((halt) => halt.textContent).join("\n");
const told = () => "told" in banner().dataset; // the socket is open
const note = (open) => banner().toggleAttribute("data-told", open);

function take(html) {
  const template = document.createElement("template");
  // eslint-disable-next-line no-restricted-properties -- what the server drew; in a template nothing runs
  template.innerHTML = html;
  const news = template.content.getElementById("bell-news");
  if (news) tell("page:bell", { news });
  if (template.content.getElementById("resync")) tell("page:resync");
  show(template.content.getElementById("banner"));
}

function show(fresh) {
  const old = banner();
  if (!fresh || !old || fresh.dataset.version === old.dataset.version) return;
  const before = halts(old);
  old.dataset.version = fresh.dataset.version;
  old.hidden = fresh.hidden;
  old.replaceChildren(...fresh.childNodes); // in a region that is read aloud when it changes
  if (before !== halts(old)) tell("page:halts");
}
document.addEventListener("page:banner", ({ detail }) => show(detail.banner));

// --- A socket of our own ---------------------------------------------------------------------

let tries = 0;
let path = document.querySelector("[data-socket]")?.dataset.socket ?? NOTICES;

function listen() {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.searchParams.set("seen", banner().dataset.version);
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => {
    note(true);
    tries = 0;
    tell("page:socket", { open: true });
  });
  socket.addEventListener("message", ({ data }) => take(data));
  socket.addEventListener("close", ({ code }) => {
    note(false);
    tell("page:socket", { open: false });
    if (code === SIGNED_OUT) return tell("page:signed-out");
    if (code === NOT_ALLOWED) path = NOTICES; // which are everybody's
    const wait = Math.min(10_000, 500 * 2 ** tries++) * (0.5 + Math.random() / 2);
    setTimeout(listen, wait);
  });
}

async function ask() {
  if (told() || document.hidden) return;
  const answer = await fetch("/notices/");
  if (answer.ok && !answer.redirected) take(await answer.text());
}

if (banner()) {
  if (document.querySelector("[ws-connect]")) {
    document.addEventListener("htmx:wsOpen", () => note(true));
    document.addEventListener("htmx:wsClose", () => note(false));
  } else {
    listen();
  }
  setInterval(() => ask().catch(() => {}), POLL);
}
