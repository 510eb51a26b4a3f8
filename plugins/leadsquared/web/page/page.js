import { overview, feed, rows, run, found, delivery } from "./views.js";
import { node } from "./parts.js";

const $ = id => document.getElementById(id);
const REFRESH_MS = 2500;
let shown = "", timer = 0, visit = 0;

class Refused extends Error {}

async function ask(path) {
  const reply = await fetch(`../api/${path}`, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (reply.status === 401) throw new Refused("Sign in to Airflow in this browser, then come back to this page.");
  const body = await reply.json().catch(() => ({}));
  if (reply.ok) return body;
  throw new Refused(typeof body.detail === "string" ? body.detail : `Airflow answered ${reply.status}.`);
}

/* A person may have typed the address: a lone % is taken as it stands. */
const decoded = part => { try { return decodeURIComponent(part); } catch { return part; } };
const asked = parts => parts.map(encodeURIComponent).join("/");
/* Route, what it asks for, how it is drawn. A view that returns true lives on and is asked for again. */
const ROUTES = {
  "": () => ["overview", overview],
  feed: name => [`feeds/${asked([name])}`, feed],
  rows: (name, state, reason) => [`feeds/${asked([name])}/rows?${new URLSearchParams(reason ? { state, reason } : { state })}`, (data, main) => rows(data, main, name, state, reason)],
  run: (dag, id) => [`runs/${asked([dag, id])}`, run],
  find: query => [`search?${new URLSearchParams({ q: query })}`, (data, main) => found(data, main, query)],
  row: key => [`deliveries/${asked([key])}`, delivery],
};

function state(kind, words) {
  $("state").className = `state ${kind}`;
  $("state").lastChild.textContent = words;
}

async function refresh(here) {
  clearTimeout(timer);
  const [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (name === "find" && rest[0]) $("query").value ||= rest[0];
  const [path, draw] = (ROUTES[name] || ROUTES[""])(...rest);
  let lives = true;
  try {
    const data = await ask(path);
    if (here !== visit) return;
    const view = JSON.stringify(data, (key, value) => key === "now" ? undefined : value);
    const main = node("main");
    lives = draw(data, main) !== false;
    /* Drawn only when what it shows has changed, so that focus, selection and scrolling stay. */
    if (view !== shown) replace(main);
    shown = view;
    state(lives ? "" : "still", lives ? "live" : "final");
  } catch (error) {
    if (here !== visit) return;
    if (error instanceof Refused) {
      lives = false;
      replace(node("main", {}, node("section", { class: "card" }, node("p", { class: "empty" }, error.message))));
      state("still", "");
    } else state("down", "not reachable, trying again");
  }
  if (lives) timer = setTimeout(() => document.hidden ? wait(here) : refresh(here), REFRESH_MS);
}

const wait = here => document.addEventListener("visibilitychange", () => refresh(here), { once: true });

function replace(main) {
  const focused = document.activeElement?.getAttribute?.("href");
  $("main").replaceChildren(...main.childNodes);
  if (focused) $("main").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function go() {
  visit += 1;
  shown = "";
  refresh(visit);
}

$("search").addEventListener("submit", event => {
  event.preventDefault();
  const query = $("query").value.trim();
  if (query) location.hash = `#/find/${encodeURIComponent(query)}`;
});
addEventListener("hashchange", () => { scrollTo(0, 0); $("main").focus({ preventScroll: true }); go(); });
addEventListener("keydown", event => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $("query").focus(); }
});
go();
