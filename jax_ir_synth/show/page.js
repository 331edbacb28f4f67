// The page: it reads the data, lists, filters and searches the rows, and handles keys, address and theme.

const byId = (id) => document.getElementById(id);
const FILTERS = ["category", "split", "verified"];
const THEMES = {system: ["◐", "system"], light: ["☀", "light"], dark: ["☾", "dark"]};
const DEBOUNCE = 120;
let DATA;
let items = [];
let visible = [];
let current = -1;
let texts = null;
let waiting = 0;

/** Decode the data: JSON, compressed, in base64. Nothing is fetched. */
async function readData() {
  const coded = byId("data").textContent;
  const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

async function start() {
  setTheme(remembered("theme") || "system");
  if (!window.DecompressionStream) {
    byId("count").textContent = "";
    byId("row").append(make("p", {class: "note"},
      "This browser is too old for this page, which needs Chrome 80, Firefox 113, Safari 16.4 or newer."));
    document.body.classList.add("row");
    return;
  }
  DATA = await readData();
  const all = DATA.total === DATA.rows.length;
  byId("about").textContent = `${DATA.title}: ${all ? "all " : ""}${DATA.rows.length}` +
    `${all ? "" : ` of ${DATA.total}`} rows`;
  fillFilters();
  fillList();
  listen();
  filter();
  route(true);
  document.documentElement.dataset.ready = Math.round(performance.now());
}

function valueOf(index, name) {
  return name === "verified" ? DATA.rows[index].verified || "unknown" : DATA.views[index][name];
}

function fillFilters() {
  const indexes = DATA.rows.keys();
  const values = [...indexes].map((index) => FILTERS.map((name) => valueOf(index, name)));
  FILTERS.forEach((name, place) => {
    const counts = new Map();
    for (const row of values) counts.set(row[place], (counts.get(row[place]) || 0) + 1);
    byId(name).append(make("option", {value: ""}, "All"),
      ...[...counts].map(([value, count]) => make("option", {value}, `${value} (${count})`)));
  });
  byId("differing").textContent = DATA.views.filter((view) => view.differs).length;
}

function fillList() {
  items = DATA.rows.map((row, index) => {
    const {category, split, differs} = DATA.views[index];
    return make("div", {class: "item", role: "option", id: `item-${index}`, "aria-selected": "false",
      onclick: () => select(index, true)},
    make("b", {}, row.kernel_name),
    differs ? make("i", {class: "mark", title: "CPU and CUDA differ"}, "CPU ≠ CUDA") : make("i", {}),
    make("small", {}, `${row.id} · ${category} · ${split}`));
  });
  byId("list").append(...items);
}

function searchTerms() {
  return byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
}

function filter() {
  const wanted = FILTERS.map((name) => byId(name).value);
  const terms = searchTerms();
  if (terms.length) {
    texts ??= DATA.rows.map((row) =>
      [row.id, row.kernel_name, row.python, row.cpp, row.cuda].join("\n").toLowerCase());
  }
  visible = [];
  items.forEach((item, index) => {
    const fits = FILTERS.every((name, place) => !wanted[place] || valueOf(index, name) === wanted[place])
      && (!byId("differs").checked || DATA.views[index].differs)
      && terms.every((term) => texts[index].includes(term));
    item.hidden = !fits;
    if (fits) visible.push(index);
  });
  const count = `${visible.length} of ${items.length} rows`;
  byId("count").textContent = visible.length ? count : "No row matches";
  byId("clear").hidden = visible.length === items.length;
  markHits(document.querySelectorAll("main .code"), terms);
}

/** Show a row. `pushed`: the browser's Back returns from it. */
function select(index, pushed = false) {
  const address = `#id=${DATA.rows[index].id}`;
  if (location.hash !== address) {
    if (pushed) location.hash = address;
    else location.replace(address);
  }
  document.body.classList.add("row");
  if (index === current) return;
  items[current]?.setAttribute("aria-selected", "false");
  current = index;
  items[index].setAttribute("aria-selected", "true");
  byId("list").setAttribute("aria-activedescendant", items[index].id);
  items[index].scrollIntoView({block: "nearest"});
  document.title = `${DATA.rows[index].kernel_name} · row ${DATA.rows[index].id}`;
  showRow(index);
}

/** Go to the next or previous listed row, and from a hidden row to the nearest listed one. */
function step(by) {
  const after = visible.findIndex((index) => index >= current);
  let place = after < 0 ? visible.length : after;
  if (visible[place] === current || by < 0) place += by;
  if (place >= 0 && place < visible.length) select(visible[place]);
}

function showList() {
  document.body.classList.remove("row");
  byId("list").focus();
}

/** Follow the address, `#id=42`. */
function route(first) {
  const id = /^#id=(-?\d+)$/.exec(location.hash)?.[1];
  const narrow = matchMedia("(max-width: 760px)").matches;
  if (id === undefined) {
    if (first && visible.length && !narrow) select(visible[0]);
    else if (!location.hash) document.body.classList.remove("row");
    return;
  }
  const index = DATA.rows.findIndex((row) => String(row.id) === id);
  if (index >= 0) {
    if (items[index].hidden) clearFilters();
    select(index);
    return;
  }
  items[current]?.setAttribute("aria-selected", "false");
  current = -1;
  document.body.classList.add("row");
  byId("row").replaceChildren(make("p", {class: "note", role: "alert"},
    `Row ${id} is none of the ${DATA.rows.length} rows of this page.`));
}

function clearFilters() {
  byId("filters").reset();
  filter();
}

function listen() {
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, DEBOUNCE);
  });
  for (const name of [...FILTERS, "differs"]) byId(name).addEventListener("change", filter);
  byId("clear").addEventListener("click", clearFilters);
  byId("theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    setTheme(names[(names.indexOf(theme) + 1) % names.length]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(theme));
  window.addEventListener("hashchange", () => route(false));
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const {target, key} = event;
  if (target === byId("search")) {
    if (key === "Escape" || key === "Enter") byId("list").focus();
    if (key === "Escape") clearFilters();
    return;
  }
  const arrows = !target.matches("select, input, pre");
  const actions = {
    j: () => step(1), k: () => step(-1),
    "/": () => { showList(); byId("search").focus(); byId("search").select(); },
    p: () => turn("pass", shownPasses), d: () => turn("side", ["cpp", "cuda", "diff"]),
    ...(arrows ? {ArrowDown: () => step(1), ArrowUp: () => step(-1)} : {}),
    ...(target === byId("list") ? {Enter: () => current >= 0 && select(current)} : {}),
  };
  if (target.matches("select") || !Object.hasOwn(actions, key)) return;
  event.preventDefault();
  actions[key]();
}

function turn(name, values) {
  chosen[name] = values[(values.indexOf(chosen[name]) + 1) % values.length];
  refreshIr();
}

let theme = "system";

function setTheme(name) {
  theme = Object.hasOwn(THEMES, name) ? name : "system";
  const dark = theme === "dark" ||
    (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const [sign, words] = THEMES[theme];
  byId("theme").textContent = sign;
  byId("theme").title = `Theme: ${words}`;
  byId("theme").setAttribute("aria-label", `Theme: ${words}`);
  remember("theme", theme);
}

// A browser may store nothing for a page from the file system. The page works without it.
function remembered(name) {
  try { return localStorage.getItem(`jax_ir_synth.${name}`); } catch { return null; }
}

function remember(name, value) {
  try { localStorage.setItem(`jax_ir_synth.${name}`, value); } catch { /* not stored */ }
}

start().catch((error) => { byId("count").textContent = `This page is broken: ${error.message}`; });
