// @ts-check
// Time left and time ago, by the server's clock: a wrong clock at the desk changes nothing. Which point in time it is
// says `datetime` of the <time>, how it is told its `data-deadline`, `data-ago`, `data-clock` or `data-moment`.

const page = document.documentElement;
const skew = Date.parse(page.dataset.now) - performance.timeOrigin || 0;
const now = () => Date.now() + (Math.abs(skew) > 5000 ? skew : 0);
const SOON = 15 * 60;

function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function countDown(time) {
  const left = Math.floor((Date.parse(time.dateTime) - now()) / 1000);
  if (Number.isNaN(left)) return;
  const text = left > 0 ? span(left) + (time.dataset.suffix ?? "") : "time is up";
  if (time.textContent !== text) time.textContent = text;
  const urgency = left <= 0 ? "late" : left < SOON ? "soon" : "";
  if ((time.dataset.urgency ?? "") !== urgency) time.dataset.urgency = urgency;
}

function ago(time) {
  const passed = Math.max(0, Math.floor((now() - Date.parse(time.dateTime)) / 1000));
  const text = passed < 10 ? "just now" : `${span(passed)} ago`;
  if (time.textContent !== text) time.textContent = text;
}

const sameDay = (a, b) => a.toDateString() === b.toDateString();

function clock(time) {
  const at = new Date(time.dateTime);
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  if (!sameDay(at, new Date(now()))) Object.assign(options, { day: "numeric", month: "short" });
  time.textContent = at.toLocaleString("en-GB", options);
}

/** A point in time that an argument names, as the clock of whoever reads it has it. */
function moment(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) return;
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { weekday: "long", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  time.textContent = `${at.toLocaleString("en-GB", { ...options, hourCycle: "h23" })}, your time`;
}

/** @param {ParentNode} root */
function all(root = document) {
  for (const time of root.querySelectorAll("time[data-deadline]")) countDown(time);
  for (const time of root.querySelectorAll("time[data-ago]")) ago(time);
  // What holds until a certain time ends by itself.
  for (const it of root.querySelectorAll("[data-until]")) if (Date.parse(it.dataset.until) <= now()) it.remove();
}

/** @param {ParentNode} root */
function full(root = document) {
  for (const time of root.querySelectorAll("time[data-clock]")) clock(time);
  for (const time of root.querySelectorAll("time[data-moment]")) moment(time);
  /** @type {NodeListOf<HTMLTimeElement>} */
  const times = root.querySelectorAll("time:is([data-deadline], [data-ago]):not([title])");
  for (const time of times) {
    time.title = new Date(time.dateTime).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
  }
  all(root);
}

full();
setInterval(all, 1000);
document.addEventListener("htmx:afterSwap", (event) => full(event.target));
document.addEventListener("desk:rows", () => full());
