// Keys, theme, filter, times in the viewer's zone, and a word when the server is away.

const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = `${day.format(at)}, ${clock.format(at)}`;
    if (element.textContent !== text) {
      element.textContent = text;
      element.title = full.format(at);
    }
  }
}

// on a phone the list of pages is longer than the screen: bring the current one into sight
document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// ---- moments to look for: typed in the viewer's zone, sent as UTC --------------------------------

for (const field of document.querySelectorAll("input[data-at]")) {
  const text = field.dataset.at;
  const at = new Date(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  if (text && !Number.isNaN(at.getTime())) {
    field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
}

document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll("input[data-at]")) {
    const at = new Date(field.value);
    if (Number.isNaN(at.getTime())) event.formData.delete(field.name);
    else event.formData.set(field.name, at.toISOString());
  }
});

// ---- filter -------------------------------------------------------------------------------------

const typing = (element) => element instanceof HTMLElement && element.matches("input, textarea, select");

function filter() {
  const field = document.getElementById("filter");
  if (!field) return;
  const wanted = field.value.trim().toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll("li.incident")) {
    row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  const none = document.getElementById("no-match");
  if (none) none.hidden = shown > 0;
}

document.addEventListener("input", (event) => {
  if (event.target.id === "filter") filter();
});

// ---- theme --------------------------------------------------------------------------------------

const root = document.documentElement;
const themes = ["", "light", "dark"];

function theme(next) {
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  try {
    if (next) localStorage.setItem("mumetal-theme", next);
    else localStorage.removeItem("mumetal-theme");
  } catch { /* not kept, still shown */ }
  name();
  document.dispatchEvent(new Event("mumetal:theme"));
}

function name() {
  const now = root.dataset.theme || "follow the system";
  document.getElementById("theme").setAttribute("aria-label", `Theme: ${now}`);
}

const turn = () => theme(themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length]);
document.getElementById("theme").addEventListener("click", turn);
name();

// ---- keys ---------------------------------------------------------------------------------------

const keys = document.getElementById("keys");
const showKeys = () => { if (!keys.open) keys.showModal(); };
document.getElementById("help").addEventListener("click", showKeys);

function step(by) {
  const all = [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  if (all.length === 0) return;
  const list = document.querySelector("ol.incidents [data-row]");
  const here = all.indexOf(document.activeElement);
  const start = list ? Math.max(0, all.indexOf(list)) : 0;
  const next = here < 0 ? start : Math.min(all.length - 1, Math.max(0, here + by));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") {
      if (event.target.id === "filter") { event.target.value = ""; filter(); }
      event.target.blur();
    }
    return;
  }
  if (keys.open) return;
  const act = {
    j: () => step(1),
    k: () => step(-1),
    o: () => { location.href = "/"; },
    t: turn,
    "?": showKeys,
    "/": () => (document.getElementById("filter") ?? { focus() {} }).focus(),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

// ---- refresh ------------------------------------------------------------------------------------

const link = document.getElementById("link");
const away = (is) => { link.hidden = !is; };
document.addEventListener("htmx:error", () => away(true));
document.addEventListener("htmx:response:error", () => away(true));
document.addEventListener("htmx:after:swap", () => away(false));

// microtasks run before the next paint: refreshed rows are never seen unfiltered or in another zone
new MutationObserver(() => { localise(document.body); filter(); })
  .observe(document.getElementById("main"), { childList: true, subtree: true, characterData: true });
localise(document.body);
filter();
