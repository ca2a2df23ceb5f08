"use strict";
// Sorts and filters the tables, reads out the pairwise matrix, and switches the colours.
// The page reads the same without it. Names reach the page as text alone, never as markup.

const THEME = "fusemark-theme";

/** Set the page's colours: "light", "dark", or "" for what the reader's system prefers. */
function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** Read or keep the choice of colours; a browser may forbid a local file to keep anything. */
function kept(theme) {
  try {
    if (theme !== undefined) localStorage.setItem(THEME, theme);
    const found = localStorage.getItem(THEME);
    return found === "light" || found === "dark" ? found : "";
  } catch {
    return theme || "";
  }
}

/** Make an element with properties and children. */
function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const collator = new Intl.Collator("en", { numeric: true });

/** Return a cell's number or text to sort by; null where it is not known. */
function known(cell, numeric) {
  if (numeric) return cell.dataset.value ? Number(cell.dataset.value) : null;
  const text = cell.textContent.trim();
  return text === "" || text === "–" ? null : text;
}

/** Let a table be sorted by its column heads: numbers from the largest, names from a. */
function sortable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (rows.length < 2 || !body.querySelector("[data-value]")) return;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, i) => {
    const numeric = head.classList.contains("n");
    if (rows.every((row) => known(row.cells[i], numeric) === null)) return;
    const button = made("button", { type: "button", className: "sort" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const last = head.getAttribute("aria-sort");
      const falling = last ? last === "ascending" : numeric;
      const keys = new Map(rows.map((row) => [row, known(row.cells[i], numeric)]));
      const rise = (x, y) => (numeric ? x - y : collator.compare(x, y));
      rows.sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return falling ? rise(y, x) : rise(x, y);
      });
      body.append(...rows);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    });
  });
}

/** Show a pair's sentence below the matrix, for the pointer and for the arrow keys. */
function guided(table) {
  const line = made("p", { className: "pair" }, "Point at a cell, or go there with the arrow keys.");
  line.setAttribute("aria-live", "polite");
  const scroll = table.parentElement;
  const box = made("div", { className: "guide" });
  scroll.before(box);
  box.append(scroll, line);
  table.setAttribute("role", "grid");
  table.setAttribute("aria-labelledby", table.caption.id);
  const cells = [...table.querySelectorAll("td[data-sentence]")];
  cells.forEach((cell) => cell.removeAttribute("title")); // the line says more
  let marked = [];
  let stop = null; // the one cell that the tab key reaches

  const show = (cell) => {
    line.textContent = cell.dataset.sentence;
    marked.forEach((one) => one.classList.remove("at"));
    marked = [cell, cell.parentElement.cells[0], table.tHead.rows[0].cells[cell.cellIndex]];
    marked.forEach((one) => one.classList.add("at"));
  };
  const rest = (cell) => {
    if (stop) stop.tabIndex = -1;
    stop = cell;
    stop.tabIndex = 0;
  };
  const found = (event) => event.target.closest("td[data-sentence]");

  table.addEventListener("mouseover", (event) => found(event) && show(found(event)));
  table.addEventListener("click", (event) => {
    if (!found(event)) return;
    rest(found(event));
    stop.focus();
  });
  table.addEventListener("focusin", (event) => found(event) && show(found(event)));
  table.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!found(event) || !(event.key in step)) return;
    event.preventDefault();
    const [down, right] = step[event.key];
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    let y = rows.indexOf(stop.parentElement);
    let x = stop.cellIndex;
    do {
      y += down;
      x += right;
    } while (rows[y]?.cells[x]?.matches("td:not([data-sentence])")); // over the diagonal
    const next = rows[y]?.cells[x];
    if (next?.matches("td")) {
      rest(next);
      next.focus();
    }
  });
  if (cells.length) rest(cells[0]);
  table.addEventListener("filtered", () => {
    const left = cells.find((cell) => !cell.parentElement.hidden);
    if (left && stop.parentElement.hidden) rest(left);
  });
}

/** Let the reader choose datasets, metrics and methods. */
function filtered(bar) {
  const words = bar.querySelector("input[type=search]");
  const status = bar.querySelector("[role=status]");
  const reset = bar.querySelector("button");
  const holders = { dataset: "section", metric: "thead th", method: "section:not(#missing, #provenance) tr" };
  const names = {};
  for (const [kind, holder] of Object.entries(holders)) {
    const all = [...document.querySelectorAll(`${holder}[data-${kind}]`)];
    names[kind] = [...new Set(all.map((one) => one.dataset[kind]))];
    const boxes = names[kind].map((value) =>
      made("label", {}, made("input", { type: "checkbox", checked: true, value }), ` ${value}`),
    );
    const set = bar.querySelector(`fieldset[data-choice=${kind}]`);
    set.append(...boxes);
    set.hidden = boxes.length < 2;
  }

  const apply = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = { dataset: new Set(), metric: new Set(), method: new Set() };
    for (const box of bar.querySelectorAll("fieldset input:not(:checked)")) {
      off[box.closest("fieldset").dataset.choice].add(box.value);
    }
    for (const name of asked.length ? names.method : []) {
      if (!asked.some((word) => name.toLowerCase().includes(word))) off.method.add(name);
    }
    for (const row of document.querySelectorAll(`${holders.method}[data-method]`)) {
      const other = row.dataset.other;
      row.hidden = off.method.has(row.dataset.method) && !(other && !off.method.has(other));
    }
    for (const [kind, gone] of Object.entries(off)) {
      for (const head of document.querySelectorAll(`thead th[data-${kind}]`)) {
        const hidden = gone.has(head.dataset[kind]);
        for (const row of head.closest("table").rows) row.cells[head.cellIndex].hidden = hidden;
      }
    }
    for (const section of document.querySelectorAll("section[data-dataset]")) {
      section.hidden = off.dataset.has(section.dataset.dataset);
      const at = CSS.escape(`#${section.id}`);
      const links = `nav a[href="${at}"], #summary h3 a[href="${at}"]`;
      for (const link of document.querySelectorAll(links)) {
        link.closest("li, .finding").hidden = section.hidden;
      }
    }
    const counts = Object.entries(off).filter(([, gone]) => gone.size);
    const say = ([kind, gone]) => `${gone.size} of ${names[kind].length} ${kind}s`;
    status.textContent = counts.length ? `Hidden: ${counts.map(say).join(", ")}` : "";
    reset.hidden = !counts.length && !asked.length;
    for (const table of document.querySelectorAll("table.matrix")) {
      table.dispatchEvent(new Event("filtered"));
    }
  };
  bar.addEventListener("input", apply);
  reset.addEventListener("click", () => {
    words.value = "";
    for (const box of bar.querySelectorAll("fieldset input")) box.checked = true;
    apply();
    bar.querySelector("summary").focus();
  });
  bar.addEventListener("keydown", (event) => {
    const panel = event.target.closest("details[open]");
    if (event.key !== "Escape" || !panel) return;
    panel.open = false;
    panel.querySelector("summary").focus();
  });
}

paint(kept()); // before anything is drawn

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table:not(.matrix)").forEach(sortable);
  document.querySelectorAll("table.matrix").forEach(guided);
  const bar = document.getElementById("view");
  filtered(bar);
  const theme = bar.querySelector("select");
  theme.value = kept();
  theme.addEventListener("change", () => paint(kept(theme.value)));
  bar.hidden = false;
});
