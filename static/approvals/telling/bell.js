// @ts-check
// The bell: keeps its number true, tells the server that a page is in the foreground, and lets the browser show
// what comes while none is. Nothing is asked of the browser before somebody presses the button for it.

const EVERY = 20_000;

const bell = document.getElementById("bell");

function ring({ unread, unread_shown: shown }) {
  const count = document.getElementById("bell-count");
  count.hidden = !Number(unread);
  count.querySelector("[data-bell-number]").textContent = shown;
}

/** A push: the number, and perhaps a line to show outside the page. */
document.addEventListener("page:bell", ({ detail: { news } }) => {
  const { unread, shown, text, path } = news.dataset;
  ring({ unread, unread_shown: shown });
  if (text && document.hidden) show(text, path);
});

function show(text, path) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    // One at a time, and of all our pages together one: the tag says that it is the same.
    const shown = new Notification("reviewapp", { body: text, tag: "reviewapp" });
    shown.addEventListener("click", () => {
      window.focus();
      location.assign(path);
      shown.close();
    });
  } catch {
    // Some browsers show notices for installed pages only.
  }
}

// --- In the foreground -------------------------------------------------------------------------

async function beat() {
  if (document.hidden) return;
  const { "X-CSRFToken": token } = JSON.parse(document.body.getAttribute("hx-headers"));
  const desk = document.getElementById("queue") ? "1" : "0";
  const answer = await fetch(bell.dataset.here, {
    method: "POST",
    headers: { "X-CSRFToken": token, "HX-Request": "true" },
    body: new URLSearchParams({ desk }),
  });
  if (answer.ok && !answer.redirected) ring(await answer.json());
}

const quietly = () => beat().catch(() => {});
if (bell) {
  quietly();
  setInterval(quietly, EVERY);
  document.addEventListener("visibilitychange", quietly);
}

// --- May the browser show notices? -----------------------------------------------------------------

const WORDS = {
  granted: "This browser shows notices while one of these pages is open in the background.",
  denied: "This browser was told not to show notices of this site. Its own settings can change that.",
  default: "This browser has not been asked whether it may show notices.",
};

const asking = document.querySelector("[data-browser-ask]");
if (asking && "Notification" in window) {
  const button = asking.querySelector("[data-browser-button]");
  const say = () => {
    asking.querySelector("[data-browser-state]").textContent = WORDS[Notification.permission];
    button.hidden = Notification.permission !== "default";
  };
  asking.hidden = false;
  say();
  button.addEventListener("click", () => Notification.requestPermission().then(say));
}
