/* What the views are built of. All text goes through textContent: reasons may quote what a CRM wrote. */

export function node(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ""));
  return made;
}

export const number = value => (value ?? 0).toLocaleString("en-GB");
export const text = value => node("bdi", {}, String(value ?? ""));
export const chip = state => node("span", { class: `chip ${state}` }, state);
export const link = (path, label) => node("a", { href: `#/${path.map(encodeURIComponent).join("/")}` }, label);

/* Airflow shows this page in a frame that may not lead its window elsewhere; a link of Airflow's own document may. */
export function airflowLink(href, label) {
  const made = node("a", { href }, label);
  made.addEventListener("click", event => {
    if (window.parent === window) return;
    event.preventDefault();
    const outer = window.parent.document.createElement("a");
    outer.href = made.href;
    outer.click();
  });
  return made;
}

export function when(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  const shown = date.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return node("time", { datetime: iso, title: date.toISOString() }, shown);
}

export function age(iso, now = Date.now()) {
  if (!iso) return "";
  return duration((now - new Date(iso)) / 1000);
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${(whole / 3600).toFixed(1)} h`;
  return `${Math.round(whole / 86400)} days`;
}

const MOODS = { created: "good", rejected: "bad", invalid: "bad", unknown: "bad", held: "warn" };
export const tile = (label, value, mood = "") =>
  node("div", { class: `tile ${value ? mood || MOODS[label] || "" : ""}` }, node("b", {}, typeof value === "number" ? number(value) : value), node("span", {}, label));

export function card(title, note, ...content) {
  return node("section", { class: "card" }, node("h3", {}, title, note ? node("small", {}, note) : null), ...content);
}

export function table(columns, rows, empty) {
  if (!rows.length) return node("p", { class: "empty" }, empty);
  const head = columns.map(([label, kind]) => node("th", { class: kind === "number" ? kind : "", scope: "col" }, label));
  const body = rows.map(cells => node("tr", {}, cells.map((cell, place) => node("td", { class: columns[place][1] || "" }, cell))));
  return node("div", { class: "scroll" }, node("table", {}, node("thead", {}, node("tr", {}, head)), node("tbody", {}, body)));
}

export function title(path, heading, ...notes) {
  return node("div", {}, path.length ? node("div", { class: "path" }, path) : null, node("div", { class: "title" }, node("h2", {}, text(heading)), ...notes));
}
